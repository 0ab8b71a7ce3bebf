// Package overhead is the experiment type invocation-overhead: how long an invocation takes until the function has it,
// by the size of the package or of the request body, cold and warm, on clocks that are synchronised within the
// invocation itself.
package overhead

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures invocations by size.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// Functions are, Parallelism times, one for each size of a package; one alone where the request body grows.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	n := max(sub.Parallelism, 1)
	if sub.OverheadType == experiment.OverheadPayload {
		return study.Replicas(sub, n)
	}
	sizes := sub.OverheadSizes()
	all := study.Replicas(sub, n*len(sizes))
	for i := range all {
		all[i].ImageSizeMB = bytesize.Size(sizes[i%len(sizes)]).MiB() // exact: a division by a power of two
	}
	return all
}

// Needs are functions that can be made cold and, over UDP, one port.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	cold := study.Need{Kind: study.NeedColdStart, Key: "Type", Text: sub.Type + ", which forces cold starts",
		Instead: "it takes functions that stellar deploys itself"}
	load := machine.Need{Connections: 2, New: sub.Requests(), Bytes: largest(sub)}
	return append(study.UDP(sub, 1), cold, study.Need{Kind: study.NeedCapacity, Load: load})
}

// largest is the largest request body.
func largest(sub *experiment.SubExperiment) int64 {
	if sub.OverheadType != experiment.OverheadPayload {
		return 0
	}
	return sub.PayloadEnd
}

// Run measures one size after the other: cold invocations first, then warm ones to the instance that stands. It writes
// latencies.csv and invocation-overhead.csv. Its errors are those of study.Recorder and of making functions cold; an
// invocation that cannot be had as wanted is none.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	sub := &env.Sub
	sizes := sub.OverheadSizes()
	code := sub.OverheadType != experiment.OverheadPayload
	udp := sub.Exchange == experiment.ExchangeUDP
	switch {
	case len(sizes) == 0 || sub.Repetitions < 1 || code && len(env.Endpoints)%len(sizes) != 0 ||
		udp && env.Listen == nil:
		return fail.Input("sub-experiment %d (%s): %d endpoints for %d sizes, %d Repetitions, ports to listen on: %t",
			env.Index, sub.Title, len(env.Endpoints), len(sizes), sub.Repetitions, env.Listen != nil)
	case env.MakeCold == nil:
		return fail.Unsupported("sub-experiment %d (%s): %s forces cold starts, and these functions cannot be made "+
			"cold on demand", env.Index, sub.Title, sub.Type)
	}
	rows, err := env.Record()
	if err != nil {
		return err
	}
	table, err := sample.CreateOverheads(filepath.Join(env.Dir, sample.OverheadFile))
	if err != nil {
		return rows.Close(err)
	}
	m := &measurement{env: &env, rows: rows, table: table, points: len(sizes)}
	if udp {
		m.listener, err = env.Listen(sub.FirstPort)
	}
	if err == nil {
		err = m.all(ctx, sizes, code)
	}
	return rows.Close(errors.Join(err, table.Close()))
}

// measurement is the state of a sub-experiment. Nothing in it is shared: invocations follow each other.
type measurement struct {
	env      *study.Env
	rows     *study.Recorder
	table    *sample.OverheadWriter
	listener *netprobe.Listener // nil: Exchange http
	clocks   netprobe.Clocks    // of Exchange http, by instance
	points   int

	round        int
	done         int // values
	sent, failed int // measured requests
	explained    map[string]bool
}

// all measures every size at its endpoints.
func (m *measurement) all(ctx context.Context, sizes []int64, code bool) error {
	m.clocks.N, m.explained = m.env.Sub.N, map[string]bool{}
	for at := range m.env.Endpoints {
		measured := sizes
		if code {
			measured = sizes[at%len(sizes) : at%len(sizes)+1]
		}
		for _, size := range measured {
			p := point{at: at, size: size}
			if !code {
				p.body = payload(m.env, size)
			}
			for _, wanted := range []sample.Tri{sample.Yes, sample.No} {
				p.wanted = wanted
				if err := m.measure(ctx, &p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// point is one size at one endpoint, cold or warm.
type point struct {
	at     int
	size   int64
	body   []byte // nil: none
	wanted sample.Tri
}

func (p *point) words() string {
	if p.wanted == sample.Yes {
		return "cold"
	}
	return "warm"
}

// measure makes the invocations of a point. One that is not as wanted is tried again, at most MaxRetries times; what
// then cannot be had ends the point, because the next repetition would end in the same way.
func (m *measurement) measure(ctx context.Context, p *point) error {
	for repetition := range m.env.Sub.Repetitions {
		obtained := false
		for try := 0; try <= m.env.Sub.MaxRetries && !obtained; try++ {
			row, err := m.invocation(ctx, p, repetition)
			if err != nil {
				return err
			}
			obtained = row.Obtained()
			if err := m.record(row); err != nil {
				return err
			}
		}
		if !obtained {
			m.warn("%d of %d %s invocations with %d bytes are not obtainable: the last one was tried %d times and was "+
				"never %s, or had no time (MaxRetries %d)", m.env.Sub.Repetitions-repetition, m.env.Sub.Repetitions,
				p.words(), p.size, m.env.Sub.MaxRetries+1, p.words(), m.env.Sub.MaxRetries)
			return nil
		}
	}
	return nil
}

// record writes a row, durably, and reports the progress.
func (m *measurement) record(row *sample.Overhead) error {
	m.table.Append(row)
	m.sent++
	if row.Err != sample.OK {
		m.failed++
	}
	if row.Obtained() {
		m.done++
	}
	if m.env.Progress != nil {
		of := 2 * m.points * m.env.Sub.Repetitions * max(m.env.Sub.Parallelism, 1)
		m.env.Progress(probe.Progress{Burst: m.done, Bursts: of, Requests: m.sent, Errors: m.failed})
	}
	return m.table.Flush()
}

func (m *measurement) warn(format string, args ...any) {
	if m.env.Log != nil {
		m.env.Log.Warnf("%s: "+format, append([]any{m.env.Sub.Title}, args...)...)
	}
}

// once warns of something the first time.
func (m *measurement) once(what, format string, args ...any) {
	if !m.explained[what] {
		m.explained[what] = true
		m.warn(format, args...)
	}
}
