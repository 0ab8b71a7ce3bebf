// Package burst is the experiment type burst: every round one burst to each endpoint, of the round's size and service
// time; or a sustained load in place of the bursts.
package burst

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures bursts.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// Functions are Parallelism functions, all alike.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	return study.Replicas(sub, sub.Parallelism)
}

// Needs are the capacity for the load, and cold starts on demand where the file asks for them.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	return append(study.ColdStart(sub), study.Capacity(sub))
}

// Run probes the endpoints and writes latencies.csv, and cmds.csv where requests ask for micro-tests. Its errors are
// those of Env.Measure.
func (Study) Run(ctx context.Context, env study.Env) error {
	err := env.Check()
	if err != nil {
		return err
	}
	targets := make([]probe.Target, len(env.Endpoints))
	for i, e := range env.Endpoints {
		targets[i] = env.Target(e)
	}
	load := env.Load(targets...)
	load.Cold, err = env.Cold(func(target int) []study.Endpoint { return env.Endpoints[target : target+1] })
	if err != nil {
		return err
	}
	further := env.AskCmds(&load)
	return env.Measure(ctx, load, further...)
}

// Summarize reads latencies.csv, cmds.csv where the file has Cmds, and the run's record.
func (s Study) Summarize(dir string) (study.Summary, error) { return study.SummarizeFolder(s, dir) }

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, err := study.FromLatencies{}.SummarizeWith(rec, dir)
	if err != nil {
		return sum, err
	}
	sub, err := study.SubExperiment(rec, dir)
	if err != nil {
		return sum, err
	}
	err = study.SummarizeCmds(&sum, sub, dir)
	return sum, err
}
