package fidelity

import (
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestWrongPhasesAreNoticed: on top of the row's own sums, the medians of phases.
func TestWrongPhasesAreNoticed(t *testing.T) {
	judged := func(pairs []pair) verdict {
		var v verdict
		judgePhases(&v, 100, phasesOf(pairs), limits{})
		return v
	}
	if v := judged(ideal(phaseClaim(100), phaseScript())); !v.good() {
		t.Fatalf("the perfect probe does not pass: %s", v.String())
	}
	for name, spoil := range map[string]func(r *sample.Sample){
		"swaps DNS and TLS":             func(r *sample.Sample) { r.DNS, r.TLS = r.TLS, r.DNS },
		"first byte is the last":        func(r *sample.Sample) { r.FirstByte = r.Latency },
		"last byte is the first":        func(r *sample.Sample) { r.Latency = r.FirstByte },
		"first byte counts from writes": func(r *sample.Sample) { r.FirstByte -= r.WriteBegan },
	} {
		pairs := eachRow(func(r *sample.Sample, _ handled) { spoil(r) })(ideal(phaseClaim(100), phaseScript()))
		if v := judged(pairs); v.good() {
			t.Errorf("a probe whose %s passes", name)
		}
	}
	if v := judged(nil); v.good() {
		t.Error("no rows at all pass")
	}
}

// TestWrongSpreadsAreNoticed: a spread that is that of the slots' turns, or of the answers, is not that of the
// requests.
func TestWrongSpreadsAreNoticed(t *testing.T) {
	staggered := func() []pair {
		pairs := ideal(claim{requests: 10, fresh: true}, script{delays: steady()})
		for i := range pairs {
			wait := time.Duration(i) * 20 * ms
			pairs[i].row.WriteBegan += wait
			pairs[i].row.FirstByte += wait
			pairs[i].truth.read = pairs[i].truth.read.Add(wait)
		}
		return pairs
	}
	if v := judgeSpread(spreads(staggered()), 1, spreadBound.p50); !v.good() {
		t.Fatalf("the perfect probe does not pass: %s", v.String())
	}
	for name, spoil := range map[string]func(r *sample.Sample, h handled){
		"of the turns":      func(r *sample.Sample, _ handled) { r.WriteBegan = 0 },
		"from the last one": func(r *sample.Sample, _ handled) { r.WriteBegan = 180 * ms },
		"of twice the size": func(r *sample.Sample, _ handled) { r.WriteBegan *= 2 },
	} {
		if v := judgeSpread(spreads(eachRow(spoil)(staggered())), 1, spreadBound.p50); v.good() {
			t.Errorf("a spread %s passes", name)
		}
	}
	if v := judgeSpread(spreads(staggered()), 2, spreadBound.p50); v.good() {
		t.Error("a burst without a spread passes")
	}
}

func TestWrongConnectionsAreNoticed(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		c := claim{requests: 40, fresh: fresh}
		want := 10
		if fresh {
			want = 40
		}
		pairs := func() []pair { return ideal(c, script{delays: steady()}) }
		if v := judgeConnections(pairs(), 40, fresh, want, want); !v.good() {
			t.Fatalf("the perfect probe does not pass: %s", v.String())
		}
		for name, v := range map[string]verdict{
			"one connection too many": judgeConnections(pairs(), 40, fresh, want, want+1),
			"a row missing":           judgeConnections(pairs()[1:], 40, fresh, want, want),
			"NewConn turned round": judgeConnections(eachRow(func(r *sample.Sample,
				_ handled) {
				r.NewConn = !r.NewConn
			})(pairs()),
				40, fresh, want, want),
			"two at once on one connection": func() verdict {
				p := pairs()
				p[1].truth.conn = p[0].truth.conn
				return judgeConnections(p, 40, fresh, want, want)
			}(),
		} {
			if v.good() {
				t.Errorf("fresh %v: %s passes", fresh, name)
			}
		}
	}
}

func TestWrongFailuresAreNoticed(t *testing.T) {
	f := failing{
		name:   "half lost",
		script: script{delays: steady()},
		relay:  []toxic{{Toxicity: 0.5}},
		burst:  20,
		class:  sample.Timeout,
		truth:  unseen,
	}
	made := func() (rows []sample.Sample, log []handled) {
		for _, p := range ideal(claim{requests: 12, fresh: true}, f.script) {
			rows, log = append(rows, p.row), append(log, p.truth)
		}
		for slot := range 8 {
			r := sample.Empty()
			r.RequestID, r.Slot, r.Err = fmt.Sprintf("known-b0-s%d", slot), slot, sample.Timeout
			rows = append(rows, r)
		}
		return rows, log
	}
	rows, log := made()
	if v := f.judge(rows, log, limits{}); !v.good() {
		t.Fatalf("the perfect probe does not pass: %s", v.String())
	}
	for name, spoil := range map[string]func(rows []sample.Sample) []sample.Sample{
		"leaves a failure out": func(rows []sample.Sample) []sample.Sample { return rows[:19] },
		"calls a failure something else": func(rows []sample.Sample) []sample.Sample {
			rows[19].Err = sample.Reset
			return rows
		},
		"gives a failure a latency": func(rows []sample.Sample) []sample.Sample {
			rows[19].Latency = time.Second
			return rows
		},
		"takes a failure for an answer": func(rows []sample.Sample) []sample.Sample {
			rows[19].Err = sample.OK
			rows[19].Latency = ms
			return rows
		},
		"takes an answer for a failure": func(rows []sample.Sample) []sample.Sample {
			rows[0].Err, rows[0].Latency = sample.Timeout, sample.None
			return rows
		},
		"sends again what failed": func(rows []sample.Sample) []sample.Sample {
			return append(rows, rows[19])
		},
		"counts an answer for two": func(rows []sample.Sample) []sample.Sample {
			rows[1].RequestID = rows[0].RequestID
			return rows
		},
		"calls a failed answer a complete": func(rows []sample.Sample) []sample.Sample {
			rows[19].ReceivedAt = time.Now()
			return rows
		},
	} {
		rows, log := made()
		if v := f.judge(spoil(rows), log, limits{}); v.good() {
			t.Errorf("a probe that %s passes", name)
		}
	}
}
