package fidelity

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
)

const (
	knownDNS   = 40*ms + 300*time.Microsecond
	knownTLS   = 60*ms + 700*time.Microsecond
	knownFirst = 30*ms + 300*time.Microsecond
	knownRest  = 50*ms + 900*time.Microsecond
)

func phaseScenes() []scene {
	var out []scene
	for _, protocol := range []string{"", probe.H2, probe.GRPC} {
		name := spoken(protocol) + "phases: DNS, TLS, first byte, last byte"
		out = append(out, scene{name, func(t *testing.T, _ *toxiproxy) []line { return allPhases(t, name, protocol) }})
	}
	return append(out, systemPhaseScenes()...)
}

// phaseScript has a delay of its own in every phase that a server has.
func phaseScript() script {
	return script{
		delays:     []time.Duration{knownFirst},
		between:    knownRest,
		secure:     true,
		handshakes: []time.Duration{knownTLS},
	}
}

func phaseClaim(n int) claim {
	return claim{requests: n, fresh: true, limits: handshaken, dns: knownDNS, tls: knownTLS}
}

func allPhases(t *testing.T, name, protocol string) []line {
	const n = 6
	return retry(t, func(watched func() limits) (line, verdict) {
		known := phaseScript()
		known.protocol = protocol
		s := play(t, known)
		rows := observe(t, s, s.addr, func(c *probe.Config) {
			bursts(n, 1, probe.New)(c)
			c.Lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
				time.Sleep(knownDNS)
				return here(ctx, name)
			}
		})
		pairs, wrong := match(rows, s.requests())
		c := phaseClaim(n)
		c.machine = watched()
		v := c.judge(pairs)
		v.wrong = append(v.wrong, wrong...)
		parts := phasesOf(pairs)
		judgePhases(&v, n, parts, c.machine)
		l := line{
			scenario: name, pass: v.good(),
			bound: fmt.Sprintf(
				"each p50 -0.2, +%.2g, TLS +%.2g",
				inMs(phaseBound.plus(c.machine).p50),
				inMs(handshaken.plus(c.machine).p50),
			),
		}
		for i, p := range parts {
			sep := " "
			if i == 0 {
				sep = ""
			}
			l.truth += fmt.Sprintf("%s%.1f", sep, inMs(p.truth))
			l.nominal += fmt.Sprintf("%s%.1f", sep, inMs(p.nominal))
			l.measured += fmt.Sprintf("%s%.1f", sep, inMs(percentile(p.measured, 50)))
		}
		return l, v
	})
}

// phase is one part of a latency: what it was to be, what it at least was, and the measurements.
type phase struct {
	name           string
	nominal, truth time.Duration
	measured       []time.Duration
}

// phasesOf takes latencies apart. The parts have no gaps between them, so that they add up or time is lost.
func phasesOf(pairs []pair) []phase {
	parts := []phase{
		{name: "DNS", nominal: knownDNS, truth: knownDNS}, {name: "TLS", nominal: knownTLS, truth: knownTLS},
		{name: "first byte", nominal: knownFirst}, {name: "last byte", nominal: knownRest},
	}
	var first, last []time.Duration
	for _, p := range pairs {
		r, h := p.row, p.truth
		parts[0].measured = append(parts[0].measured, r.DNS)
		parts[1].measured = append(parts[1].measured, r.TLS)
		parts[2].measured = append(parts[2].measured, r.FirstByte-r.DNS-r.Connect-r.TLS)
		parts[3].measured = append(parts[3].measured, r.Latency-r.FirstByte)
		first = append(first, h.first.Sub(h.read))
		last = append(last, h.wrote.Sub(h.first))
	}
	if len(pairs) > 0 {
		parts[2].truth, parts[3].truth = percentile(first, 50), percentile(last, 50)
	}
	return parts
}

// judgePhases holds each phase's median against the truth. The distance between two parts of an answer, unlike all
// else, can be measured shorter than it was sent: the first part may have been seen late.
func judgePhases(v *verdict, n int, parts []phase, machine limits) {
	for _, p := range parts {
		if len(p.measured) != n {
			v.wrongf("%s: %d measurements, want %d", p.name, len(p.measured), n)
			return
		}
		got, limit := percentile(p.measured, 50), phaseBound.plus(machine).p50
		if p.name == "TLS" {
			limit = handshaken.plus(machine).p50
		}
		switch {
		case got < p.truth-slack && p.name != "last byte":
			v.wrongf("%s: p50 is %s, it was %s", p.name, got, p.truth)
		case got < p.truth-limit || got > p.truth+limit:
			v.slowf("%s: p50 is %s, it was %s", p.name, got, p.truth)
		}
	}
}
