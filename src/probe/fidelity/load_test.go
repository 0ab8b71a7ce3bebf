package fidelity

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Sustained loads: every request has an instant of its own. What it waits for a connection is its lateness, what the
// server and the wire take is its latency, and nothing that was planned is left out of the count.

// sustained is a load and the server that carries it.
type sustained struct {
	name        string
	script      script
	table       schedule.Timetable
	connections string
	most        int // connections at once; 0: as many as are wanted
	limits      limits
	machine     limits // what the machine itself adds, as far as it was measured
}

// loadRate is that of the loads, in requests a second: a whole number of milliseconds lies between two.
const loadRate = 200

// answerable are loads that the server carries.
func answerable() []sustained {
	constant := schedule.Timetable{Kind: schedule.Constant, Rate: loadRate, Duration: 3 * time.Second}
	poisson := schedule.Timetable{Kind: schedule.Poisson, Rate: loadRate, Duration: 2 * time.Second, Seed: 4}
	traced := schedule.Timetable{Kind: schedule.Traced, Trace: knownTrace(), Seed: 4}
	return []sustained{
		{"load: 200/s for 3 s, reuse", script{delays: steady()}, constant, probe.Reuse, 0, ordinary, limits{}},
		{
			"h2c: load: Poisson, 200/s for 2 s, shared",
			script{delays: lognormal(400), protocol: probe.H2C},
			poisson,
			probe.Shared,
			0,
			ordinary,
			limits{},
		},
		{"load: trace of 2 s, new", script{delays: bimodal(400)}, traced, probe.New, 0, dialled, limits{}},
	}
}

// knownTrace has slots in which much is sent, little, and nothing; nothing in the last, so that none is due so shortly
// before the end that a moment decides whether it can be sent.
func knownTrace() schedule.Trace {
	return schedule.Trace{Slot: 250 * ms, Counts: []int64{20, 80, 0, 120, 60, 5, 115, 0}}
}

// plan are the instants at which requests are due, from the load's start.
func (l sustained) plan() (out []time.Duration) {
	if l.table.Kind == schedule.Constant {
		for at := time.Duration(0); at < l.table.Duration; at += time.Second / loadRate {
			out = append(out, at)
		}
		return out
	}
	next := l.table.Instants()
	for at, ok := next(); ok; at, ok = next() {
		out = append(out, at)
	}
	return out
}

// configure makes the probe send the load.
func (l sustained) configure(c *probe.Config) {
	c.Connections = l.connections
	c.Load = &probe.Load{
		Length:         l.table.Length(),
		MaxConnections: l.most,
		Warm:           max(l.most, 20),
		Instants: func() func() (time.Duration, int, bool) {
			next := l.table.Instants()
			return func() (time.Duration, int, bool) {
				at, ok := next()
				return at, -1, ok
			}
		},
	}
}

// placeIn finds a row in a plan: its burst is the second in which it was due, its slot its place in that.
func placeIn(plan []time.Duration) func(r *sample.Sample) int {
	first, count := map[int]int{}, map[int]int{}
	for k, at := range plan {
		second := int(at / time.Second)
		if count[second] == 0 {
			first[second] = k
		}
		count[second]++
	}
	return func(r *sample.Sample) int {
		if r.Slot < 0 || r.Slot >= count[r.Burst] {
			return -1
		}
		return first[r.Burst] + r.Slot
	}
}

// order holds the rows of a load against its plan and gives them in its order, nil for what was not sent.
func (l sustained) order(v *verdict, rows []sample.Sample, unsent int64) []*sample.Sample {
	plan := l.plan()
	byPlan := inPlan(v, rows, len(plan), placeIn(plan))
	judgePlan(v, byPlan, plan)
	if len(rows)+int(unsent) != len(plan) {
		v.wrongf("%d rows and %d unsent requests of %d planned", len(rows), unsent, len(plan))
	}
	for k, r := range byPlan {
		if r == nil {
			continue
		}
		// A load that lacks connections ends on time; another one may send what its client came late for.
		switch after := r.Lateness + plan[k] - l.table.Length(); {
		case after > wallSlack && l.most > 0 || after > time.Second+wallSlack:
			v.wrongf("request %d was sent %s after the load was over", k, after)
		case after > wallSlack:
			v.slowf("request %d was sent %s after the load was over", k, after)
		}
	}
	return byPlan
}

// heldLoadScenes are the loads in which every request is answered, and the one that counts requests which wait for a
// connection.
func heldLoadScenes() []scene {
	var out []scene
	for _, l := range answerable() {
		out = append(out, scene{l.name, l.run})
	}
	few := fewConnections()
	return append(out, scene{few.name, few.runFew})
}

// stalledLoadScenes are the loads in which requests wait for the server.
func stalledLoadScenes() []scene {
	var out []scene
	for _, l := range stallingLoads() {
		out = append(out, scene{l.name, l.runStall})
	}
	return out
}

// claim is what must hold of every request of a load that the server carries.
func (l sustained) claim() claim {
	return claim{
		requests: len(l.plan()),
		alone:    true,
		fresh:    l.connections == probe.New,
		limits:   l.limits,
		machine:  l.machine,
	}
}

func (l sustained) run(t *testing.T, _ *toxiproxy) []line {
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, l.script)
		rows, outcome := observeAll(t, s, s.addr, l.configure)
		l := l
		l.machine = watched()
		pairs, wrong := match(rows, s.requests())
		v := l.judge(rows, pairs, outcome.Unsent)
		v.wrong = append(v.wrong, wrong...)
		out := l.claim().line(l.name, pairs, v)
		out.measured += ", late " + both(latenesses(rows))
		out.bound += fmt.Sprintf(
			"; %d of %d planned, late %s",
			len(rows),
			len(l.plan()),
			latenessLimits.plus(l.machine),
		)
		return out, v
	})
}

// judge holds a load that the server carries against the truth: all of it is sent, when it was due.
func (l sustained) judge(rows []sample.Sample, pairs []pair, unsent int64) verdict {
	c := l.claim()
	c.requests -= int(unsent)
	v := c.judge(pairs)
	byPlan := l.order(&v, rows, unsent)
	if unsent > 0 {
		v.slowf("%d requests could not be sent", unsent)
	}
	judgeLateness(&v, rows, latenessLimits.plus(l.machine))
	l.judgeUse(&v, pairs)
	var planned []time.Duration
	var read []time.Time
	for _, r := range byPlan {
		if r != nil {
			planned = append(planned, r.PlannedAt.Sub(byPlan[0].PlannedAt))
		}
	}
	for _, p := range pairs {
		read = append(read, p.truth.read)
	}
	switch l.table.Kind {
	case schedule.Poisson:
		judgePoisson(&v, planned, read)
	case schedule.Traced:
		judgeTrace(&v, planned, l.plan()[0], l.table.Trace)
	}
	return v
}

// judgeUse holds the use of connections against what was asked for: one after the other on a kept one, one alone on a
// new one, up to the limit on a shared one.
func (l sustained) judgeUse(v *verdict, pairs []pair) {
	var log []handled
	used := map[int]bool{}
	for _, p := range pairs {
		log = append(log, p.truth)
		if l.connections == probe.New && used[p.truth.conn] {
			v.wrongf("connection %d was used again", p.truth.conn)
		}
		used[p.truth.conn] = true
	}
	limit := 1
	if l.connections == probe.Shared {
		limit = streamsMost
	}
	judgeCrowds(v, log, limit)
}

// judgeLateness is for requests that find a connection.
func judgeLateness(v *verdict, rows []sample.Sample, most limits) {
	for _, r := range rows {
		if r.Lateness < -slack {
			v.wrongf("burst %d, slot %d: sent %s before it was due", r.Burst, r.Slot, -r.Lateness)
		}
	}
	if len(rows) == 0 {
		return
	}
	late := latenesses(rows)
	if p50, p99 := percentile(late, 50), percentile(late, 99); p50 > most.p50 || p99 > most.p99 {
		v.slowf("lateness: p50 %s, p99 %s", p50, p99)
	}
}

func latenesses(rows []sample.Sample) (out []time.Duration) {
	for _, r := range rows {
		out = append(out, r.Lateness)
	}
	return out
}

// judgePoisson holds the gaps between requests against the exponential distribution of the rate: as planned, where
// chance has no part since the seed is fixed, and as the server saw them, whose readings the machine may hold up.
func judgePoisson(v *verdict, planned []time.Duration, read []time.Time) {
	slices.SortFunc(read, time.Time.Compare)
	var arrived []time.Duration
	for _, at := range read {
		arrived = append(arrived, at.Sub(read[0]))
	}
	// The distance that the test of Kolmogorov and Smirnov lets pass, one time in a hundred it is more (for n over 35).
	bound := 1.63 / math.Sqrt(float64(len(planned)))
	if d := fromExponential(planned, time.Second/loadRate); d > bound {
		v.wrongf("the planned gaps lie %.3f from the exponential distribution, %.3f is allowed", d, bound)
	}
	if d := fromExponential(arrived, time.Second/loadRate); d > bound+0.1 {
		v.slowf(
			"the gaps that the server saw lie %.3f from the exponential distribution, %.3f is allowed",
			d,
			bound+0.1,
		)
	}
}

// fromExponential is the greatest distance between the distribution of the gaps and the exponential one of a mean.
func fromExponential(instants []time.Duration, mean time.Duration) (d float64) {
	var gaps []time.Duration
	for i := 1; i < len(instants); i++ {
		gaps = append(gaps, instants[i]-instants[i-1])
	}
	slices.Sort(gaps)
	for i, gap := range gaps {
		below := 1 - math.Exp(-float64(gap)/float64(mean))
		n := float64(len(gaps))
		d = max(d, below-float64(i)/n, float64(i+1)/n-below)
	}
	return d
}

// judgeTrace holds the counts of planned requests in each of a trace's slots against it. The instants count from the
// first request's.
func judgeTrace(v *verdict, planned []time.Duration, first time.Duration, trace schedule.Trace) {
	counts := make([]int64, len(trace.Counts))
	for _, at := range planned {
		if slot := int((at + first) / trace.Slot); slot < len(counts) {
			counts[slot]++
		}
	}
	if !slices.Equal(counts, trace.Counts) {
		v.wrongf("requests were planned as %v, the trace has %v", counts, trace.Counts)
	}
}
