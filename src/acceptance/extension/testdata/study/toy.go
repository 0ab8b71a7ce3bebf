// Package toy is an experiment type for a test: as many functions as the file says, each of which is called once.
package toy

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study calls each function once.
type Study struct{ study.FromLatencies }

var _ study.Study = Study{}

// Functions are ToyFunctions functions, each with 64 MiB more memory than the one before.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	all := study.Replicas(sub, sub.ToyFunctions)
	for i := range all {
		all[i].MemoryMB += 64 * i
		all[i].Env["TOY"] = "1"
	}
	return all
}

// Needs is the capacity for the load.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	return []study.Need{study.Capacity(sub)}
}

// Run calls the functions one after the other.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	env.Sub.Bursts = env.Sub.ToyFunctions
	targets := make([]probe.Target, len(env.Endpoints))
	for i, e := range env.Endpoints {
		targets[i] = env.Target(e)
	}
	return env.Measure(ctx, env.Load(targets...))
}
