package fidelity

import (
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// The spread of a burst, first to last request on the wire, is told by the rows' SentAt + WriteBegan. The server makes
// it large: it lets one TLS handshake after the other go on, so that the requests are written one after the other.

const (
	spreadSize = 10
	spreadStep = 20 * ms
)

func spreadScenes() []scene {
	return []scene{{"spread of a burst of 10, staggered", staggeredBurst}}
}

func staggeredBurst(t *testing.T, _ *toxiproxy) []line {
	const n = 5
	stagger := script{delays: steady(), secure: true}
	for i := range spreadSize {
		stagger.handshakes = append(stagger.handshakes, time.Duration(i)*spreadStep)
	}
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, stagger)
		pairs, wrong := match(observe(t, s, s.addr, bursts(n, spreadSize, probe.New)), s.requests())
		of := spreads(pairs)
		most := spreadBound.p50 + watched().p99
		v := judgeSpread(of, n, most)
		v.wrong = append(v.wrong, wrong...)
		var truth, measured []time.Duration
		for _, b := range of {
			truth, measured = append(truth, b.truth), append(measured, b.measured)
		}
		return line{
			"spread of a burst of 10, staggered",
			fmt.Sprintf("%.0f", inMs((spreadSize-1)*spreadStep)),
			both(truth),
			both(measured),
			fmt.Sprintf("each of %d: ±%.2g", n, inMs(most)),
			v.good(),
			"",
		}, v
	})
}

// spread is that of one burst: as the server read its requests, and as the rows say that they were written.
type spread struct{ truth, measured time.Duration }

// spreads are those of the bursts, by number.
func spreads(pairs []pair) map[int]spread {
	type span struct{ from, to time.Time }
	widen := func(s span, at time.Time) span {
		if s.from.IsZero() || at.Before(s.from) {
			s.from = at
		}
		if at.After(s.to) {
			s.to = at
		}
		return s
	}
	read, written := map[int]span{}, map[int]span{}
	for _, p := range pairs {
		b := p.row.Burst
		read[b] = widen(read[b], p.truth.read)
		written[b] = widen(written[b], p.row.SentAt.Add(max(p.row.WriteBegan, 0)))
	}
	out := map[int]spread{}
	for b := range read {
		out[b] = spread{read[b].to.Sub(read[b].from), written[b].to.Sub(written[b].from)}
	}
	return out
}

// judgeSpread holds the spreads against the server's. A server that is slow to read makes its own larger or smaller.
func judgeSpread(of map[int]spread, bursts int, most time.Duration) verdict {
	var v verdict
	if len(of) != bursts {
		v.wrongf("%d bursts have a spread, want %d", len(of), bursts)
	}
	for b, s := range of {
		if (s.measured - s.truth).Abs() > most {
			v.slowf("burst %d: a spread of %s, the server saw %s", b, s.measured, s.truth)
		}
	}
	return v
}
