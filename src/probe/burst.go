package probe

import (
	"context"
	"sync/atomic"
	"time"

	"stellar/src/sample"
)

// burst is one burst on its way: built, started (its slots prepare and park), held until its instant, released, awaited.
type burst struct {
	client  *Client
	target  *target
	n       int // number within the sub-experiment
	round   int
	warmup  bool
	desired time.Duration
	reuse   bool
	early   bool // the request is large enough for the server to answer before it is in
	timeout time.Duration
	request []byte
	slots   []*slot

	ctx     context.Context // ends when the burst is cut off, not when the run is cancelled
	cancel  context.CancelFunc
	cut     atomic.Bool
	aborted bool      // set before the gate opens: nothing is sent
	opened  time.Time // the release
	late    time.Duration

	unready, left     atomic.Int32
	ready, gate, done chan struct{}
}

// newBurst prepares burst n: its request's bytes, its slots, and the connections that are kept for them.
func (e *engine) newBurst(ctx context.Context, n int) *burst {
	t := e.targets[n%len(e.targets)]
	round := n / len(e.targets)
	size := e.cfg.BurstSize(round)
	b := &burst{
		client: &e.cfg.Client, target: t, n: n, round: round, warmup: round < e.cfg.Warmup,
		desired: e.cfg.Desired(round), reuse: e.cfg.Connections == Reuse, timeout: e.cfg.Timeout,
		request: e.cfg.request(t, round), slots: e.takeSlots(size),
		ready: make(chan struct{}), gate: make(chan struct{}), done: make(chan struct{}),
	}
	b.early = len(b.request) > 16<<10
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.unready.Store(int32(size))
	b.left.Store(int32(size))
	for i, s := range b.slots {
		s.b, s.index = b, i
		s.sent, s.end, s.newConn, s.class, s.err = 0, 0, false, sample.OK, nil
		s.phases = noPhases()
	}
	if b.reuse {
		for i, c := range t.pool.take(size) {
			b.slots[i].conn = c
		}
	}
	return b
}

// start lets the slots prepare and park at the gate.
func (b *burst) start() {
	for _, s := range b.slots {
		go s.run()
	}
}

// hold waits until the burst is due and its slots are ready, then releases it; the slots that are not ready by latest
// are not waited for any longer (zero: all are waited for). A zero planned instant means as soon as it is ready. It
// reports false, and nothing is sent, when the context ends first.
func (b *burst) hold(ctx context.Context, planned, latest time.Time) bool {
	released := pause(ctx, planned)
	if released {
		var patience <-chan time.Time
		if !latest.IsZero() {
			timer := time.NewTimer(time.Until(latest))
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-b.ready:
		case <-patience:
		case <-ctx.Done():
			released = false
		}
	}
	b.aborted = !released
	if b.aborted {
		b.cancel() // slots may be opening connections
	}
	b.opened = time.Now()
	if !planned.IsZero() {
		b.late = max(b.opened.Sub(planned), 0)
	}
	close(b.gate)
	if b.aborted {
		<-b.done
	}
	return released
}

// pause waits until an instant and reports whether the context let it.
func pause(ctx context.Context, until time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	d := time.Until(until)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// await waits for the last response. When the context ends, requests in flight get the grace and are then cut off; they
// are rows like the others.
func (b *burst) await(ctx context.Context, grace time.Duration) {
	defer b.cancel()
	select {
	case <-b.done:
		return
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-b.done:
		return
	case <-timer.C:
	}
	b.cut.Store(true)
	b.cancel()
	for _, s := range b.slots {
		if c := s.live.Load(); c != nil {
			c.abandon()
		}
	}
	<-b.done
}

// finished is when the burst's last slot was done.
func (b *burst) finished() time.Time {
	var last time.Duration
	for _, s := range b.slots {
		last = max(last, s.end)
	}
	return b.opened.Add(last)
}
