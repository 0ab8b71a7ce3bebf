// Package pingpong is the experiment type network-ping-pong: round trips between functions and this machine, and the
// offset of the functions' clocks, from datagrams or from the instants of HTTP requests.
package pingpong

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures round trips and clocks.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// Functions are Parallelism functions, all alike; invocations go to them in turn.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	return study.Replicas(sub, max(sub.Parallelism, 1))
}

// Needs are a connection for each invocation at once and, over UDP, a port for each invocation.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	load := machine.Need{Connections: sub.Threads, New: sub.Invocations}
	needs := study.UDP(sub, sub.Invocations)
	for _, n := range needs {
		load.Connections += n.Ports
	}
	return append(needs, study.Need{Kind: study.NeedCapacity, Load: load})
}

// Run makes Invocations invocations, Threads at once. It writes latencies.csv and network-ping-pong.csv. Its errors are
// those of study.Recorder, and that none of the functions could send a datagram; lost datagrams are none.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	sub := &env.Sub
	udp := sub.Exchange == experiment.ExchangeUDP
	if sub.Invocations < 1 || sub.Repetitions < 1 || udp && env.Listen == nil {
		return fail.Input("sub-experiment %d (%s): %d Invocations of %d Repetitions, ports to listen on: %t", env.Index,
			sub.Title, sub.Invocations, sub.Repetitions, env.Listen != nil)
	}
	rows, err := env.Record()
	if err != nil {
		return err
	}
	table, err := sample.CreatePingPongs(filepath.Join(env.Dir, sample.PingPongFile))
	if err != nil {
		return rows.Close(err)
	}
	m := &measurement{env: &env, rows: rows, table: table, noted: map[string]bool{}}
	invoke := m.overHTTP
	if udp {
		invoke = m.overUDP
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(sub.Threads, 1))
	for i := range sub.Invocations {
		g.Go(fail.Trying(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return invoke(ctx, i)
		}))
	}
	err = g.Wait()
	if err == nil && m.unable == sub.Invocations {
		err = fmt.Errorf("none of %d invocations exchanged datagrams: %s", sub.Invocations, m.why)
	}
	return rows.Close(errors.Join(err, table.Close()))
}

// measurement is what the invocations of a sub-experiment share.
type measurement struct {
	env  *study.Env
	rows *study.Recorder

	mu     sync.Mutex
	table  *sample.PingPongWriter
	done   int // invocations
	failed int
	unable int             // invocations whose function says that there was no exchange
	why    string          // what the last of them says
	mute   bool            // it has been said that no datagram comes
	noted  map[string]bool // kinds of notes of the probe
}

// endpoint is the one that an invocation goes to.
func (m *measurement) endpoint(invocation int) study.Endpoint {
	return m.env.Endpoints[invocation%len(m.env.Endpoints)]
}

// load is one request to the endpoint of an invocation.
func (m *measurement) load(invocation int) probe.Config {
	cfg := m.env.Load(m.env.Target(m.endpoint(invocation)))
	cfg.Bursts, cfg.BurstSize, cfg.Warmup, cfg.Load, cfg.Cold = 1, nil, 0, nil, nil
	cfg.Schedule, cfg.Arrivals.IAT, cfg.Arrivals.Type = probe.Closed, 0, ""
	if cfg.Note != nil {
		cfg.Note = m.note
	}
	return cfg
}

// note logs each kind of the probe's notes once: every invocation is a probe of its own.
func (m *measurement) note(format string, args ...any) {
	m.mu.Lock()
	again := m.noted[format]
	m.noted[format] = true
	m.mu.Unlock()
	if !again {
		m.env.Log.Warnf(format, args...)
	}
}

// record writes the rows of an invocation, durably, and reports the progress.
func (m *measurement) record(rows []sample.PingPong, failed bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range rows {
		m.table.Append(&rows[i])
	}
	m.done++
	if failed {
		m.failed++
	}
	if m.env.Progress != nil {
		m.env.Progress(probe.Progress{Burst: m.done, Bursts: m.env.Sub.Invocations, Requests: m.done, Errors: m.failed})
	}
	return m.table.Flush()
}

// noExchange counts an invocation whose function says that there was no exchange, and logs it.
func (m *measurement) noExchange(invocation int, why string) {
	m.mu.Lock()
	m.unable++
	m.why = why
	m.mu.Unlock()
	m.warn(invocation, "%s", why)
}

// warn logs a sentence about an invocation.
func (m *measurement) warn(invocation int, format string, args ...any) {
	if m.env.Log != nil {
		m.env.Log.Warnf("%s, invocation %d: "+format, append([]any{m.env.Sub.Title, invocation}, args...)...)
	}
}
