package fidelity

import (
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// idealStall is what a perfect probe writes down of the open schedule of the stall.
func idealStall() (rows []sample.Sample, from, to time.Time) {
	base := time.Unix(1_800_000_000, 0).UTC()
	from = base.Add(stallFrom*stallIAT + 2*tiny)
	to = from.Add(stallFor)
	for i := range stallPlanned {
		r := sample.Empty()
		r.Burst, r.BurstSize = i, 1
		r.PlannedAt, r.Lateness = base.Add(time.Duration(i)*stallIAT), tiny
		r.SentAt = r.PlannedAt.Add(tiny)
		end := r.SentAt.Add(5 * ms)
		if i >= stallFrom && r.SentAt.Before(to) {
			end = to.Add(tiny)
		}
		latency(&r, end.Sub(r.SentAt))
		rows = append(rows, r)
	}
	return rows, from, to
}

// stallHiders are ways not to show a stall.
func stallHiders() map[string]func(rows []sample.Sample) []sample.Sample {
	stalled := func(r *sample.Sample) bool { return r.Latency > 10*ms }
	return map[string]func(rows []sample.Sample) []sample.Sample{
		"waits for the stall and says that it was not late": func(rows []sample.Sample) []sample.Sample {
			_, _, to := idealStall()
			for i := range rows {
				if r := &rows[i]; i > stallFrom && stalled(r) {
					r.SentAt = to.Add(time.Duration(i) * tiny)
					latency(r, 5*ms)
				}
			}
			return rows
		},
		"takes the sending for the plan": func(rows []sample.Sample) []sample.Sample {
			for i := range rows {
				late := time.Duration(i%3) * 250 * time.Microsecond
				rows[i].PlannedAt, rows[i].SentAt, rows[i].Lateness = rows[i].SentAt.Add(
					late,
				), rows[i].SentAt.Add(
					late,
				), 0
				latency(&rows[i], rows[i].Latency-late)
			}
			return rows
		},
		"moves the plan behind the stall": func(rows []sample.Sample) []sample.Sample {
			for i := stallFrom + 1; i < len(rows); i++ {
				rows[i].PlannedAt, rows[i].SentAt = rows[i].PlannedAt.Add(stallFor), rows[i].SentAt.Add(stallFor)
				latency(&rows[i], 5*ms)
			}
			return rows
		},
		"does not send in the stall": func(rows []sample.Sample) []sample.Sample {
			kept := 0
			return slices.DeleteFunc(rows, func(r sample.Sample) bool {
				if stalled(&r) {
					kept++
				}
				return stalled(&r) && kept > 1
			})
		},
		"gives all of them the same latency": func(rows []sample.Sample) []sample.Sample {
			for i := range rows {
				if stalled(&rows[i]) {
					latency(&rows[i], time.Second)
				}
			}
			return rows
		},
		"counts the lateness twice": func(rows []sample.Sample) []sample.Sample {
			for i := range rows {
				rows[i].Lateness = rows[i].Latency
			}
			return rows
		},
	}
}

func TestHiddenStallsAreNoticed(t *testing.T) {
	for name, spoil := range stallHiders() {
		t.Run(name, func(t *testing.T) {
			rows, from, to := idealStall()
			if v := judgeOpenStall(rows, stallPlanned, stallIAT, from, to, crowded.p99); !v.good() {
				t.Fatalf("the perfect probe does not pass: %s", v.String())
			}
			if v := judgeOpenStall(spoil(rows), stallPlanned, stallIAT, from, to, crowded.p99); v.good() {
				t.Error("a probe that does this passes")
			}
		})
	}
}
