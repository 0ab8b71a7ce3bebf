package pipeline

import (
	"context"
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// besideClient starts a process of the run's own, which keeps off the cores that the client is to have to itself, as
// does all that it starts.
func (o Options) besideClient(start func() error) error {
	if o.ClientCores == nil {
		return start()
	}
	others, err := o.ClientCores.Beside()
	if err != nil {
		return err
	}
	return others.Run(start)
}

// bindClient lets the client run on the cores that it is to have to itself, until release is called.
func (o Options) bindClient(r *run.Run) (release func() error, err error) {
	if o.ClientCores == nil {
		return func() error { return nil }, nil
	}
	others, err := o.ClientCores.Beside()
	if err != nil {
		return nil, err
	}
	r.Record.Notes = append(r.Record.Notes, fmt.Sprintf(
		"the client measured on cores %s, the run's own local platform and object store ran on %s",
		o.ClientCores, others))
	return o.ClientCores.Bind()
}

// sender sends the load of a sub-experiment, as probe.Run does.
type sender func(context.Context, probe.Config) (probe.Outcome, error)

// reserveProcessors binds the client and gives it the processors that its threads have for so many sub-experiments,
// until release is called.
func (s probeStage) reserveProcessors(r *run.Run, subs int) (send sender, release func() error, err error) {
	unbind, err := s.bindClient(r)
	if err != nil {
		return nil, nil, err
	}
	if r.Experiment.Sequential {
		subs = 1
	}
	processors, giveBack := probe.ReserveProcessors(subs)
	send = func(ctx context.Context, cfg probe.Config) (probe.Outcome, error) {
		cfg.Processors = processors
		return probe.Run(ctx, cfg)
	}
	return send, func() error { giveBack(); return unbind() }, nil
}
