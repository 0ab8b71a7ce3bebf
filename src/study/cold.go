package study

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// Cold is how the probe makes targets cold where the sub-experiment forces cold starts, nil where it does not.
// functions gives the endpoints of the functions that answer at a target, which are more than one where it heads a
// chain.
func (e *Env) Cold(functions func(target int) []Endpoint) (*probe.Cold, error) {
	if e.Sub.ColdStart != experiment.ColdForce {
		return nil, nil
	}
	if e.MakeCold == nil {
		return nil, fail.Unsupported("sub-experiment %d (%s): ColdStart %s: these functions cannot be made cold on "+
			"demand", e.Index, e.Sub.Title, experiment.ColdForce)
	}
	return &probe.Cold{Retries: e.Sub.MaxRetries, Make: func(ctx context.Context, targets []int) error {
		var all []Endpoint
		for _, t := range targets {
			all = append(all, functions(t)...)
		}
		return e.MakeCold(ctx, all...)
	}}, nil
}
