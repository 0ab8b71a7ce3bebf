package study

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Recorder writes the rows of all probes of one sub-experiment into its latencies.csv. It is for studies that probe
// more than once; Env.Measure is for one probe.
type Recorder struct {
	env *Env

	mu     sync.Mutex
	table  *sample.Writer
	bursts int // numbers given to bursts so far
	result Result
}

// Record begins the sub-experiment's latencies.csv. A file that is there already is an error of bad input.
func (e *Env) Record() (*Recorder, error) {
	if err := os.MkdirAll(e.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("sub-experiment %d: make its folder: %w", e.Index, err)
	}
	table, err := sample.Create(filepath.Join(e.Dir, LatenciesFile))
	if err != nil {
		return nil, fmt.Errorf("sub-experiment %d: %w", e.Index, err)
	}
	return &Recorder{env: e, table: table}, nil
}

// Send probes, and gives each burst's rows to sink once they are durable in latencies.csv. Burst numbers count on from
// probe to probe; rounds count from the given one.
// Probes may be sent side by side; calls of sink do not overlap. Its error is that of the probe, of sink, or an
// ErrorRatio where more requests of all probes failed than MaxErrorRatio allows.
func (r *Recorder) Send(ctx context.Context, cfg probe.Config, round int,
	sink func(burst []sample.Sample) error) error {
	cfg.MaxErrorRatio = 1
	cfg.Progress = nil
	cfg.Sink = func(burst []sample.Sample) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range burst {
			burst[i].Burst, burst[i].Round = r.bursts, burst[i].Round+round
			r.table.AppendRow(&burst[i])
		}
		r.bursts++
		if err := r.table.Flush(); err != nil {
			return err
		}
		r.result.Rows += len(burst)
		return sink(burst)
	}
	send := r.env.Probe
	if send == nil {
		send = probe.Run
	}
	outcome, err := send(ctx, cfg)
	r.mu.Lock()
	defer r.mu.Unlock()
	total := &r.result.Outcome
	total.Bursts += outcome.Bursts
	total.Requests += outcome.Requests
	total.Errors += outcome.Errors
	total.Cut += outcome.Cut
	total.Late += outcome.Late
	total.NewConns += outcome.NewConns
	total.Reopened += outcome.Reopened
	total.Suspect += outcome.Suspect
	total.Resent += outcome.Resent
	total.MaxLateness = max(total.MaxLateness, outcome.MaxLateness)
	if total.Classes == nil {
		total.Classes = map[sample.Class]int{}
	}
	for class, n := range outcome.Classes {
		total.Classes[class] += n
	}
	if err != nil {
		return fmt.Errorf("sub-experiment %d (%s): %w", r.env.Index, r.env.Sub.Title, err)
	}
	const from = 10 // requests
	if limit := r.env.Sub.MaxErrorRatio; total.Requests >= from &&
		float64(total.Errors) > limit*float64(total.Requests) {
		return &probe.ErrorRatio{Requests: total.Requests, Errors: total.Errors, Limit: limit,
			Classes: maps.Clone(total.Classes)}
	}
	return nil
}

// Close ends the file and passes what was measured to Env.Measured; err is what ended the study.
func (r *Recorder) Close(err error) error {
	if r.env.Measured != nil {
		r.env.Measured(r.result)
	}
	return errors.Join(err, r.table.Close())
}
