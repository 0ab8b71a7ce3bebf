// Package perfcost is the experiment type perf-cost: time and cost of cold, warm, sequential and concurrent invocations
// by memory size.
package perfcost

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures time and cost by memory size.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// The types of invocations, in the order in which they are measured.
const (
	Cold       = "cold"       // one at a time, each to an instance that starts for it
	Warm       = "warm"       // Concurrency at once, to instances that stand
	Sequential = "sequential" // one after the other, to a warm instance
	Burst      = "burst"      // Concurrency at once, after the instances have ended
)

// Functions are one for each memory size, Parallelism times.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	sizes := sub.MemorySizesMB
	all := study.Replicas(sub, max(sub.Parallelism, 1)*len(sizes))
	for i := range all {
		all[i].MemoryMB = sizes[i%len(sizes)]
	}
	return all
}

// Needs is a connection for each invocation at once, and cold starts on demand where the file asks for them.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	load := machine.Need{Connections: sub.Concurrency, New: sub.Requests()}
	return append(study.ColdStart(sub), study.Need{Kind: study.NeedCapacity, Load: load})
}

// Run measures one function after the other. It writes latencies.csv and perf-cost.csv. Its errors are those of
// study.Recorder; an invocation that is not of the wanted kind is no error.
func (s Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	if len(env.Sub.MemorySizesMB) == 0 || len(env.Endpoints)%len(env.Sub.MemorySizesMB) != 0 {
		return fail.Input("sub-experiment %d (%s): %d endpoints for %d MemorySizesMB", env.Index, env.Sub.Title,
			len(env.Endpoints), len(env.Sub.MemorySizesMB))
	}
	rows, err := env.Record()
	if err != nil {
		return err
	}
	table, err := sample.CreatePerfCosts(filepath.Join(env.Dir, sample.PerfCostFile))
	if err != nil {
		return rows.Close(err)
	}
	m := &measurement{env: &env, rows: rows, table: table, notes: map[string]bool{}}
	for i := range env.Endpoints {
		for _, p := range phases(&env.Sub) {
			if err == nil {
				err = m.phase(ctx, i, p)
			}
		}
	}
	m.warn()
	return rows.Close(errors.Join(err, table.Close()))
}

// phase is how one type of invocations is measured.
type phase struct {
	name    string
	size    int        // invocations at once
	wanted  sample.Tri // Yes: cold, No: warm
	retired bool       // instances have to end before each burst
	warmup  bool       // the first burst only makes instances warm
}

func phases(sub *experiment.SubExperiment) []phase {
	size := min(sub.Concurrency, sub.Repetitions)
	return []phase{
		{name: Cold, size: 1, wanted: sample.Yes, retired: true},
		{name: Warm, size: size, wanted: sample.No, warmup: true},
		{name: Sequential, size: 1, wanted: sample.No, warmup: true},
		{name: Burst, size: size, retired: true},
	}
}

// measurement is the state of a sub-experiment.
type measurement struct {
	env   *study.Env
	rows  *study.Recorder
	table *sample.PerfCostWriter
	used  bool // the function at hand has answered before
	rep   int  // values of the phase so far
	round int
	done  int // values of all phases

	sent, failed int // requests

	lacks []string // which invocations are missing

	mu    sync.Mutex
	notes map[string]bool // kinds of warnings of the probe that were written
}

// warn logs in one line which invocations are missing.
func (m *measurement) warn() {
	if len(m.lacks) > 0 && m.env.Log != nil {
		m.env.Log.Warnf("%s: some invocations were not of the wanted kind: %s", m.env.Sub.Title,
			strings.Join(m.lacks, ", "))
	}
}

// number is what differs between warnings of one kind: burst, slot, attempt, times.
var number = regexp.MustCompile(`[0-9]+`)

// note writes a warning of the probe, one of each kind: every phase is a probe of its own, which would begin anew.
func (m *measurement) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	kind := number.ReplaceAllString(text, "0")
	m.mu.Lock()
	was := m.notes[kind]
	m.notes[kind] = true
	m.mu.Unlock()
	if !was && m.env.Log != nil {
		m.env.Log.Warnf("%s", text)
	}
}

// phase measures one type with one function, until it has Repetitions values as wanted. What is missing is tried again
// at most MaxRetries times, and no more after a try that brought nothing.
func (m *measurement) phase(ctx context.Context, at int, p phase) error {
	m.rep, m.round = 0, 0
	m.used = p.name != Cold
	tries := m.env.Sub.MaxRetries
	if p.retired && m.env.Sub.ColdStart == experiment.ColdForce {
		tries = 0 // the probe tries again
	}
	for try := 0; try <= tries && m.rep < m.env.Sub.Repetitions; try++ {
		before := m.rep
		if err := m.send(ctx, at, p); err != nil {
			return err
		}
		if m.rep == before {
			break
		}
	}
	if missing := m.env.Sub.Repetitions - m.rep; missing > 0 {
		m.lacks = append(m.lacks, fmt.Sprintf("%d of %d %s ones of %s", missing, m.env.Sub.Repetitions, p.name,
			m.env.Endpoints[at].Function))
	}
	return nil
}

// send sends what is missing of a phase.
func (m *measurement) send(ctx context.Context, at int, p phase) error {
	e := m.env
	cfg := e.Load(e.Target(e.Endpoints[at]))
	missing := e.Sub.Repetitions - m.rep
	first := 0
	if p.warmup {
		first = 1
	}
	cfg.Note = m.note
	cfg.Warmup, cfg.Load, cfg.Cold, cfg.Schedule = first, nil, nil, probe.Closed
	cfg.Bursts = first + (missing+p.size-1)/p.size
	cfg.BurstSize = func(round int) int {
		if round < first {
			return p.size
		}
		return min(p.size, missing-(round-first)*p.size)
	}
	cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic}
	if p.retired {
		cold, err := e.Cold(func(int) []study.Endpoint { return e.Endpoints[at : at+1] })
		if err != nil {
			return err
		}
		if cold != nil && p.wanted == sample.Unknown {
			cold.Retries = 0
		}
		cfg.Cold = cold
		if cold == nil {
			pause := time.Duration(e.Sub.IATSeconds * float64(time.Second))
			cfg.Arrivals.IAT = pause
			if err := m.idle(ctx, pause); err != nil {
				return err
			}
		}
	}
	m.used = true
	round := m.round
	m.round += cfg.Bursts
	memory := e.Sub.MemorySizesMB[at%len(e.Sub.MemorySizesMB)]
	return m.rows.Send(ctx, cfg, round, func(burst []sample.Sample) error {
		return m.record(memory, p, burst)
	})
}

// idle waits until the instances of a function that has answered before have ended.
func (m *measurement) idle(ctx context.Context, pause time.Duration) error {
	if !m.used {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// record writes the rows of a burst.
func (m *measurement) record(memory int, p phase, burst []sample.Sample) error {
	for i := range burst {
		v := sample.PerfCost{MemoryMB: memory, Type: p.name, Repetition: m.rep + 1, Wanted: p.wanted,
			Warmup: burst[i].Warmup, Row: burst[i]}
		m.table.Append(&v)
		m.sent++
		if v.Row.Err != sample.OK {
			m.failed++
		}
		if v.Obtained() {
			m.rep++
			m.done++
		}
	}
	if m.env.Progress != nil {
		const types = 4
		m.env.Progress(probe.Progress{Burst: m.done, Bursts: types * len(m.env.Endpoints) * m.env.Sub.Repetitions,
			Requests: m.sent, Errors: m.failed})
	}
	return m.table.Flush()
}
