package probe

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// burst is one burst in progress: built, started (its slots prepare), held until its planned time, released, awaited.
type burst struct {
	engine  *engine
	client  *Client
	target  *target
	load    *drive // of a sustained load, whose requests have this in common; nil: a burst
	n       int    // number within the sub-experiment
	round   int
	number  int // of the round in rows
	warmup  bool
	desired time.Duration
	reuse   bool
	shared  bool // connections carry many requests at once
	timeout time.Duration
	// what its slots send: one for each of Config.Bodies
	requests []message
	slots    []*slot

	missed  bool // an instance of before has answered although a cold start was forced; known once it is recorded
	cut     atomic.Bool
	due     time.Duration // when it is to leave, on the engine's clock; None: as soon as it is ready
	leaving atomic.Bool   // the barrier falls: no connection is opened beforehand any more
	planned time.Duration // as due, once the barrier falls
	release atomic.Int64  // when the barrier fell, on the engine's clock; 0: not yet
	anchor  anchor        // shortly before the release; unused in a sustained load

	mark   selfwatch.Mark // of the watch, shortly before the release
	marked time.Duration  // when that was, on the engine's clock

	unready, left atomic.Int32
	ready         chan struct{} // of one place: unready has come to 0
	done          chan struct{}
}

// newBurst prepares burst n of a repetition: its request's bytes and its slots.
func (e *engine) newBurst(n int) *burst {
	round := n / len(e.targets)
	b := e.newBurstOf(e.targets[n%len(e.targets)], round, e.cfg.BurstSize(round))
	b.n, b.number = n+e.repetition*e.cfg.Bursts, round+e.shift
	if e.cfg.Each != nil {
		if err := b.prepareEach(); err != nil {
			e.stop(err)
		}
		return b
	}
	for i, s := range b.slots {
		s.variant = e.cfg.pick(b.n, i)
		s.identify()
	}
	return b
}

// prepareEach serialises the requests of a burst each of which has a body of its own.
func (b *burst) prepareEach() error {
	cfg := &b.engine.cfg
	b.requests = make([]message, len(b.slots))
	for i, s := range b.slots {
		s.variant = i
		body, err := cfg.Each(b.n, i)
		if err != nil {
			return err
		}
		if b.requests[i], err = cfg.request(b.target, b.round, body); err != nil {
			return err
		}
		s.identify()
	}
	return nil
}

// newBurstOf prepares a round's requests to a target.
func (e *engine) newBurstOf(t *target, round, size int) *burst {
	b := &burst{
		engine: e, client: &e.cfg.Client, target: t, round: round, warmup: e.cfg.Load == nil && round < e.cfg.Warmup,
		desired: e.cfg.Desired(round), reuse: e.cfg.Connections != New, shared: e.cfg.Connections == Shared,
		timeout: e.cfg.Timeout,
		slots:   e.acquireSlots(size), due: sample.None, planned: sample.None,
		ready: make(chan struct{}, 1), done: make(chan struct{}),
	}
	var err error
	if b.requests, err = e.cfg.requests(t, round); err != nil {
		e.stop(err)
	}
	b.unready.Store(int32(size))
	b.left.Store(int32(size))
	for i, s := range b.slots {
		s.reset(b, i, e.loops[i%len(e.loops)])
	}
	return b
}

// each lets every loop work on its slots of the burst.
func (b *burst) each(do func(*slot)) {
	for _, l := range b.engine.loops {
		l.do(func() { b.on(l, do) })
	}
}

func (b *burst) on(l *loop, do func(*slot)) {
	for i := l.index; i < len(b.slots); i += len(b.engine.loops) {
		do(b.slots[i])
	}
}

// startFor lets the slots prepare for a planned time; zero: the burst leaves as soon as they are ready.
func (b *burst) startFor(planned time.Time) {
	if !planned.IsZero() {
		b.due = planned.Sub(b.engine.base)
	}
	b.start()
}

// start lets the slots prepare.
func (b *burst) start() {
	for _, l := range b.engine.loops {
		l.do(func() {
			l.armed = append(l.armed, b)
			b.target.pools[l.index].shutScout()
			b.target.pools[l.index].closeExpiring(b)
			b.on(l, (*slot).arm)
		})
	}
}

// abandon gives up the slots of a burst that does not leave.
func (b *burst) abandon() {
	for _, l := range b.engine.loops {
		l.do(func() {
			b.leaving.Store(true)
			l.disarm(b)
			b.on(l, (*slot).abort)
		})
	}
}

// slotDone counts a slot as done.
func (b *burst) slotDone() {
	if b.left.Add(-1) == 0 {
		close(b.done)
	}
}

// handoff is how long before its planned time a burst is passed to the loops, which wait more exactly than a timer of
// the scheduler.
const handoff = 5 * time.Millisecond

// hold waits until the burst is due and its slots are ready, then releases it. After latest, it no longer waits for
// slots that are not ready (zero: it waits for all). A zero planned time means as soon as it is ready. It reports
// false, and nothing is sent, if the context ends first.
func (b *burst) hold(ctx context.Context, planned, latest time.Time) bool {
	released := pause(ctx, planned.Add(-handoff-b.preloadAhead()))
	if released {
		var patience <-chan time.Time
		if !latest.IsZero() {
			timer := time.NewTimer(time.Until(latest))
			defer timer.Stop()
			patience = timer.C
		}
		for waiting := true; waiting && b.unready.Load() > 0; { // a slot that was ready may open its connection again
			select {
			case <-b.ready:
			case <-patience:
				waiting = false
			case <-ctx.Done():
				waiting, released = false, false
			}
		}
	}
	if !released {
		b.abandon()
		select {
		case <-b.done:
		case <-b.engine.broken:
		}
		return false
	}
	b.scheduleRelease(planned)
	return true
}

// scheduleRelease releases the burst at the planned time, in every loop.
func (b *burst) scheduleRelease(planned time.Time) {
	if w := b.engine.watch; w != nil {
		b.mark, b.marked = w.Mark(), time.Since(b.engine.base)
	}
	b.anchor, _ = readAnchor(b.engine.base)
	at := time.Duration(0)
	if !planned.IsZero() {
		b.planned = planned.Sub(b.engine.base)
		at = b.planned
	}
	for _, l := range b.engine.loops {
		l.do(func() {
			since := b.preload(l, at)
			l.at(at, func() { b.fire(l, since) })
		})
	}
}

// fire releases the slots of one loop; the first loop's time is the burst's release. preloaded is when the first
// request was given to the kernel.
func (b *burst) fire(l *loop, preloaded time.Duration) {
	b.leaving.Store(true)
	l.disarm(b)
	l.dispatchPending()
	b.dropStale(l, preloaded)
	b.release.CompareAndSwap(0, int64(l.now()))
	b.on(l, (*slot).fire)
	b.target.pools[l.index].flushBatches()
}

// pause waits until the given time and reports whether the context allowed it.
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

// await waits for the last response. If the context ends, requests in flight get the grace period and are then cut off;
// their rows are like the others.
//
// It reports false if something has panicked: then the burst may never end, and must not be read.
func (b *burst) await(ctx context.Context, grace time.Duration) bool {
	beat := time.NewTicker(b.engine.cfg.beatEvery)
	defer beat.Stop()
	for waiting := true; waiting; {
		select {
		case <-b.done:
			return !b.engine.isBroken()
		case <-beat.C:
			b.engine.rec.beat(b)
		case <-ctx.Done():
			waiting = false
		}
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-b.done:
		return !b.engine.isBroken()
	case <-b.engine.broken:
		return false
	case <-timer.C:
	}
	b.cut.Store(true)
	b.each((*slot).expire)
	select {
	case <-b.done:
	case <-b.engine.broken:
	}
	return !b.engine.isBroken()
}

// written is when the kernel had the last request, if no response had arrived before; else 0.
func (b *burst) written() time.Duration {
	last := time.Duration(0)
	for _, s := range b.slots {
		if s.wrote < 0 {
			return 0
		}
		last = max(last, s.wrote)
	}
	for _, s := range b.slots {
		if s.resp.first >= 0 && s.resp.first < last {
			return 0
		}
	}
	return last
}

// finished is when the burst's last slot was done, on the engine's clock.
func (b *burst) finished() time.Duration {
	last := time.Duration(b.release.Load())
	for _, s := range b.slots {
		last = max(last, s.end)
	}
	return last
}
