package fidelity

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	// slack is what two readings of the monotonic clock, on two processors, may differ by.
	slack = 200 * time.Microsecond
	// wallSlack is the same for the wall clock, which the machine's keeper may slew while the probe counts on from a
	// burst's release: 500 parts in a million at most, of a few seconds.
	wallSlack = 5 * ms
)

// path is what a relay between client and server adds to a round trip.
type path struct{ least, most time.Duration }

// claim is what must hold of the rows of one scenario.
type claim struct {
	requests int
	fresh    bool // every request opens a connection of its own
	overlaps bool // bursts may leave before the last one's connections are free; who then has to dial must say so
	alone    bool // requests have instants of their own: none is released with others
	tells    bool // an answer says when the server had the request
	path     path
	limits   limits
	machine  limits // what the machine itself adds, as far as it was measured

	// known delays of a fresh connection's phases, 0 for a phase that has none of its own
	dns, connect, tls time.Duration
}

// pair is a row with what the server saw of the same request.
type pair struct {
	row   sample.Sample
	truth handled
}

// match finds the server's side of every row that was answered, by the number that the answer carried.
func match(rows []sample.Sample, log []handled) (pairs []pair, wrong []string) {
	seen := map[int]bool{}
	for _, r := range rows {
		n, err := strconv.Atoi(r.RequestID)
		if err != nil || n < 0 || n >= len(log) || seen[n] {
			wrong = append(
				wrong,
				fmt.Sprintf(
					"burst %d, slot %d (%s): no answer of the server's is called %q, or a second row is",
					r.Burst,
					r.Slot,
					r.Err,
					r.RequestID,
				),
			)
			continue
		}
		seen[n] = true
		pairs = append(pairs, pair{r, log[n]})
	}
	return pairs, wrong
}

// verdict is what speaks against a probe. What is wrong is so on any machine; what is slow may have been the machine,
// and is held against the probe only when it comes again.
type verdict struct{ wrong, slow []string }

func (v *verdict) wrongf(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

func (v *verdict) slowf(format string, args ...any) {
	v.slow = append(v.slow, fmt.Sprintf(format, args...))
}

func (v *verdict) good() bool { return len(v.wrong)+len(v.slow) == 0 }

func (v *verdict) String() string {
	all := append(append([]string(nil), v.wrong...), v.slow...)
	if len(all) > 8 {
		all = append(all[:8], fmt.Sprintf("and %d more", len(all)-8))
	}
	return strings.Join(all, "\n")
}

// judge holds the rows of a scenario in which every request is answered against the truth.
func (c claim) judge(pairs []pair) verdict {
	var v verdict
	if len(pairs) != c.requests {
		v.wrongf("%d rows with an answer, want %d", len(pairs), c.requests)
	}
	for _, p := range pairs {
		c.judgeRow(&v, p)
	}
	if len(pairs) == 0 {
		return v
	}
	truth, measured := c.views(pairs)
	room := c.path.most - c.path.least
	allowed := c.limits.plus(c.machine)
	for _, q := range []struct{ p, limit float64 }{{50, float64(allowed.p50)}, {99, float64(allowed.p99)}} {
		want, got := percentile(truth, q.p), percentile(measured, q.p)
		if got < want-slack {
			v.wrongf("p%.0f is %s, less than the %s that it really was", q.p, got, want)
		}
		if got > want+room+time.Duration(q.limit) {
			v.slowf(
				"p%.0f is %s, more than %s over the %s that it really was",
				q.p,
				got,
				room+time.Duration(q.limit),
				want,
			)
		}
	}
	return v
}

// views are the least latencies that the truth allows, and the measured ones.
func (c claim) views(pairs []pair) (truth, measured []time.Duration) {
	for _, p := range pairs {
		truth = append(truth, c.least(p))
		measured = append(measured, p.row.Latency)
	}
	return truth, measured
}

// least is what a request must have taken: what is known of opening its connection, the path, and the server's own
// handling.
func (c claim) least(p pair) time.Duration {
	return c.dns + c.connect + c.tls + c.path.least + p.truth.took()
}

func (c claim) judgeRow(v *verdict, p pair) {
	r, h := p.row, p.truth
	at := fmt.Sprintf("burst %d, slot %d", r.Burst, r.Slot)
	if h.took() < h.nominal {
		v.wrongf("%s: the server itself took %s, its script says %s", at, h.took(), h.nominal)
	}
	if r.Err != sample.OK || r.Status != h.status {
		v.wrongf("%s: class %q and status %d, the server answered %d", at, r.Err, r.Status, h.status)
		return
	}
	opened := max(r.DNS, 0) + max(r.Connect, 0) + max(r.TLS, 0)
	for _, o := range []struct {
		what       string
		less, more time.Duration
	}{
		{"what is known ≤ Latency", c.least(p), r.Latency},
		{"the server's first byte + the path ≤ FirstByte", h.first.Sub(h.read) + c.path.least, r.FirstByte},
		{"FirstByte ≤ Latency", r.FirstByte, r.Latency},
		{"DNS + Connect + TLS ≤ FirstByte", opened, r.FirstByte},
		{"opening + the server's own handling ≤ Latency", opened + h.took(), r.Latency},
		{"known delay ≤ DNS", c.dns, r.DNS},
		{"known delay ≤ Connect", c.connect, r.Connect},
		{"known delay ≤ TLS", c.tls, r.TLS},
	} {
		if o.less > o.more+slack && (o.less > 0 || c.fresh) {
			v.wrongf("%s: %s does not hold: %s and %s", at, o.what, o.less, o.more)
		}
	}
	c.judgeConnection(v, at, p)
	if r.SentAt.After(h.read.Add(wallSlack)) || r.ReceivedAt.Before(h.wrote.Add(-wallSlack)) ||
		r.PlannedAt.After(r.SentAt) {
		v.wrongf(
			"%s: planned %s, sent %s, received %s, but the server had it from %s to %s",
			at,
			r.PlannedAt,
			r.SentAt,
			r.ReceivedAt,
			h.read,
			h.wrote,
		)
	}
	if !r.PlannedAt.Add(r.Lateness).Equal(r.SentAt) {
		v.wrongf("%s: planned for %s, %s late, yet sent at %s", at, r.PlannedAt, r.Lateness, r.SentAt)
	}
	if c.tells && !r.FnReceived.Equal(h.read) {
		v.wrongf("%s: the server said that it had the request at %s, the row says %s", at, h.read, r.FnReceived)
	}
	c.judgeWrites(v, at, p)
}

// judgeConnection holds what a row says of its connection against when the server accepted it.
func (c claim) judgeConnection(v *verdict, at string, p pair) {
	r := p.row
	switch {
	case r.NewConn != (r.Connect >= 0), r.NewConn && p.truth.accepted.Before(r.SentAt.Add(-wallSlack)):
		v.wrongf(
			"%s: NewConn %v and Connect %s, sent at %s on a connection accepted at %s",
			at,
			r.NewConn,
			r.Connect,
			r.SentAt,
			p.truth.accepted,
		)
	case r.NewConn && !c.fresh && c.overlaps:
		v.slowf("%s: it had to dial", at)
	case r.NewConn != c.fresh:
		v.wrongf("%s: NewConn %v, asked for was %v", at, r.NewConn, c.fresh)
	}
}

// judgeWrites holds the instants of the writing against those of the reading and of the opening.
func (c claim) judgeWrites(v *verdict, at string, p pair) {
	r := p.row
	opened := max(r.DNS, 0) + max(r.Connect, 0) + max(r.TLS, 0)
	for _, o := range []struct {
		what       string
		less, more time.Duration
	}{
		{"DNS + Connect + TLS ≤ WriteBegan", opened, r.WriteBegan},
		{"WriteBegan ≤ Written", r.WriteBegan, r.Written},
		{"Written ≤ FirstByte", r.Written, r.FirstByte},
		{"WriteBegan + the server's own handling ≤ Latency", r.WriteBegan + p.truth.took() + c.path.least, r.Latency},
		{"the server has not read what was not being written", r.WriteBegan, p.truth.read.Sub(r.SentAt) + wallSlack},
	} {
		if o.less > o.more+slack {
			v.wrongf("%s: %s does not hold: %s and %s", at, o.what, o.less, o.more)
		}
	}
	if r.WriteBegan < 0 || r.Written < 0 {
		v.wrongf("%s: answered, yet its writing began at %s and ended at %s", at, r.WriteBegan, r.Written)
	}
	if !r.NewConn && r.WriteBegan > slack+c.machine.p99 {
		v.slowf("%s: %s from SentAt to the first byte on a connection that stood", at, r.WriteBegan)
	}
	if c.alone {
		if !r.ReleasedAt.IsZero() {
			v.wrongf("%s: released at %s, where no request waits for others", at, r.ReleasedAt)
		}
	} else if r.ReleasedAt.IsZero() || r.ReleasedAt.After(r.SentAt.Add(wallSlack)) ||
		r.PlannedAt.After(r.ReleasedAt.Add(wallSlack)) {
		v.wrongf("%s: planned for %s, released at %s, sent at %s", at, r.PlannedAt, r.ReleasedAt, r.SentAt)
	}
	if gap := r.ReceivedAt.Sub(r.SentAt) - r.Latency; gap.Abs() > time.Microsecond {
		v.wrongf("%s: SentAt + Latency is %s off ReceivedAt", at, gap)
	}
}
