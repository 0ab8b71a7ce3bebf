package analyze

import (
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// LateFrom is the lateness over which a request is counted as late.
const LateFrom = time.Millisecond

// Client is the client's own effect on a sub-experiment's requests, failed ones included. Times are in ms.
type Client struct {
	// over the bursts of two requests or more: first to last request's first byte
	Spread50, SpreadMax     Value
	Lateness99, LatenessMax Value // over the requests: how long after its planned instant each was sent
	Late                    int   // requests over 1 ms late
	// requests of bursts of which even the first one was over 1 ms late; of a sustained load the late ones
	Behind   int
	Suspects int // requests whose latency the client may have made
	// those by reason, a request with two reasons in both; nil where there are none
	SuspectWords map[string]int
	Unsent       int // requests that were due and never sent
	// the rows say nothing of the client: what is counted above is 0 and was not measured
	Unwatched bool
	// requests that opened a connection within their latency; only where kept ones were asked for
	NewConns Value
	// requests on kept connections that ended before any byte of an answer, likewise
	KeptResets int
	// the shortest time without use after which the server closed a connection; 0: it closed none
	IdleClose time.Duration
}

// Measured is one of the client's counts, without data if the rows say nothing of the client.
func (c Client) Measured(count int) Value { return Value{V: float64(count), OK: !c.Unwatched} }

// client collects it.
type client struct {
	c        Client
	lateness micros
	longest  time.Duration
	spreads  micros
	widest   time.Duration
	opened   int
}

func (c *client) add(r *sample.Sample, kept bool) {
	if kept {
		c.connection(r)
	}
	if r.Lateness >= 0 {
		c.lateness.add(toMicros(r.Lateness))
		c.longest = max(c.longest, r.Lateness)
		if r.Lateness > LateFrom {
			c.c.Late++
		}
	}
	if r.Suspect == "" {
		return
	}
	c.c.Suspects++
	if c.c.SuspectWords == nil {
		c.c.SuspectWords = map[string]int{}
	}
	for word := range strings.SplitSeq(r.Suspect, "+") {
		c.c.SuspectWords[word]++
	}
}

// connection counts what happened to a kept connection that was asked for. A request that failed to connect has no
// latency that could contain a handshake.
func (c *client) connection(r *sample.Sample) {
	switch r.Err {
	case sample.DNS, sample.Connect, sample.TLS:
		return
	}
	if opensAnew(r) {
		c.opened++
	} else if r.Err == sample.Reset && r.FirstByte < 0 {
		c.c.KeptResets++
	}
}

// opensAnew reports whether a request opened a connection within its latency when it was first sent. A request that was
// sent twice did so because its first connection did not accept it, which its Suspect says.
func opensAnew(r *sample.Sample) bool { return r.NewConn && !hasWord(r.Suspect, resentWord) }

func hasWord(suspect, word string) bool {
	for w := range strings.SplitSeq(suspect, "+") {
		if w == word {
			return true
		}
	}
	return false
}

func (c *client) burst(b *openBurst) {
	switch {
	case b.each:
		c.c.Behind += b.late
	case b.line.Lateness > LateFrom:
		c.c.Behind += b.counted
	}
	if d := b.spread(); d >= 0 && !b.line.Warmup {
		c.spreads.add(toMicros(d))
		c.widest = max(c.widest, d)
	}
}

func (c *client) summary(o Options) Client {
	out := c.c
	out.Unsent, out.Unwatched = o.Unsent, o.Unwatched
	if o.Kept {
		out.NewConns, out.IdleClose = Of(float64(c.opened)), o.IdleClose
	}
	if c.lateness.n > 0 {
		out.Lateness99, out.LatenessMax = c.lateness.sorted().quantile(P99), Of(toMS(toMicros(c.longest)))
	}
	if c.spreads.n > 0 {
		out.Spread50, out.SpreadMax = c.spreads.sorted().quantile(Median), Of(toMS(toMicros(c.widest)))
	}
	return out
}
