package fidelity

import (
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	loadStall     = time.Second
	loadStallFrom = 100 // the request that begins it
)

// stallingLoads meet a stall of a second with connections enough for all that is due in it: its requests leave on time.
func stallingLoads() []sustained {
	table := schedule.Timetable{Kind: schedule.Constant, Rate: loadRate, Duration: 2 * time.Second}
	known := script{delays: steady(), stallAt: loadStallFrom, stall: loadStall}
	shared := known
	shared.protocol = probe.H2C
	return []sustained{
		{"load: stall of 1 s, reuse", known, table, probe.Reuse, 0, crowded, limits{}},
		{"h2c: load: stall of 1 s, shared", shared, table, probe.Shared, 0, crowded, limits{}},
	}
}

func (l sustained) runStall(t *testing.T, _ *toxiproxy) []line {
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, l.script)
		rows, outcome := observeAll(t, s, s.addr, l.configure)
		l := l
		l.machine = watched()
		l.limits = l.limits.plus(l.machine)
		from, to := s.stalled()
		v := l.judgeStall(rows, outcome.Unsent, from, to)
		if l.connections == probe.Shared {
			judgeSharing(&v, s.requests(), s.accepted(), streamsMost)
		}
		out := stallLine(l.name, rows, time.Second/loadRate, from, to, l.limits.p99, v)
		out.measured += ", late " + both(latenesses(rows))
		out.bound += fmt.Sprintf(", late %s", latenessLimits.plus(l.machine))
		return out, v
	})
}

// judgeStall holds a load that has connections enough against a stall: whatever was due in it shows what was left of
// it, as latency and not as lateness.
func (l sustained) judgeStall(rows []sample.Sample, unsent int64, from, to time.Time) verdict {
	var v verdict
	byPlan := l.order(&v, rows, unsent)
	for k, r := range byPlan {
		if r == nil {
			v.slowf("request %d was not sent, %d were not in all", k, unsent)
			return v
		} else if r.Err != sample.OK {
			v.wrongf("request %d: class %q, lateness %s", k, r.Err, r.Lateness)
			return v
		}
	}
	judgeLateness(&v, rows, latenessLimits.plus(l.machine))
	within := judgeStalled(&v, byPlan, from, to, l.script.delays[0], l.limits.p99)
	if want := int((to.Sub(from) - wallSlack) * loadRate / time.Second); within < want-1 {
		v.wrongf("%d requests were due in the stall, %d of them planned", want, within)
	}
	return v
}

// fewConnections meets a stall of a second with fewer connections than are wanted in it, so that what is due waits for
// one; the load is over before all of it has been sent. The connections are as many for one thread as for two, three or
// four.
func fewConnections() sustained {
	return sustained{
		"load: stall of 1 s, 36 connections",
		script{delays: []time.Duration{60*ms + 700*time.Microsecond}, stallAt: 240, stall: loadStall},
		schedule.Timetable{
			Kind:     schedule.Constant,
			Rate:     loadRate,
			Duration: 2500 * ms,
		},
		probe.Reuse,
		36,
		crowded,
		limits{},
	}
}

// queue is the arithmetic of a load on so many connections, each busy with a request for as long as the server takes:
// request k is sent when it is due and request k-most has been answered. Whatever would be answered within the stall is
// answered at its end.
func queue(plan []time.Duration, most int, each, from, to time.Duration) (sent, answered []time.Duration) {
	for k, at := range plan {
		if k >= most {
			at = max(at, answered[k-most])
		}
		end := at + each
		if at >= from && end < to {
			end = to
		}
		sent, answered = append(sent, at), append(answered, end)
	}
	return sent, answered
}

// shortage is what follows from the arithmetic: how late each request leaves at least and at most, its least lateness
// and latency, and the counts.
type shortage struct {
	least, most, total        []time.Duration
	leastWaiting, mostWaiting int
	leastUnsent, mostUnsent   int
}

// arithmetic works it out for a stall, from the load's start. Between the least and the most lies what a busy machine
// may add to every request.
func (l sustained) arithmetic(from, to time.Duration) (a shortage) {
	plan, each := l.plan(), l.script.delays[0]
	soonest, answered := queue(plan, l.most, each, from, to)
	// The request that begins the stall was sent before: a moment, or what a busy machine makes of that.
	latest, _ := queue(plan, l.most, each+l.limits.p50, from-l.limits.p50, to)
	for k, at := range plan {
		a.least, a.most, a.total = append(
			a.least,
			soonest[k]-at,
		), append(
			a.most,
			latest[k]-at,
		), append(
			a.total,
			answered[k]-at,
		)
		switch {
		case soonest[k] >= l.table.Duration:
			a.leastUnsent++
		case a.least[k] > waitFrom+wallSlack && latest[k] < l.table.Duration:
			a.leastWaiting++
		}
		if latest[k] >= l.table.Duration {
			a.mostUnsent++
		}
		if a.most[k] > waitFrom-wallSlack && soonest[k] < l.table.Duration {
			a.mostWaiting++
		}
	}
	a.mostWaiting += len(plan) / 20 // of those that need not wait a busy machine may hold up some
	return a
}

func (l sustained) runFew(t *testing.T, _ *toxiproxy) []line {
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, l.script)
		rows, outcome := observeAll(t, s, s.addr, l.configure)
		l := l
		l.machine = watched()
		l.limits = l.limits.plus(l.machine)
		from, to := s.stalled()
		v := l.judgeFew(rows, outcome, s.requests(), from, to)
		if s.accepted() > l.most {
			v.wrongf("%d connections, %d are allowed", s.accepted(), l.most)
		}
		out := line{scenario: l.name, nominal: fmt.Sprintf("%d planned", len(l.plan())), truth: "arithmetic",
			measured: fmt.Sprintf("%d waited, %d unsent", waiting(rows), outcome.Unsent), pass: v.good()}
		if len(rows) > 0 {
			begin := l.begin(rows)
			a := l.arithmetic(from.Sub(begin), to.Sub(begin))
			out.bound = fmt.Sprintf(
				"%d to %d waited, %d to %d unsent",
				a.leastWaiting,
				a.mostWaiting,
				a.leastUnsent,
				a.mostUnsent,
			)
		}
		return out, v
	})
}

// begin is the load's start, by a row's instant and its place in the plan.
func (l sustained) begin(rows []sample.Sample) time.Time {
	plan := l.plan()
	if k := placeIn(plan)(&rows[0]); k >= 0 {
		return rows[0].PlannedAt.Add(-plan[k])
	}
	return rows[0].PlannedAt
}

// judgeFew holds a load that waits for connections against the arithmetic: what waits is late, by what it waited; what
// could not be sent is counted, and is what was due last.
func (l sustained) judgeFew(rows []sample.Sample, out probe.Outcome, log []handled, from, to time.Time) verdict {
	var v verdict
	byPlan := l.order(&v, rows, out.Unsent)
	if len(rows) == 0 || len(log) != len(rows) {
		v.wrongf("%d rows, the server had %d requests", len(rows), len(log))
		return v
	}
	if n := crowd(log); n > l.most {
		v.wrongf("%d requests at once, there may be %d connections", n, l.most)
	}
	begin := l.begin(rows)
	a := l.arithmetic(from.Sub(begin), to.Sub(begin))
	for k, r := range byPlan {
		switch {
		case r == nil && k < len(rows)-l.most:
			v.wrongf("request %d was not sent, though later ones were", k)
		case r == nil:
		case r.Err != sample.OK:
			v.wrongf("request %d: class %q", k, r.Err)
		case r.Lateness < a.least[k]-wallSlack:
			v.wrongf("request %d was %s late, no connection was free for %s", k, r.Lateness, a.least[k])
		case r.Lateness+r.Latency < a.total[k]-wallSlack:
			v.wrongf(
				"request %d: lateness + latency is %s, it had to wait %s for its answer",
				k,
				r.Lateness+r.Latency,
				a.total[k],
			)
		case r.Lateness > a.most[k]+l.limits.p99:
			v.slowf("request %d was %s late, a connection was free after %s", k, r.Lateness, a.most[k])
		case r.Latency > max(to.Sub(r.SentAt), l.script.delays[0])+l.limits.p99:
			v.slowf("request %d: latency %s, sent at %s with the stall over at %s", k, r.Latency, r.SentAt, to)
		}
	}
	if unsent := int(out.Unsent); unsent < a.leastUnsent {
		v.wrongf("%d unsent requests, there must be %d", unsent, a.leastUnsent)
	} else if unsent > a.mostUnsent {
		v.slowf("%d unsent requests, there may be %d", unsent, a.mostUnsent)
	}
	// What a busy machine did not send at the end had waited, too.
	least := a.leastWaiting - max(int(out.Unsent)-a.leastUnsent, 0)
	if n := waiting(rows); n < least || n > out.Late {
		v.wrongf("%d requests waited for a connection, there must be %d; counted as late are %d", n, least, out.Late)
	} else if n > a.mostWaiting {
		v.slowf("%d requests waited for a connection, there may be %d", n, a.mostWaiting)
	}
	return v
}

// waitFrom is how late a request is that has waited for a connection, and not only for a processor.
const waitFrom = 10 * ms

func waiting(rows []sample.Sample) (n int) {
	for _, r := range rows {
		n += toInt(r.Lateness > waitFrom)
	}
	return n
}
