package fidelity

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// A server stalls for two seconds. Of requests that are due on a plan, all that are due in the stall must show what is
// left of it, lateness included: that is what users would have waited. Where the plan waits for answers, only those in
// flight do.

const (
	stallFor  = 2 * time.Second
	stallIAT  = 20 * ms
	stallFrom = 12 // the request, hence in the open scenario the burst, that begins it
	// stallPlanned are the requests of the open schedule: some before the stall, a hundred in it, some after.
	stallPlanned = 130
)

func stallScript() script {
	return script{delays: []time.Duration{5*ms + 300*time.Microsecond}, stallAt: stallFrom, stall: stallFor}
}

// stallPlan is the open schedule of the stall: single requests.
func stallPlan(connections string) func(*probe.Config) { return open(stallPlanned, 1, connections) }

func stallScenes() []scene {
	var out []scene
	for _, c := range []struct {
		protocol, connections string
		streams               int
	}{
		{"", probe.Reuse, 0}, {"", probe.New, 0}, {probe.H2, probe.Shared, 0}, {probe.H2C, probe.Shared, 20},
	} {
		name := fmt.Sprintf("%sstall of 2 s, open, %s", spoken(c.protocol), c.connections)
		if c.streams > 0 {
			name += fmt.Sprintf(", %d streams at most", c.streams)
		}
		out = append(out, scene{name, func(t *testing.T, _ *toxiproxy) []line {
			return retry(t, func(watched func() limits) (line, verdict) {
				known := stallScript()
				known.protocol, known.secure, known.streams = c.protocol, c.protocol == probe.H2, c.streams
				s := play(t, known)
				rows := observe(t, s, s.addr, stallPlan(c.connections))
				from, to := s.stalled()
				most := crowded.plus(watched()).p99
				v := judgeOpenStall(rows, stallPlanned, stallIAT, from, to, most)
				if c.connections == probe.Shared {
					judgeSharing(&v, s.requests(), s.accepted(), cmp.Or(c.streams, streamsMost))
				}
				return stallLine(name, rows, stallIAT, from, to, most, v), v
			})
		}})
	}
	return append(out, scene{"stall of 2 s, closed, bursts of 4", closedStall})
}

// judgeOpenStall holds the rows of an open schedule of single requests against the stall.
func judgeOpenStall(
	rows []sample.Sample,
	planned int,
	iat time.Duration,
	from, to time.Time,
	limit time.Duration,
) verdict {
	var v verdict
	plan := make([]time.Duration, planned)
	for i := range plan {
		plan[i] = time.Duration(i) * iat
	}
	byPlan := inPlan(&v, rows, planned, func(r *sample.Sample) int { return r.Burst })
	for i, r := range byPlan {
		if r == nil || r.Err != sample.OK {
			v.wrongf("request %d has no answer", i)
			return v
		}
	}
	judgePlan(&v, byPlan, plan)
	within := judgeStalled(&v, byPlan, from, to, stallScript().delays[0], limit)
	if want := int((to.Sub(from) - wallSlack) / iat); within < want-1 {
		v.wrongf("%d requests were due in the stall, %d of them planned", want, within)
	}
	return v
}

// inPlan puts rows in the order of their plan; place says which request of it a row is. Where a request has no row
// there is nil.
func inPlan(v *verdict, rows []sample.Sample, planned int, place func(r *sample.Sample) int) []*sample.Sample {
	out := make([]*sample.Sample, planned)
	for i := range rows {
		r := &rows[i]
		switch k := place(r); {
		case k < 0 || k >= planned:
			v.wrongf("burst %d, slot %d: not one of the %d planned requests", r.Burst, r.Slot, planned)
		case out[k] != nil:
			v.wrongf("burst %d, slot %d: request %d has two rows", r.Burst, r.Slot, k)
		default:
			out[k] = r
		}
	}
	return out
}

// judgePlan holds the instants at which requests are said to have been due against the plan, which nothing may move:
// neither a stall, nor when they really left.
func judgePlan(v *verdict, rows []*sample.Sample, plan []time.Duration) {
	first, last := -1, -1
	for i, r := range rows {
		if r == nil {
			continue
		}
		if first < 0 {
			first = i
		}
		if off := r.PlannedAt.Sub(rows[first].PlannedAt) - (plan[i] - plan[first]); off.Abs() > wallSlack {
			v.wrongf("request %d was planned %s off the plan", i, off)
		}
		if last >= 0 {
			if off := r.PlannedAt.Sub(rows[last].PlannedAt) - (plan[i] - plan[last]); off.Abs() > slack {
				v.wrongf(
					"request %d was planned %s off the one before: that is when it left, not when it was due",
					i,
					off,
				)
			}
		}
		last = i
	}
}

// judgeStalled holds what the rows that were due in a stall waited, their lateness included, against what was left of
// it, or what the server takes for each where that is more. It counts them.
func judgeStalled(v *verdict, rows []*sample.Sample, from, to time.Time, each, limit time.Duration) (within int) {
	for i, r := range rows {
		if r == nil {
			continue
		}
		left := to.Sub(r.PlannedAt) // of the stall, when the request was due
		if left <= 0 || !r.PlannedAt.After(from.Add(wallSlack)) {
			continue // the request that began the stall was due before it
		}
		within++
		switch total := r.Lateness + r.Latency; {
		case total < left-wallSlack: // however late it left: nothing is answered before the stall's end
			v.wrongf("request %d: %s of the stall were left, lateness + latency is %s", i, left, total)
		case total > max(left, each)+limit:
			v.slowf("request %d: %s of the stall were left, lateness + latency is %s", i, left, total)
		}
	}
	return within
}

// stallLine tells of the requests that were due in the stall, what was left of it and what was measured.
func stallLine(
	name string,
	rows []sample.Sample,
	iat time.Duration,
	from, to time.Time,
	limit time.Duration,
	v verdict,
) line {
	var truth, nominal, measured []time.Duration
	for _, r := range rows {
		if left := to.Sub(r.PlannedAt); left > 0 && left <= to.Sub(from) {
			truth, measured = append(truth, left), append(measured, r.Lateness+r.Latency)
			nominal = append(nominal, time.Duration(len(nominal)+1)*iat)
		}
	}
	return line{
		name,
		both(nominal),
		both(truth),
		both(measured),
		fmt.Sprintf("each of %d: -5, +%.1f", len(truth), inMs(limit)),
		v.good(),
		"",
	}
}

// closedStall: the next burst waits for the last one's answers, so the stall is seen by one burst, all of it.
func closedStall(t *testing.T, _ *toxiproxy) []line {
	const size, n = 4, 20
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, stallScript())
		rows := observe(t, s, s.addr, bursts(n, size, probe.Reuse))
		pairs, wrong := match(rows, s.requests())
		// The stalled requests' scripts say 5.3 ms: the truth is what the server did.
		c := claim{requests: n * size, limits: ordinary, machine: watched()}
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
			v.wrongf(
				"bursts with a latency over %s, and how many: %v; want burst %d alone, all %d of it",
				stallFor/2,
				stalled,
				stallFrom/size,
				size,
			)
		}
		return c.line("stall of 2 s, closed, bursts of 4", pairs, v), v
	})
}

// TestCoordinatedOmissionIsSeen: a probe that lets the plan wait for the answers, which is what closed does, fails as
// open.
func TestCoordinatedOmissionIsSeen(t *testing.T) {
	t.Parallel() // it waits
	s := play(t, stallScript())
	rows := observe(t, s, s.addr, func(c *probe.Config) {
		stallPlan(probe.Reuse)(c)
		c.Bursts, c.Schedule = 30, probe.Closed
	})
	from, to := s.stalled()
	if v := judgeOpenStall(rows, 30, stallIAT, from, to, crowded.p99); len(v.wrong) == 0 {
		t.Error("a closed schedule passes for an open one")
	}
}
