package fidelity

import (
	"fmt"
	"testing"
	"time"

	"stellar/src/probe"
	"stellar/src/sample"
)

// failing is a scenario in which some requests get no good answer. Which, the server or the relay decides.
type failing struct {
	name   string
	script script
	relay  []toxic
	burst  int
	within time.Duration // the probe's timeout
	class  sample.Class
	// truth counts the failures from what the server saw of the requests sent.
	truth func(sent int, log []handled) int
}

// all is the truth where none gets a good answer though the server has seen each.
func all(sent int, log []handled) int {
	if len(log) != sent {
		return -1
	}
	return sent
}

// unseen is the truth where the relay kept requests from the server.
func unseen(sent int, log []handled) int { return sent - len(log) }

func failureList() []failing {
	half := func(kind, stream string, attributes map[string]int64) []toxic {
		return []toxic{{kind, stream, 0.5, attributes}}
	}
	every := func(kind, stream string, attributes map[string]int64) []toxic {
		return []toxic{{kind, stream, 1, attributes}}
	}
	quick := []time.Duration{5*ms + 300*time.Microsecond}
	late := 4 * time.Second
	return []failing{
		{"half of the requests lost", script{delays: quick}, half("timeout", "upstream", map[string]int64{"timeout": 0}), 40, 2 * time.Second, sample.Timeout, unseen},
		{"half lost, closed after 50 ms", script{delays: quick}, half("timeout", "upstream", map[string]int64{"timeout": 50}), 40, time.Minute, sample.Reset, unseen},
		{"half of the connections reset", script{delays: quick}, half("reset_peer", "upstream", map[string]int64{"timeout": 20}), 40, time.Minute, sample.Reset, unseen},
		{"all answers lost", script{delays: quick}, every("timeout", "downstream", map[string]int64{"timeout": 0}), 20, time.Second, sample.Timeout, all},
		{"all answers reset", script{delays: quick}, every("reset_peer", "downstream", map[string]int64{"timeout": 20}), 20, time.Minute, sample.Reset, all},
		{"all answers cut at 500 bytes", script{delays: quick, body: 2000}, every("limit_data", "downstream", map[string]int64{"bytes": 500}), 20, time.Minute, sample.Reset, all},
		{"a quarter slower than the timeout", script{delays: []time.Duration{quick[0], quick[0], late, quick[0]}}, nil, 40, 2 * time.Second, sample.Timeout,
			func(_ int, log []handled) (n int) {
				for _, h := range log {
					if h.nominal == late {
						n++
					}
				}
				return n
			}},
		{"a fifth refused with 503", script{delays: quick, statuses: []int{200, 200, 503, 200, 200}}, nil, 40, time.Minute, sample.HTTP5xx,
			func(_ int, log []handled) (n int) {
				for _, h := range log {
					if h.status == 503 {
						n++
					}
				}
				return n
			}},
	}
}

func failureScenes() []scene {
	var out []scene
	for _, f := range failureList() {
		out = append(out, scene{f.name, f.run})
	}
	return out
}

func (f failing) run(t *testing.T, relay *toxiproxy) line {
	s := play(t, f.script)
	addr := s.addr
	if f.relay != nil {
		addr = relay.between(t, addr, f.relay...)
	}
	rows := observe(t, s, addr, func(c *probe.Config) {
		bursts(1, f.burst, probe.New)(c)
		c.Timeout = f.within
	})
	log := s.requests()
	v := f.judge(rows, log)
	if !v.good() {
		t.Error(v.String())
	}
	failed := f.truth(f.burst, log)
	return line{f.name, fmt.Sprintf("%s of %d", f.class, f.burst), fmt.Sprintf("%d failed", failed), fmt.Sprintf("%d %s", classes(rows)[f.class], f.class), "exact", v.good()}
}

func classes(rows []sample.Sample) map[sample.Class]int {
	out := map[sample.Class]int{}
	for _, r := range rows {
		out[r.Err]++
	}
	return out
}

// judge holds the rows against what server and relay did: no failure is hidden, none is made up, all have their class.
func (f failing) judge(rows []sample.Sample, log []handled) verdict {
	var v verdict
	want := f.truth(f.burst, log)
	got := classes(rows)
	if len(rows) != f.burst || want < 1 || got[f.class] != want || got[sample.OK] != f.burst-want {
		v.wrongf("%d rows, by class %v; %d of %d requests failed, as %s", len(rows), got, want, f.burst, f.class)
	}
	if want == f.burst && f.relay != nil && f.relay[0].Toxicity < 1 {
		v.wrongf("all failed where half were to")
	}
	for _, r := range rows {
		switch {
		case (r.Err == sample.OK) != (r.Latency >= 0):
			v.wrongf("slot %d: class %q with latency %s", r.Slot, r.Err, r.Latency)
		case r.Err == sample.HTTP5xx && (r.Status != 503 || r.FirstByte < 0):
			v.wrongf("slot %d: status %d, first byte %s", r.Slot, r.Status, r.FirstByte)
		case r.Err != sample.OK && r.Err != sample.HTTP5xx && !r.ReceivedAt.IsZero():
			v.wrongf("slot %d: class %q, yet its answer was complete at %s", r.Slot, r.Err, r.ReceivedAt)
		case f.script.body > 0 && (r.Bytes >= int64(f.script.body) || r.FirstByte < 0):
			v.wrongf("slot %d: %d bytes of a body that was cut, first byte %s", r.Slot, r.Bytes, r.FirstByte)
		}
	}
	var answered []sample.Sample
	for _, r := range rows {
		if r.Err == sample.OK {
			answered = append(answered, r)
		}
	}
	pairs, wrong := match(answered, log)
	v.wrong = append(v.wrong, wrong...)
	for _, p := range pairs {
		claim{fresh: true}.judgeRow(&v, p)
	}
	return v
}
