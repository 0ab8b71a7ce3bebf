package fidelity

import (
	"fmt"
	"testing"
	"time"

	"stellar/src/probe"
	"stellar/src/sample"
)

// A server stalls for two seconds. Of requests that are due on a plan, all that are due in the stall must show what is left
// of it, lateness included: that is what users would have waited. Where the plan waits for answers, only those in flight do.

const (
	stallFor  = 2 * time.Second
	stallIAT  = 20 * ms
	stallFrom = 40 // the request, hence in the open scenario the burst, that begins it
)

func stallScript() script {
	return script{delays: []time.Duration{5*ms + 300*time.Microsecond}, stallAt: stallFrom, stall: stallFor}
}

// stallPlan is the open schedule of the stall: single requests, some before, a hundred in it, some after.
func stallPlan(connections string) func(*probe.Config) { return open(170, 1, connections) }

func stallScenes() []scene {
	var out []scene
	for _, connections := range []string{probe.Reuse, probe.New} {
		name := "stall of 2 s, open, " + connections
		out = append(out, scene{name, func(t *testing.T, _ *toxiproxy) (l line) {
			retry(t, func() verdict {
				s := play(t, stallScript())
				rows := observe(t, s, s.addr, stallPlan(connections))
				from, to := s.stalled()
				v := judgeOpenStall(rows, 170, stallIAT, from, to, ordinary.p99)
				l = stallLine(name, rows, from, to, v)
				return v
			})
			return l
		}})
	}
	return append(out, scene{"stall of 2 s, closed, bursts of 4", closedStall})
}

// judgeOpenStall holds the rows of an open schedule of single requests against the stall.
func judgeOpenStall(rows []sample.Sample, planned int, iat time.Duration, from, to time.Time, limit time.Duration) verdict {
	var v verdict
	if len(rows) != planned {
		v.wrongf("%d rows of %d planned requests", len(rows), planned)
		return v
	}
	byBurst := make([]*sample.Sample, planned)
	for i := range rows {
		if b := rows[i].Burst; b >= 0 && b < planned {
			byBurst[b] = &rows[i]
		}
	}
	for i, r := range byBurst {
		if r == nil || r.Err != sample.OK {
			v.wrongf("request %d has no answer", i)
			return v
		}
		if off := r.PlannedAt.Sub(byBurst[0].PlannedAt) - time.Duration(i)*iat; off.Abs() > wallSlack {
			v.wrongf("request %d was planned %s off the plan: the stall has moved the plan", i, off)
		}
		if i > 0 {
			if off := r.PlannedAt.Sub(byBurst[i-1].PlannedAt) - iat; off.Abs() > slack {
				v.wrongf("request %d was planned %s off the one before: that is when it left, not when it was due", i, off)
			}
		}
	}
	within := 0
	for i, r := range byBurst {
		left := to.Sub(r.PlannedAt) // of the stall, when the request was due
		if left <= 0 || !r.PlannedAt.After(from.Add(wallSlack)) {
			continue // the request that began the stall was due before it
		}
		within++
		switch total := r.Lateness + r.Latency; {
		case total < left-wallSlack: // however late it left: nothing is answered before the stall's end
			v.wrongf("request %d: %s of the stall were left, lateness + latency is %s", i, left, total)
		case total > left+limit:
			v.slowf("request %d: %s of the stall were left, lateness + latency is %s", i, left, total)
		}
	}
	if want := int((to.Sub(from) - wallSlack) / iat); within < want-1 {
		v.wrongf("%d requests were due in the stall, %d of them planned", want, within)
	}
	return v
}

// stallLine tells of the requests that were due in the stall, what was left of it and what was measured.
func stallLine(name string, rows []sample.Sample, from, to time.Time, v verdict) line {
	var truth, nominal, measured []time.Duration
	for _, r := range rows {
		if left := to.Sub(r.PlannedAt); left > 0 && left <= to.Sub(from) {
			truth, measured = append(truth, left), append(measured, r.Lateness+r.Latency)
			nominal = append(nominal, time.Duration(len(nominal)+1)*stallIAT)
		}
	}
	l := line{name, both(nominal), both(truth), both(measured), fmt.Sprintf("each of %d: -5, +%g", len(truth), inMs(ordinary.p99)), v.good()}
	return l
}

// closedStall: the next burst waits for the last one's answers, so the stall is seen by one burst, all of it.
func closedStall(t *testing.T, _ *toxiproxy) (l line) {
	const size, n = 4, 20
	retry(t, func() verdict {
		s := play(t, stallScript())
		rows := observe(t, s, s.addr, bursts(n, size, probe.Reuse))
		pairs, wrong := match(rows, s.requests())
		// The stalled requests' scripts say 5.3 ms: the truth is what the server did.
		c := claim{requests: n * size, limits: ordinary}
		v := c.judge(pairs)
		v.wrong = append(v.wrong, wrong...)
		from, to := s.stalled()
		stalled := map[int]int{}
		for _, p := range pairs {
			if p.row.Latency > stallFor/2 {
				stalled[p.row.Burst]++
			}
		}
		if len(stalled) != 1 || stalled[stallFrom/size] != size || to.Sub(from) != stallFor {
			v.wrongf("bursts with a latency over %s, and how many: %v; want burst %d alone, all %d of it", stallFor/2, stalled, stallFrom/size, size)
		}
		l = c.line("stall of 2 s, closed, bursts of 4", pairs, v)
		return v
	})
	return l
}

// TestCoordinatedOmissionIsSeen: a probe that lets the plan wait for the answers, which is what closed does, fails as open.
func TestCoordinatedOmissionIsSeen(t *testing.T) {
	s := play(t, stallScript())
	rows := observe(t, s, s.addr, func(c *probe.Config) {
		stallPlan(probe.Reuse)(c)
		c.Bursts, c.Schedule = 60, probe.Closed
	})
	from, to := s.stalled()
	if v := judgeOpenStall(rows, 60, stallIAT, from, to, ordinary.p99); len(v.wrong) == 0 {
		t.Error("a closed schedule passes for an open one")
	}
}
