package fidelity

import (
	"cmp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// ideal is what a perfect probe writes down of a load, and when the server's stall began and ended.
func (l sustained) ideal() (pairs []pair, unsent int64, from, to time.Time) {
	base := time.Unix(1_800_000_000, 0).UTC()
	plan := l.plan()
	from, to = base.Add(time.Hour), base.Add(time.Hour)
	if l.script.stall > 0 {
		from = base.Add(plan[l.script.stallAt] + 2*tiny)
		to = from.Add(l.script.stall)
	}
	// What is read within the stall was sent a moment before.
	sent, _ := queue(
		plan,
		cmp.Or(l.most, len(plan)),
		l.script.delays[0]+10*tiny,
		from.Add(-2*tiny).Sub(base),
		to.Sub(base),
	)
	place := map[int]int{}
	for k, p := range ideal(l.claim(), l.script) {
		second := int(plan[k] / time.Second)
		p.row.Burst, p.row.Slot, p.row.BurstSize = second, place[second], 0
		place[second]++
		if sent[k] >= l.table.Length() {
			unsent++
			continue
		}
		p.move(base.Add(plan[k]).Sub(p.row.PlannedAt), sent[k]-plan[k])
		if l.script.stall > 0 && !p.truth.read.Before(from) && p.truth.wrote.Before(to) {
			p.truth.first, p.truth.wrote = to, to
			p.row.FirstByte = to.Sub(p.row.SentAt) + tiny
			latency(&p.row, p.row.FirstByte)
		}
		p.truth.conn = k % cmp.Or(l.most, len(plan))
		if l.connections == probe.Shared {
			p.truth.conn = k % 2
		}
		p.row.RequestID = strconv.Itoa(len(pairs))
		pairs = append(pairs, p)
	}
	return pairs, unsent, from, to
}

// move puts a request to another instant, and has it wait.
func (p *pair) move(by, wait time.Duration) {
	p.row.PlannedAt = p.row.PlannedAt.Add(by)
	p.row.Lateness += wait
	for _, at := range []*time.Time{&p.row.SentAt, &p.row.ReceivedAt, &p.truth.accepted, &p.truth.read, &p.truth.first,
		&p.truth.wrote} {
		*at = at.Add(by + wait)
	}
}

func rowsOf(pairs []pair) (rows []sample.Sample) {
	for _, p := range pairs {
		rows = append(rows, p.row)
	}
	return rows
}

// notOnTime are ways not to send a load as planned, or not to say so.
func notOnTime() map[string]func(pairs []pair, unsent *int64) []pair {
	each := func(spoil func(k int, p *pair)) func([]pair, *int64) []pair {
		return func(pairs []pair, _ *int64) []pair {
			for k := range pairs {
				spoil(k, &pairs[k])
			}
			return pairs
		}
	}
	dropped := func(pairs []pair) []pair { return slices.Delete(pairs, 100, 110) }
	return map[string]func([]pair, *int64) []pair{
		"takes the sending for the plan": each(func(k int, p *pair) {
			p.move(0, time.Duration(k%3)*250*time.Microsecond)
			p.row.PlannedAt, p.row.Lateness = p.row.SentAt, 0
		}),
		"lets the plan drift": each(
			func(k int, p *pair) { p.move(time.Duration(k)*50*time.Microsecond, 0) },
		),
		"sends late": each(func(_ int, p *pair) { p.move(0, 20*ms) }),
		"sends two of a hundred very late": each(
			func(k int, p *pair) { p.move(0, time.Duration(toInt(k%50 == 0))*100*ms) },
		),
		"sends early": each(func(_ int, p *pair) { p.move(0, -ms) }),
		"sends all that is due in 50 ms together": each(
			func(k int, p *pair) { p.move(0, time.Duration(9-k%10)*5*ms) },
		),
		"says that it was not late": each(
			func(_ int, p *pair) { p.move(0, 20*ms); p.row.Lateness = 0 },
		),
		"takes the wait for latency": each(
			func(_ int, p *pair) { latency(&p.row, p.row.Latency+40*ms) },
		),
		"numbers requests through":                each(func(k int, p *pair) { p.row.Burst, p.row.Slot = 0, k }),
		"gives all of a second one place":         each(func(_ int, p *pair) { p.row.Slot = 0 }),
		"releases them like bursts":               each(func(_ int, p *pair) { p.row.ReleasedAt = p.row.PlannedAt }),
		"sends several at once on one connection": each(func(_ int, p *pair) { p.truth.conn = 7 }),
		"turns NewConn round":                     each(func(_ int, p *pair) { p.row.NewConn = !p.row.NewConn }),
		"leaves requests out":                     func(pairs []pair, _ *int64) []pair { return dropped(pairs) },
		"calls requests unsent that could have been": func(pairs []pair, unsent *int64) []pair {
			*unsent = 10
			return dropped(pairs)
		},
		"counts unsent requests that were sent": func(pairs []pair, unsent *int64) []pair {
			*unsent = 1
			return pairs
		},
	}
}

func TestWrongLoadsAreNoticed(t *testing.T) {
	for _, l := range answerable() {
		t.Run(l.name, func(t *testing.T) {
			judged := func(pairs []pair, unsent int64) verdict { return l.judge(rowsOf(pairs), pairs, unsent) }
			pairs, unsent, _, _ := l.ideal()
			if v := judged(pairs, unsent); !v.good() {
				t.Fatalf("the perfect probe does not pass: %s", v.String())
			}
			for name, spoil := range notOnTime() {
				pairs, unsent, _, _ := l.ideal()
				if name == "sends several at once on one connection" && l.connections == probe.Shared {
					continue // that is what shared means; more than the limit see below
				}
				if v := judged(spoil(pairs, &unsent), unsent); v.good() {
					t.Errorf("a probe that %s passes", name)
				}
			}
		})
	}
}

// TestWrongArrivalsAreNoticed: gaps that are not those of the distribution, slots that are not those of the trace.
func TestWrongArrivalsAreNoticed(t *testing.T) {
	judged := func(planned, read []time.Duration) verdict {
		var v verdict
		var seen []time.Time
		for _, at := range read {
			seen = append(seen, time.Unix(1_800_000_000, 0).Add(at))
		}
		judgePoisson(&v, planned, seen)
		return v
	}
	const mean = time.Second / loadRate
	plan := answerable()[1].plan()
	if v := judged(plan, plan); !v.good() {
		t.Fatalf("the plan itself does not pass: %s", v.String())
	}
	changed := func(change func(k int, at time.Duration) time.Duration) (out []time.Duration) {
		for k, at := range plan {
			out = append(out, change(k, at))
		}
		return out
	}
	for name, instants := range map[string][]time.Duration{
		"even gaps":        changed(func(k int, _ time.Duration) time.Duration { return time.Duration(k) * mean }),
		"twice the rate":   changed(func(_ int, at time.Duration) time.Duration { return at / 2 }),
		"half of the rate": changed(func(_ int, at time.Duration) time.Duration { return at * 2 }),
		"ticks of 10 ms":   changed(func(_ int, at time.Duration) time.Duration { return at.Truncate(10 * ms) }),
		"uniform gaps": changed(func(k int, _ time.Duration) time.Duration {
			return time.Duration(k)*mean + time.Duration(k*7%10)*mean/10
		}),
		"one after the answers": changed(func(k int, at time.Duration) time.Duration {
			return at +
				time.Duration(k)*4*ms
		}),
	} {
		if v := judged(instants, plan); len(v.wrong) == 0 {
			t.Errorf("a plan of %s passes", name)
		}
		if v := judged(plan, instants); len(v.slow) == 0 {
			t.Errorf("arrivals of %s pass", name)
		}
	}
	l := answerable()[2]
	for name, change := range map[string]func(planned []time.Duration){
		"":                       func([]time.Duration) {},
		"a request a slot later": func(planned []time.Duration) { planned[5] += 250 * ms },
		"evenly over all slots": func(planned []time.Duration) {
			for k := range planned {
				planned[k] = time.Duration(k) * 5 * ms
			}
		},
	} {
		planned := l.plan()
		change(planned)
		var v verdict
		if judgeTrace(&v, planned, 0, l.table.Trace); v.good() != (name == "") {
			t.Errorf("a trace with %q: %q", name, v.String())
		}
	}
}
