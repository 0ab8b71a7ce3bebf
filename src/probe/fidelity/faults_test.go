package fidelity

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The judges are judged: what a perfect probe would have written down passes, and each way in which a probe can be
// wrong is noticed. All of it is worked out, nothing is measured, so it does not depend on the machine.

// tiny is what a step takes a perfect client on a perfect machine.
const tiny = 50 * time.Microsecond

// ideal is what a perfect probe writes down of a script, bursts of ten, with the server's side.
func ideal(c claim, s script) []pair {
	base := time.Unix(1_800_000_000, 0).UTC()
	var out []pair
	for n := range c.requests {
		r := sample.Empty()
		r.RequestID, r.Burst, r.Slot, r.BurstSize, r.Status = strconv.Itoa(n), n/10, n%10, 10, 200
		r.PlannedAt = base.Add(time.Duration(n/10) * time.Second)
		r.ReleasedAt, r.Lateness = r.PlannedAt, tiny
		if c.alone {
			r.ReleasedAt = time.Time{}
		}
		r.SentAt = r.PlannedAt.Add(r.Lateness)
		h := handled{number: n, conn: n % 10, status: 200, nominal: s.delays[n%len(s.delays)] + s.between}
		if c.fresh {
			h.conn, r.NewConn = n, true
			r.DNS, r.Connect = c.dns+tiny, c.connect+tiny
			r.WriteBegan = r.DNS + r.Connect + tiny
			if s.secure {
				r.TLS = c.tls + tiny
				r.WriteBegan += r.TLS
			}
		} else {
			r.WriteBegan = 0
		}
		r.Written = r.WriteBegan + tiny
		h.accepted = base.Add(-time.Second)
		if c.fresh {
			h.accepted = r.SentAt.Add(r.WriteBegan - tiny)
		}
		h.read = r.SentAt.Add(r.Written + c.path.least/2)
		if c.tells {
			r.FnReceived = h.read
		}
		h.first = h.read.Add(h.nominal - s.between + tiny)
		h.wrote = h.first.Add(s.between + tiny)
		r.FirstByte = h.first.Sub(r.SentAt) + c.path.least - c.path.least/2 + tiny
		r.Latency = h.wrote.Sub(r.SentAt) + c.path.least - c.path.least/2 + tiny
		r.ReceivedAt = r.SentAt.Add(r.Latency)
		out = append(out, pair{r, h})
	}
	return out
}

// eachRow spoils every row in the same way.
func eachRow(spoil func(r *sample.Sample, h handled)) func([]pair) []pair {
	return func(pairs []pair) []pair {
		for i := range pairs {
			spoil(&pairs[i].row, pairs[i].truth)
		}
		return pairs
	}
}

// latency sets a latency with all that follows from it.
func latency(r *sample.Sample, d time.Duration) {
	r.Latency, r.FirstByte = d, min(r.FirstByte, d)
	r.ReceivedAt = r.SentAt.Add(d)
}

// fault is a way in which a probe can be wrong, and a scenario in which it shows.
type fault struct {
	name   string
	claim  claim
	script script
	spoil  func([]pair) []pair
}

// wrongLatencies are of probes whose latencies are not what was waited for.
func wrongLatencies() []fault {
	reuse := claim{requests: 300, limits: quietOrdinary}
	fresh := claim{requests: 300, fresh: true, limits: quietDialled}
	secure := claim{requests: 300, fresh: true, limits: quietHandshaken}
	twoParts := script{delays: steady(), between: 50*ms + 900*time.Microsecond}
	return []fault{
		{
			"takes the first byte for the answer",
			reuse,
			twoParts,
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.FirstByte) }),
		},
		{
			"takes the last byte for the first",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) { r.FirstByte = r.Latency + ms }),
		},
		{
			"cuts to whole milliseconds",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency.Truncate(ms)) }),
		},
		{
			"adds 2 ms of its own",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency+2*ms) }),
		},
		{
			"adds 5 ms of its own, dialled",
			fresh,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency+5*ms) }),
		},
		{"adds 8 ms of its own, with TLS", secure, script{delays: steady(), secure: true},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency+8*ms) })},
		{"adds 6 ms to two of a hundred", reuse, script{delays: steady()}, func(p []pair) []pair {
			for i := range 6 {
				latency(&p[i*7].row, p[i*7].row.Latency+6*ms)
			}
			return p
		}},
		{
			"adds 50 ms of its own",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency+50*ms) }),
		},
		{"adds 100 ms to two of a hundred", reuse, script{delays: lognormal(300)}, func(p []pair) []pair {
			slices.SortFunc(p, func(a, b pair) int { return int(b.row.Latency - a.row.Latency) })
			for i := range 6 {
				latency(&p[i].row, p[i].row.Latency+100*ms)
			}
			return p
		}},
		{
			"counts from the written request, on fresh connections",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) {
				r.FirstByte -= r.WriteBegan
				latency(r, r.Latency-r.WriteBegan)
			}),
		},
		{
			"forgets the relay",
			claim{requests: 300, limits: quietOrdinary, path: path{15 * ms, 45 * ms}},
			script{delays: steady()},
			eachRow(func(r *sample.Sample, h handled) { latency(r, h.took()+tiny) }),
		},
		{
			"gives averages",
			reuse,
			script{delays: bimodal(300)},
			eachRow(func(r *sample.Sample, _ handled) { latency(r, 17*ms) }),
		},
		{"gives rows each other's latency", fresh, script{delays: pareto(300)}, func(p []pair) []pair {
			first := p[0].row.Latency
			for i := range len(p) - 1 {
				latency(&p[i].row, p[i+1].row.Latency)
			}
			latency(&p[len(p)-1].row, first)
			return p
		}},
		{"drops the slowest", reuse, script{delays: pareto(300)}, func(p []pair) []pair {
			return slices.DeleteFunc(p, func(x pair) bool { return x.row.Latency > 90*ms })
		}},
	}
}

// wrongStamps are of probes whose instants, phases or connections are not what they are called.
func wrongStamps() []fault {
	reuse := claim{requests: 300, limits: quietOrdinary}
	fresh := claim{requests: 300, fresh: true, limits: quietDialled}
	return []fault{
		{
			"calls fresh connections reused",
			fresh,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.NewConn = false }),
		},
		{
			"calls kept connections new",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.NewConn, r.Connect = true, tiny }),
		},
		{
			"calls kept connections new where bursts overlap",
			claim{requests: 300, overlaps: true, limits: quietOrdinary},
			script{delays: steady()},
			func(p []pair) []pair {
				p[9].row.NewConn, p[9].row.Connect = true, tiny
				return p
			},
		},
		{
			"does not tell that it dialled",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.Connect = tiny }),
		},
		{
			"leaves the resolver out",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) { r.DNS = sample.None }),
		},
		{
			"takes DNS for TLS",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) { r.DNS, r.TLS = r.TLS, r.DNS }),
		},
		{
			"counts TLS as connecting",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) { r.Connect, r.TLS = r.Connect+r.TLS, sample.None }),
		},
		{
			"stamps the sending late",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.SentAt = r.SentAt.Add(10 * ms) }),
		},
		{
			"stamps the receiving early",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.ReceivedAt = r.ReceivedAt.Add(-10 * ms) }),
		},
		{
			"writes before the connection stands",
			phaseClaim(300),
			phaseScript(),
			eachRow(func(r *sample.Sample, _ handled) { r.WriteBegan = 0 }),
		},
		{
			"has written before it began",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.WriteBegan, r.Written = ms, 0 }),
		},
		{
			"does not stamp the writing",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.WriteBegan, r.Written = sample.None, sample.None }),
		},
		{
			"does not stamp the release",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.ReleasedAt = time.Time{} }),
		},
		{
			"writes late on a connection that stood",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.WriteBegan, r.Written = ms, ms }),
		},
		{
			"does not hand on what the server tells",
			claim{requests: 300, tells: true, limits: quietOrdinary},
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.FnReceived = time.Time{} }),
		},
		{
			"cuts what the server tells to milliseconds",
			claim{requests: 300, tells: true, limits: quietOrdinary},
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.FnReceived = r.FnReceived.Truncate(ms) }),
		},
		{
			"releases requests that have instants of their own",
			claim{requests: 300, alone: true, limits: quietOrdinary},
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.ReleasedAt = r.SentAt }),
		},
		{
			"has a lateness that does not add up",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.Lateness += ms }),
		},
		{
			"counts from the release",
			reuse,
			script{delays: steady()},
			eachRow(func(r *sample.Sample, _ handled) { r.Latency += 2 * ms }),
		},
		{"reports a failure that was none", reuse, script{delays: steady()}, func(p []pair) []pair {
			p[7].row.Err, p[7].row.Latency = sample.Timeout, sample.None
			return p
		}},
	}
}

func TestWrongProbesAreNoticed(t *testing.T) {
	for _, c := range append(wrongLatencies(), wrongStamps()...) {
		t.Run(c.name, func(t *testing.T) {
			if v := c.claim.judge(ideal(c.claim, c.script)); !v.good() {
				t.Fatalf("the perfect probe does not pass: %s", v.String())
			}
			if v := c.claim.judge(c.spoil(ideal(c.claim, c.script))); v.good() {
				t.Error("a probe that does this passes")
			}
		})
	}
}

// TestWrongMatchesAreNoticed: a row that answers to no request, or to one that another row has.
func TestWrongMatchesAreNoticed(t *testing.T) {
	log := []handled{{number: 0}, {number: 1}}
	for _, c := range []struct {
		ids   []string
		wrong int
	}{
		{[]string{"1", "0"}, 0}, {[]string{"0", "0"}, 1}, {[]string{"2"}, 1}, {[]string{"-1"}, 1},
		{[]string{"known-b0-s0", ""}, 2},
	} {
		var rows []sample.Sample
		for _, id := range c.ids {
			rows = append(rows, sample.Sample{RequestID: id})
		}
		if pairs, wrong := match(rows, log); len(wrong) != c.wrong || len(pairs) != len(c.ids)-c.wrong {
			t.Errorf("%q: %d pairs, wrong: %q", c.ids, len(pairs), wrong)
		}
	}
}

// TestRetriesAreForTheMachineOnly: what is wrong on any machine is no matter of luck.
func TestRetriesAreForTheMachineOnly(t *testing.T) {
	c := claim{requests: 300, limits: quietOrdinary}
	slower := eachRow(
		func(r *sample.Sample, _ handled) { latency(r, r.Latency+time.Second) },
	)(
		ideal(c, script{delays: steady()}),
	)
	shorter := eachRow(
		func(r *sample.Sample, _ handled) { latency(r, r.Latency-ms) },
	)(
		ideal(c, script{delays: steady()}),
	)
	if v := c.judge(slower); len(v.wrong) > 0 || len(v.slow) != 2 {
		t.Errorf("too slow: %s", v.String())
	}
	if v := c.judge(shorter); len(v.wrong) == 0 {
		t.Error("latencies shorter than the server's own handling are held to be the machine's doing")
	}
}
