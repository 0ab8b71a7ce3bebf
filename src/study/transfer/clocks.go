package transfer

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// A function whose instance has no fresh offset is asked so many times between two bursts, over one connection, and
// the offset stays fresh for so long: until its bound would grow (netprobe.Offset.BoundAt).
const (
	exchanges = 8
	freshFor  = 50 * time.Second
	atOnce    = 8 // functions that are asked side by side
)

// clocks are the offsets of the functions' clocks from the driver's, by instance. They come from small requests to each
// function alone, between two bursts: a payload inline makes the request that carries it a poor exchange.
type clocks struct {
	env  *study.Env
	size int

	mu  sync.Mutex // of all
	all netprobe.Clocks
}

func newClocks(env *study.Env, size int) *clocks {
	return &clocks{env: env, size: size, all: netprobe.Clocks{N: exchanges}}
}

// exchange asks the functions of the chains of a burst whose instances have no fresh offset.
func (c *clocks) exchange(ctx context.Context, rows []sample.Sample) error {
	stale := map[int]bool{} // indices of endpoints
	now := time.Now()
	for i := range rows {
		row := &rows[i]
		if row.Chain == nil {
			continue
		}
		head := c.head(row)
		if head < 0 {
			continue
		}
		for k := range c.size {
			if id := instanceOf(row, k); id != "" && !c.fresh(id, now) {
				stale[head+k] = true
			}
		}
	}
	var all errgroup.Group
	all.SetLimit(atOnce)
	for at := range stale {
		all.Go(fail.Trying(func() error {
			c.ask(ctx, c.env.Endpoints[at])
			return nil
		}))
	}
	return all.Wait() // a defect
}

// head is the index of the endpoint that heads a row's chain, -1 where there is none.
func (c *clocks) head(row *sample.Sample) int {
	for at := 0; at < len(c.env.Endpoints); at += c.size {
		if c.env.Endpoints[at].Function == row.Endpoint {
			return at
		}
	}
	return -1
}

// instanceOf is the instance of function k of a row's chain.
func instanceOf(row *sample.Sample, k int) string {
	switch {
	case k == 0:
		return row.InstanceID
	case k <= len(row.Chain.Hops):
		return row.Chain.Hops[k-1].InstanceID
	}
	return ""
}

func (c *clocks) fresh(instance string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.all.Of(instance)
	return ok && now.Sub(o.At) < freshFor
}

// ask sends a function small requests, one after the other. One that fails, or that another instance answers, is no
// loss: rows without an offset have that of their own instants.
func (c *clocks) ask(ctx context.Context, at study.Endpoint) {
	var got *netprobe.Answer
	cfg := probe.Config{
		Client:  probe.Client{UserAgent: c.env.UserAgent, TLS: c.env.TLS, Timeout: 10 * time.Second},
		Targets: []probe.Target{c.env.Target(at)}, Bursts: exchanges, Connections: probe.Reuse, MaxErrorRatio: 1,
		Answer: func(row *sample.Sample, body []byte) {
			if row.Err == sample.OK {
				got, _ = netprobe.ReadAnswer(body)
			}
		},
	}
	cfg.Sink = func(burst []sample.Sample) error {
		r := &burst[0]
		if got == nil || r.Err != sample.OK || r.FirstByte < 0 {
			return nil
		}
		i := netprobe.Instants{Sent: r.SentAt.Add(max(r.WriteBegan, 0)), Replied: r.SentAt.Add(r.FirstByte),
			Received: got.Received, Answered: got.Answered, Resolution: got.Resolution}
		exchange := i.Row()
		got = nil
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all.Add(answer.Clean(r.InstanceID), &exchange)
		return nil
	}
	send := c.env.Probe
	if send == nil {
		send = probe.Run
	}
	_, _ = send(ctx, cfg) // see above
}

// correct gives the hops of a row the offsets of the clocks of their two instances.
func (c *clocks) correct(row *sample.Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	callers := callersOf(len(row.Chain.Hops), c.env.Sub.Fan)
	for k := range row.Chain.Hops {
		h := &row.Chain.Hops[k]
		from, known := c.all.Of(instanceOf(row, callers[k]))
		to, also := c.all.Of(h.InstanceID)
		if !known || !also || h.SentAt.IsZero() {
			continue
		}
		h.Clock = sample.ClockOffset{Offset: to.Offset - from.Offset,
			Bound: from.BoundAt(row.SentAt) + to.BoundAt(row.SentAt)}
	}
}

// callersOf is, for each of so many hops in the order of a walk through the tree, the number of the function that
// calls.
func callersOf(hops, fan int) []int {
	out := make([]int, 0, hops)
	var walk func(caller, hops int)
	walk = func(caller, hops int) {
		if hops == 0 || hops%max(fan, 1) != 0 {
			return
		}
		size := hops / max(fan, 1)
		for range max(fan, 1) {
			out = append(out, caller)
			walk(len(out), size-1)
		}
	}
	walk(0, hops)
	for len(out) < hops { // an answer of another form
		out = append(out, len(out))
	}
	return out
}
