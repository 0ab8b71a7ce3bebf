// Package burst is the experiment type burst: every round one burst to each endpoint, of the round's size and service
// time; or a sustained load in place of the bursts.
package burst

import (
	"context"

	"stellar/src/experiment"
	"stellar/src/probe"
	"stellar/src/study"
)

// Study measures bursts.
type Study struct{ study.FromLatencies }

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

// Run probes the endpoints and writes latencies.csv. Its errors are those of Env.Measure.
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
	return env.Measure(ctx, load)
}
