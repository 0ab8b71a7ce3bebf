package fidelity

import (
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestHiddenLoadStallsAreNoticed(t *testing.T) {
	for _, l := range stallingLoads() {
		t.Run(l.name, func(t *testing.T) {
			pairs, unsent, from, to := l.ideal()
			if v := l.judgeStall(rowsOf(pairs), unsent, from, to); !v.good() {
				t.Fatalf("the perfect probe does not pass: %s", v.String())
			}
			stalled := func(r *sample.Sample) bool { return r.Latency > 100*ms }
			each := func(spoil func(r *sample.Sample)) func([]sample.Sample) []sample.Sample {
				return func(rows []sample.Sample) []sample.Sample {
					for i := range rows {
						if stalled(&rows[i]) {
							spoil(&rows[i])
						}
					}
					return rows
				}
			}
			drop := func(rows []sample.Sample) []sample.Sample {
				return slices.DeleteFunc(rows, func(r sample.Sample) bool { return stalled(&r) })
			}
			for name, spoil := range map[string]func(rows []sample.Sample) []sample.Sample{
				"waits for the stall and says that it was not late": each(func(r *sample.Sample) {
					r.SentAt = to
					latency(r, 21*ms)
				}),
				"plans behind the stall": each(func(r *sample.Sample) {
					r.PlannedAt,
						r.SentAt = to, to
					latency(r, 21*ms)
				}),
				"gives all of them the same latency": each(func(r *sample.Sample) {
					latency(r,
						loadStall/2)
				}),
				"waits where connections are free": each(func(r *sample.Sample) {
					r.Lateness, r.SentAt = to.Sub(r.PlannedAt), to
					latency(r, 21*ms)
				}),
				"counts the wait twice": each(func(r *sample.Sample) { latency(r, 2*r.Latency) }),
				"takes it for a failure": each(func(r *sample.Sample) {
					r.Err, r.Latency = sample.Timeout,
						sample.None
				}),
				"does not send in it": drop,
				"sends nothing":       func([]sample.Sample) []sample.Sample { return nil },
			} {
				pairs, unsent, from, to := l.ideal()
				if v := l.judgeStall(spoil(rowsOf(pairs)), unsent, from, to); v.good() {
					t.Errorf("a probe that %s passes", name)
				}
			}
			rows := drop(rowsOf(pairs))
			if v := l.judgeStall(rows, int64(len(pairs)-len(rows)), from, to); v.good() {
				t.Error("a probe that calls unsent what was due in the stall passes")
			}
		})
	}
}

// outcomeOf counts what a probe says besides the rows.
func outcomeOf(rows []sample.Sample, unsent int64) probe.Outcome {
	out := probe.Outcome{Requests: len(rows), Unsent: unsent}
	for _, r := range rows {
		out.Late += toInt(r.Lateness > lateFrom)
		out.Errors += toInt(r.Err != sample.OK)
		out.Suspect += toInt(r.Suspect != "")
		out.MaxLateness = max(out.MaxLateness, r.Lateness)
		out.Bursts = max(out.Bursts, r.Burst+1)
	}
	return out
}

// waitHiders are ways not to show what waits for a connection.
func waitHiders(l sustained) map[string]func(pairs []pair, unsent *int64) []pair {
	late := func(spoil func(p *pair)) func([]pair, *int64) []pair {
		return func(pairs []pair, _ *int64) []pair {
			for i := range pairs {
				if pairs[i].row.Lateness > ms {
					spoil(&pairs[i])
				}
			}
			return pairs
		}
	}
	return map[string]func(pairs []pair, unsent *int64) []pair{
		"plans what waits for when it left": late(
			func(p *pair) { p.row.PlannedAt, p.row.Lateness = p.row.SentAt, 0 },
		),
		"says that nothing was late":          late(func(p *pair) { p.row.Lateness = 0 }),
		"says half of the lateness":           late(func(p *pair) { p.row.Lateness /= 2 }),
		"counts the wait as latency, too":     late(func(p *pair) { latency(&p.row, p.row.Latency+p.row.Lateness) }),
		"does not count what it did not send": func(pairs []pair, unsent *int64) []pair { *unsent = 0; return pairs },
		"counts too little of it": func(pairs []pair, unsent *int64) []pair {
			*unsent -= 3
			return pairs
		},
		"gives up early": func(pairs []pair, unsent *int64) []pair {
			*unsent += 60
			return pairs[:len(pairs)-60]
		},
		"leaves the longest waits out": func(pairs []pair, unsent *int64) []pair {
			*unsent += 50
			return slices.Delete(pairs, 280, 330)
		},
		"leaves them out and does not count it": func(pairs []pair, _ *int64) []pair {
			return slices.Delete(pairs, 280, 330)
		},
		"calls waiting a failure": late(
			func(p *pair) { p.row.Err, p.row.Latency = sample.Timeout, sample.None },
		),
		"sends nothing": func(_ []pair, unsent *int64) []pair { *unsent = 500; return nil },
		"opens twice the connections": func([]pair, *int64) []pair {
			wide := l
			wide.most *= 2
			pairs, _, _, _ := wide.ideal()
			return pairs
		},
		"sends on when the time is over": func(pairs []pair, _ *int64) []pair {
			last := pairs[len(pairs)-1]
			last.move(5*ms, 200*ms)
			last.row.Slot++
			return append(pairs, last)
		},
	}
}

func TestHiddenWaitsAreNoticed(t *testing.T) {
	l := fewConnections()
	judged := func(pairs []pair, unsent int64, from, to time.Time) verdict {
		var log []handled
		for _, p := range pairs {
			log = append(log, p.truth)
		}
		rows := rowsOf(pairs)
		return l.judgeFew(rows, outcomeOf(rows, unsent), log, from, to)
	}
	pairs, unsent, from, to := l.ideal()
	if v := judged(pairs, unsent, from, to); !v.good() || unsent < 20 {
		t.Fatalf("the perfect probe does not pass: %s; %d unsent", v.String(), unsent)
	}
	for name, spoil := range waitHiders(l) {
		pairs, unsent, from, to := l.ideal()
		if v := judged(spoil(pairs, &unsent), unsent, from, to); v.good() {
			t.Errorf("a probe that %s passes", name)
		}
	}
	rows := rowsOf(pairs)
	out := outcomeOf(rows, unsent)
	out.Late = 0
	var log []handled
	for _, p := range pairs {
		log = append(log, p.truth)
	}
	if v := l.judgeFew(rows, out, log, from, to); v.good() {
		t.Error("a probe that counts nothing late passes")
	}
}

// TestDisagreementsAreNoticed: between rows and the outcome.
func TestDisagreementsAreNoticed(t *testing.T) {
	rows := rowsOf(ideal(claim{requests: 30}, script{delays: steady()}))
	rows[3].Err, rows[5].Lateness, rows[7].Suspect = sample.Reset, 3*ms, "gc"
	if wrong := disagreements(rows, outcomeOf(rows, 0), 3); len(wrong) > 0 {
		t.Fatalf("an outcome that agrees: %q", wrong)
	}
	for name, spoil := range map[string]func(out *probe.Outcome){
		"requests": func(out *probe.Outcome) { out.Requests++ }, "errors": func(out *probe.Outcome) { out.Errors = 0 },
		"late": func(out *probe.Outcome) { out.Late = 0 }, "suspect": func(out *probe.Outcome) { out.Suspect++ },
		"lateness": func(out *probe.Outcome) { out.MaxLateness = 0 }, "bursts": func(out *probe.Outcome) {
			out.Bursts = 2
		},
	} {
		out := outcomeOf(rows, 0)
		if spoil(&out); len(disagreements(rows, out, 3)) != 1 {
			t.Errorf("%s: %q", name, disagreements(rows, out, 3))
		}
	}
}

// TestQueue: the arithmetic itself, worked out by hand: two connections, a request every 10 ms, 25 ms each, a stall
// from 40 to 100 ms.
func TestQueue(t *testing.T) {
	var plan []time.Duration
	for k := range 6 {
		plan = append(plan, time.Duration(k)*10*ms)
	}
	sent, answered := queue(plan, 2, 25*ms, 40*ms, 100*ms)
	for k, want := range []struct{ sent, answered time.Duration }{
		{0, 25 * ms}, {10 * ms, 35 * ms}, {25 * ms, 50 * ms}, {35 * ms, 60 * ms}, {50 * ms, 100 * ms},
		{60 * ms, 100 * ms},
	} {
		if sent[k] != want.sent || answered[k] != want.answered {
			t.Errorf(
				"request %d: sent at %s, answered at %s, want %s and %s",
				k,
				sent[k],
				answered[k],
				want.sent,
				want.answered,
			)
		}
	}
	if sent, answered = queue(plan, 100, 25*ms, time.Hour, time.Hour); !slices.Equal(sent, plan) ||
		answered[5] != 75*ms {
		t.Errorf("with connections enough: sent at %v, answered at %v", sent, answered)
	}
}
