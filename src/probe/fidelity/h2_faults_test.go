package fidelity

import (
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// onConnections is what a perfect probe writes down of bursts of ten that share connections, so many requests on each.
func onConnections(requests, each int) []pair {
	pairs := ideal(claim{requests: requests}, script{delays: steady()})
	for i := range pairs {
		pairs[i].truth.conn = i % 10 / each
	}
	return pairs
}

func TestWrongSharingIsNoticed(t *testing.T) {
	good := func() []pair { return onConnections(30, 4) }
	if v := judgeShared(good(), 30, 3, 3, 4, limits{}); !v.good() {
		t.Fatalf("the perfect probe does not pass: %s", v.String())
	}
	each := func(spoil func(r *sample.Sample, h *handled)) []pair {
		pairs := good()
		for i := range pairs {
			spoil(&pairs[i].row, &pairs[i].truth)
		}
		return pairs
	}
	for name, v := range map[string]verdict{
		"a connection for each request":          judgeShared(good(), 30, 30, 3, 4, limits{}),
		"a connection too few":                   judgeShared(good(), 30, 2, 3, 4, limits{}),
		"more connections than threads can need": judgeShared(good(), 30, 3+threadsMost, 3, 4, limits{}),
		"a row missing":                          judgeShared(good()[1:], 30, 3, 3, 4, limits{}),
		"more at once than are allowed":          judgeShared(onConnections(30, 5), 30, 3, 3, 4, limits{}),
		"all on one connection":                  judgeShared(onConnections(30, 10), 30, 3, 3, 4, limits{}),
		"rows that say new": judgeShared(each(func(r *sample.Sample,
			_ *handled) {
			r.NewConn = true
		}), 30, 3, 3, 4, limits{}),
		"a wait for others in the latency": judgeShared(each(func(r *sample.Sample, _ *handled) {
			r.WriteBegan,
				r.Written = ms, ms
		}), 30, 3, 3, 4, limits{}),
		"rows with a handshake": judgeShared(each(func(r *sample.Sample, _ *handled) { r.TLS = ms }),
			30, 3, 3, 4, limits{}),
		"connections opened in the latency": judgeShared(each(func(r *sample.Sample,
			h *handled) {
			h.accepted = r.SentAt.Add(10 * ms)
		}), 30, 3, 3, 4, limits{}),
	} {
		if v.good() {
			t.Errorf("%s passes", name)
		}
	}
}

func TestWrongCrowdsAreNoticed(t *testing.T) {
	var log []handled
	for _, p := range onConnections(10, 4) {
		log = append(log, p.truth)
	}
	if n := crowd(log); n != 10 {
		t.Errorf("ten requests at once are a crowd of %d", n)
	}
	if n := crowd(nil); n != 0 {
		t.Errorf("no requests are a crowd of %d", n)
	}
	base := time.Unix(1_800_000_000, 0)
	if n := crowd([]handled{{read: base, wrote: base.Add(ms)}, {read: base.Add(ms), wrote: base.Add(2 * ms)}}); n != 1 {
		t.Errorf("one request after the other is a crowd of %d", n)
	}
	for accepted, good := range map[int]bool{2: false, 3: true, 4: true, 3 + threadsMost: true, 4 + threadsMost: false,
		10: false} {
		var v verdict
		if judgeSharing(&v, log, accepted, 4); v.good() != good {
			t.Errorf("%d connections for ten requests, four on each: %q", accepted, v.String())
		}
	}
	var v verdict
	if judgeSharing(&v, log, 4, 3); v.good() {
		t.Error("four requests at once where three are allowed pass")
	}
}

// TestWrongResetsAreNoticed: the end of one stream costs one row.
func TestWrongResetsAreNoticed(t *testing.T) {
	for _, f := range resetStreams() {
		t.Run(f.name, func(t *testing.T) {
			made := func() (rows []sample.Sample, log []handled) {
				for n, p := range ideal(claim{requests: f.burst},
					script{delays: f.script.delays, between: f.script.between}) {
					p.row.Burst, p.row.Slot, p.truth.conn = 0, n, 0
					p.truth.reset = len(f.script.resets) > 0 && f.script.resets[n%len(f.script.resets)]
					if len(f.script.statuses) > 0 {
						p.truth.status = f.script.statuses[n%len(f.script.statuses)]
						p.row.Status = p.truth.status
					}
					if p.truth.reset || p.row.Status == 503 {
						p.row.Err, p.row.Latency, p.row.RequestID = f.class, sample.None, "known-b0"
					}
					if p.truth.reset {
						p.row.ReceivedAt, p.truth.wrote = time.Time{}, time.Time{}
					}
					rows, log = append(rows, p.row), append(log, p.truth)
				}
				return rows, log
			}
			rows, log := made()
			if v := f.judge(rows, log, limits{}); !v.good() {
				t.Fatalf("the perfect probe does not pass: %s", v.String())
			}
			for name, spoil := range map[string]func(rows []sample.Sample){
				"fails all of the connection": func(rows []sample.Sample) {
					for i := range rows {
						rows[i].Err, rows[i].Latency = f.class, sample.None
					}
				},
				"fails a neighbour, too": func(rows []sample.Sample) {
					rows[0].Err, rows[0].Latency = f.class, sample.None
				},
				"hides it": func(rows []sample.Sample) {
					for i := range rows {
						rows[i].Err, rows[i].Latency = sample.OK, 30*ms
					}
				},
				"says that a neighbour dialled": func(rows []sample.Sample) {
					rows[0].NewConn, rows[0].Connect = true, ms
				},
			} {
				rows, log := made()
				spoil(rows)
				if v := f.judge(rows, log, limits{}); v.good() {
					t.Errorf("a probe that %s passes", name)
				}
			}
			rows, log = made()
			for i := range log {
				log[i].conn = i
			}
			if v := f.judge(rows, log, limits{}); v.good() {
				t.Error("a connection for each request passes")
			}
		})
	}
}
