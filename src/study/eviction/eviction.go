// Package eviction is the experiment type eviction: a function is called, left idle for a wait, and called again. Its
// answer shows whether the instance lived through the wait. Waits are chosen one after the other.
package eviction

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/analyze/survival"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures how long idle instances live.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// Functions are, Parallelism times, the copies for each element of EvictionSeconds. Each is called by itself, so that
// so many waits go on side by side.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	return study.Replicas(sub, max(sub.Parallelism, 1)*len(sub.EvictionSeconds)*sub.Copies)
}

// Needs is a connection for each function.
func (s Study) Needs(sub *experiment.SubExperiment) []study.Need {
	n := len(s.Functions(sub))
	return []study.Need{{Kind: study.NeedCapacity, Load: machine.Need{Connections: n, New: n}}}
}

// Run waits and calls until the keep-alive is known, or each function had Repetitions waits. It writes latencies.csv
// and eviction.csv. Its errors are those of study.Recorder.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	if len(env.Sub.EvictionSeconds) == 0 || slices.Max(env.Sub.EvictionSeconds) <= 0 {
		return fail.Input("sub-experiment %d (%s): EvictionSeconds has no wait over 0", env.Index, env.Sub.Title)
	}
	rows, err := env.Record()
	if err != nil {
		return err
	}
	table, err := sample.CreateEvictions(filepath.Join(env.Dir, sample.EvictionsFile))
	if err != nil {
		return rows.Close(err)
	}
	low, high := span(&env.Sub)
	m := &measurement{env: &env, rows: rows, table: table, design: survival.NewDesign(low, high),
		known: make(chan struct{}), begun: time.Now()}
	g, ctx := errgroup.WithContext(ctx)
	for i := range env.Endpoints {
		g.Go(fail.Trying(func() error { return m.follow(ctx, i) }))
	}
	return rows.Close(errors.Join(g.Wait(), table.Close()))
}

// span is the range of waits in seconds.
func span(sub *experiment.SubExperiment) (low, high float64) {
	return slices.Min(sub.EvictionSeconds), slices.Max(sub.EvictionSeconds)
}

// measurement is what the functions of a sub-experiment share.
type measurement struct {
	env   *study.Env
	rows  *study.Recorder
	begun time.Time

	mu     sync.Mutex
	table  *sample.EvictionWriter
	design *survival.Design
	waits  int           // that have an end
	known  chan struct{} // closed when the keep-alive is known
}

// follow calls one function until the keep-alive is known or it had all its waits. The response that ends a wait begins
// the next one. After a failure it begins anew, because the state of the instance is not known.
func (m *measurement) follow(ctx context.Context, at int) error {
	before, err := m.call(ctx, at, 0, func(*sample.Sample) error { return nil })
	if err != nil {
		return err
	}
	for n := range m.env.Sub.Repetitions {
		planned, more := m.next(at)
		if !more {
			return nil
		}
		if before.Err == sample.OK {
			if ok, err := m.idle(ctx, before.ReceivedAt.Add(planned)); !ok {
				return err
			}
		}
		after, err := m.call(ctx, at, n+1, func(row *sample.Sample) error {
			if before.Err != sample.OK {
				return nil
			}
			return m.record(planned, before, row)
		})
		if err != nil {
			return err
		}
		before = after
	}
	return nil
}

// next chooses a wait; false: the keep-alive is known.
func (m *measurement) next(at int) (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.known:
		return 0, false
	default:
	}
	wait := m.design.Next(at, len(m.env.Endpoints))
	return time.Duration(wait * float64(time.Second)), true
}

// idle waits until an instant. It reports false where the keep-alive is known by then; the error is the context's
// cause.
func (m *measurement) idle(ctx context.Context, until time.Time) (bool, error) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-m.known:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// call sends one request over a connection of its own and gives its row.
func (m *measurement) call(ctx context.Context, at, round int, seen func(*sample.Sample) error) (out sample.Sample,
	err error) {
	cfg := m.env.Load(m.env.Target(m.env.Endpoints[at]))
	cfg.Bursts, cfg.BurstSize, cfg.Warmup, cfg.Load, cfg.Cold, cfg.Watch = 1, nil, 0, nil, nil, false
	cfg.Arrivals, cfg.Schedule, cfg.Connections = schedule.Arrivals{}, probe.Closed, probe.New
	out = sample.Empty()
	out.Err = sample.Timeout // where no row comes
	err = m.rows.Send(ctx, cfg, round, func(burst []sample.Sample) error {
		out = burst[0]
		return seen(&burst[0])
	})
	return out, err
}

// record takes the end of a wait.
func (m *measurement) record(planned time.Duration, before sample.Sample, after *sample.Sample) error {
	v := sample.Eviction{
		RequestID: after.RequestID, Endpoint: after.Endpoint, Planned: planned,
		Wait: after.SentAt.Sub(before.ReceivedAt), Lived: lived(&before, after), Before: before.InstanceID,
		After: after.InstanceID, Cold: after.Cold, SentAt: after.SentAt, Err: after.Err,
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Append(&v)
	if err := m.table.Flush(); err != nil {
		return err
	}
	m.waits++
	if t, ok := trial(&v); ok {
		m.design.Add(t)
	}
	select {
	case <-m.known:
	default:
		if m.design.Done() {
			close(m.known)
		}
	}
	m.progress()
	return nil
}

// progress reports how many waits are over, of the most that there may be.
func (m *measurement) progress() {
	if m.env.Progress == nil {
		return
	}
	of := len(m.env.Endpoints) * m.env.Sub.Repetitions
	p := probe.Progress{Burst: m.waits, Bursts: of}
	if m.waits > 0 {
		p.Left = time.Since(m.begun) / time.Duration(m.waits) * time.Duration(of-m.waits)
	}
	m.env.Progress(p)
}

// lived says whether the instance of the first request answered the second one. Where functions do not name their
// instance, only a cold start shows it. A warm answer of another instance shows nothing.
func lived(before, after *sample.Sample) sample.Tri {
	switch {
	case after.Err != sample.OK:
		return sample.Unknown
	case before.InstanceID == "" || after.InstanceID == "":
		switch after.Cold {
		case sample.Yes:
			return sample.No
		case sample.No:
			return sample.Yes
		}
		return sample.Unknown
	case before.InstanceID == after.InstanceID:
		return sample.Yes
	case after.Cold == sample.No:
		return sample.Unknown
	}
	return sample.No
}

// trial is a wait as the analysis takes it; false: it has no answer.
func trial(v *sample.Eviction) (survival.Trial, bool) {
	return survival.Trial{Wait: v.Wait.Seconds(), Lived: v.Lived == sample.Yes}, v.Lived != sample.Unknown
}
