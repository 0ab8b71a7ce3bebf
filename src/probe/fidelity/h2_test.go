package fidelity

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	// streamsMost is how many requests at once the probe says that it gives a shared connection (probe.Shared).
	streamsMost = 200
	// threadsMost is how many threads of the probe's may have connections of their own, on the largest machines.
	threadsMost = 4
)

// spoken begins the name of a scenario that is not of HTTP/1.1.
func spoken(protocol string) string {
	if protocol == "" {
		return ""
	}
	return protocol + ": "
}

// h2List are the scenarios of HTTP/2 and gRPC in which every request is answered. Where connections are kept their
// handshakes are slow: nothing of them may get into a latency.
func h2List() []answered {
	twoParts := script{delays: steady(), between: 50*ms + 900*time.Microsecond}
	slow := []toxic{delaying("upstream", 10*ms, 0), delaying("downstream", 15*ms, 0)}
	var out []answered
	add := func(protocol, what string, s script, connections string, n, size int, relay []toxic, c claim) {
		s.protocol, s.secure = protocol, s.secure || protocol == probe.H2
		c.requests, c.tells, c.fresh = n*size, protocol == probe.GRPC, connections == probe.New
		switch {
		case s.secure && c.fresh:
			c.limits = handshaken
		case c.fresh:
			c.limits = dialled
		case c.limits == (limits{}):
			c.limits = ordinary
		}
		if s.secure && !c.fresh {
			s.handshakes = []time.Duration{knownTLS}
		}
		out = append(
			out,
			answered{spoken(protocol) + what + ", " + connections, s, relay, c, bursts(n, size, connections)},
		)
	}
	fixed := script{delays: steady()}
	add(probe.H2, "fixed 20.7 ms", fixed, probe.Shared, 10, 10, nil, claim{})
	add(probe.H2, "fixed 20.7 ms", fixed, probe.Reuse, 10, 10, nil, claim{})
	add(probe.H2, "fixed 20.7 ms", fixed, probe.New, 20, 2, nil, claim{})
	for _, connections := range []string{probe.Shared, probe.Reuse, probe.New} {
		add(probe.H2C, "fixed 20.7 ms", fixed, connections, 10, 10, nil, claim{})
		add(probe.GRPC, "fixed 20.7 ms", fixed, connections, 10, 10, nil, claim{})
	}
	add(probe.GRPC, "fixed 20.7 ms, TLS", script{delays: steady(), secure: true}, probe.New, 20, 2, nil, claim{})
	add(probe.H2, "bimodal 5.9 and 120.7 ms", script{delays: bimodal(200)}, probe.Shared, 10, 20, nil, claim{})
	add(probe.H2C, "Pareto from 5.1 ms", script{delays: pareto(300)}, probe.New, 15, 20, nil, claim{})
	add(probe.GRPC, "log-normal around 10 ms", script{delays: lognormal(200)}, probe.Shared, 10, 20, nil, claim{})
	for _, protocol := range []string{probe.H2, probe.H2C, probe.GRPC} {
		add(protocol, "answer in two parts, 50.9 ms apart", twoParts, probe.Shared, 5, 10, nil, claim{})
	}
	add(
		probe.H2C,
		"relay +25 ms",
		fixed,
		probe.Shared,
		10,
		10,
		slow,
		claim{limits: relayed, path: path{25 * ms, 25 * ms}},
	)
	return out
}

// resetStreams are scenarios in which some streams of a shared connection end badly, and their neighbours must not.
func resetStreams() []failing {
	quick := []time.Duration{20*ms + 300*time.Microsecond}
	reset := func(_ int, log []handled) (n int) {
		for _, h := range log {
			if h.reset {
				n++
			}
		}
		return n
	}
	refused := func(_ int, log []handled) (n int) {
		for _, h := range log {
			if h.status == 503 {
				n++
			}
		}
		return n
	}
	fifth := []bool{false, false, true, false, false}
	one := make([]bool, 40)
	one[17] = true
	var out []failing
	for _, protocol := range []string{probe.H2, probe.H2C, probe.GRPC} {
		f := failing{burst: 40, within: time.Minute, kept: true}
		f.script = script{protocol: protocol, secure: protocol == probe.H2, delays: quick}
		add := func(name string, class sample.Class, truth func(int, []handled) int, change func(*script)) {
			f := f
			f.name, f.class, f.truth = protocol+": "+name, class, truth
			change(&f.script)
			out = append(out, f)
		}
		add("one stream of 40 reset", sample.Reset, reset, func(s *script) { s.resets = one })
		add(
			"a fifth reset in mid-answer",
			sample.Reset,
			reset,
			func(s *script) { s.resets, s.between = fifth, 30*ms+100*time.Microsecond },
		)
		add(
			"a fifth refused with 503",
			sample.HTTP5xx,
			refused,
			func(s *script) { s.statuses = []int{200, 200, 503, 200, 200} },
		)
	}
	return out
}

// sharedScenes count the connections that requests share.
func sharedScenes() []scene {
	const n = 3
	var out []scene
	for _, c := range []struct {
		protocol      string
		size, streams int
	}{
		{probe.H2, 30, 0}, {probe.H2C, 1100, 0}, {probe.GRPC, 300, 0}, {probe.H2, 40, 7}, {probe.H2C, 60, 25},
	} {
		name := fmt.Sprintf("%s: connections: %d bursts of %d, shared", c.protocol, n, c.size)
		limit := streamsMost
		if c.streams > 0 {
			name += fmt.Sprintf(", %d streams at most", c.streams)
			limit = c.streams
		}
		known := script{
			delays:   []time.Duration{150*ms + 700*time.Microsecond},
			protocol: c.protocol,
			secure:   c.protocol == probe.H2,
			streams:  c.streams,
		}
		out = append(out, scene{name, func(t *testing.T, _ *toxiproxy) []line {
			return retry(t, func(watched func() limits) (line, verdict) {
				s := play(t, known)
				pairs, wrong := match(observe(t, s, s.addr, bursts(n, c.size, probe.Shared)), s.requests())
				least := (c.size + limit - 1) / limit
				v := judgeShared(pairs, n*c.size, s.accepted(), least, limit, watched())
				v.wrong = append(v.wrong, wrong...)
				return line{
					name,
					fmt.Sprintf("%d to %d opened", least, least+threadsMost-1),
					fmt.Sprintf("%d opened", s.accepted()),
					"0 rows say new",
					fmt.Sprintf("%d at once on one", limit),
					v.good(),
					"",
				}, v
			})
		}})
	}
	return out
}

// judgeShared holds what rows say of shared connections against those that the server saw: as few as its limit allows,
// each thread of the probe's having its own, opened beforehand and kept.
func judgeShared(pairs []pair, requests, accepted, least, limit int, machine limits) verdict {
	var v verdict
	if len(pairs) != requests || accepted < least || accepted > least+threadsMost-1 {
		v.wrongf(
			"%d requests over %d connections, want %d over %d to %d",
			len(pairs),
			accepted,
			requests,
			least,
			least+threadsMost-1,
		)
	}
	var log []handled
	for _, p := range pairs {
		r := p.row
		claim{machine: machine}.judgeRow(&v, p)
		if r.NewConn || r.Connect >= 0 || r.DNS >= 0 || r.TLS >= 0 || p.truth.accepted.After(r.SentAt.Add(wallSlack)) {
			v.wrongf("burst %d, slot %d: NewConn %v, DNS %s, Connect %s, TLS %s on a connection accepted at %s",
				r.Burst, r.Slot, r.NewConn, r.DNS, r.Connect, r.TLS, p.truth.accepted)
		}
		log = append(log, p.truth)
	}
	judgeCrowds(&v, log, limit)
	return v
}

// judgeSharing holds the connections of an open schedule, as the server saw them, against the most that were in use at
// once.
func judgeSharing(v *verdict, log []handled, accepted, limit int) {
	least := (crowd(log) + limit - 1) / limit
	// One more may be on its way when it turns out that the others suffice, and each thread has its own.
	if accepted < least || accepted > least+threadsMost {
		v.wrongf("%d connections, where %d requests were open at once and %d fit on one", accepted, crowd(log), limit)
	}
	judgeCrowds(v, log, limit)
}

// judgeCrowds: no connection may have more requests at once than the limit.
func judgeCrowds(v *verdict, log []handled, limit int) {
	of := map[int][]handled{}
	for _, h := range log {
		of[h.conn] = append(of[h.conn], h)
	}
	for conn, log := range of {
		if n := crowd(log); n > limit {
			v.wrongf("connection %d had %d requests at once, %d are allowed", conn, n, limit)
		}
	}
}

// crowd is how many requests were open at once at most: read, and not answered yet.
func crowd(log []handled) (most int) {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, h := range log {
		changes = append(changes, change{h.read, 1}, change{h.wrote, -1})
	}
	slices.SortFunc(changes, func(a, b change) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	open := 0
	for _, c := range changes {
		open += c.by
		most = max(most, open)
	}
	return most
}
