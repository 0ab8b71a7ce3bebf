package probe

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
)

// lead is how long before its planned time a burst is built and started: long enough to open connections, short enough
// that they stay open.
const lead = time.Second

// engine drives the bursts of one configuration.
type engine struct {
	cfg     Config
	targets []*target
	gaps    []time.Duration // gap k follows round k
	stop    context.CancelCauseFunc
	rec     recorder
	base    time.Time // the engine's clock counts from here
	loops   []*loop
	watch   *selfwatch.Watch // nil: none

	repetition int  // of the plan, from 0
	shift      int  // by which the number of the round in rows is higher than its number in the plan
	undecided  bool // whether the plan is sent once more

	mu    sync.Mutex // of free: bursts overlap in an open schedule
	free  []*slot
	fault error // a loop's poller has failed, or something has panicked; under mu as stop is

	broken chan struct{} // closed once something has panicked: what is in flight may never end
}

func newEngine(cfg Config) (*engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if !isToken(cfg.Method) || strings.ContainsFunc(cfg.UserAgent, unicode.IsControl) {
		return nil, fail.Input("method %q or user agent %q cannot be sent", cfg.Method, cfg.UserAgent)
	}
	e := &engine{cfg: cfg, base: time.Now(), broken: make(chan struct{})}
	if e.gaps, err = cfg.Arrivals.Gaps(cfg.rounds()); err != nil {
		return nil, err
	}
	most := 0
	for round := range cfg.rounds() {
		most = max(most, cfg.BurstSize(round))
	}
	for _, t := range cfg.Targets {
		made, err := newTarget(t)
		if err != nil {
			return nil, err
		}
		if made.proto, err = protocolOf(cfg.Protocol, made); err != nil {
			return nil, err
		}
		made.hidden = cfg.HideAnswers
		e.targets = append(e.targets, made)
	}
	if cfg.Load != nil {
		most = len(e.loops) + loopsFor(e.cfg.Processors) // every loop has its share
	}
	e.rec.init(&e.cfg, e.gaps, e.base)
	return e, e.startLoops(most)
}

// startLoops starts the threads that send and receive, each with its share of the largest burst.
func (e *engine) startLoops(most int) error {
	n := min(loopsFor(e.cfg.Processors), most)
	g := make(gate, e.cfg.Processors)
	for i := range n {
		l, err := newLoop(i, e.base, g, e.failed, e.defect)
		if err != nil {
			e.close()
			return err
		}
		e.loops = append(e.loops, l)
		for _, t := range e.targets {
			t.pools = append(t.pools, &connPool{most: (most + n - 1) / n})
		}
	}
	return nil
}

// failed ends the run because a loop cannot continue; it may be called before there is a run to end.
func (e *engine) failed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = fmt.Errorf("the probe cannot see its connections on this machine: %w", err)
	if e.stop != nil {
		e.stop(e.fault)
	}
}

// defect ends the run because one of the probe's goroutines has panicked.
func (e *engine) defect(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isBroken() {
		return
	}
	e.fault = err
	close(e.broken)
	if e.stop != nil {
		e.stop(err)
	}
}

// cause is what has ended the context; nil: nothing. A defect closes broken before it ends the context, both under the
// lock, so that a goroutine that has seen broken finds the cause here.
func (e *engine) cause(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return context.Cause(ctx)
}

func (e *engine) isBroken() bool {
	select {
	case <-e.broken:
		return true
	default:
		return false
	}
}

// stopWith sets what ends the run.
func (e *engine) stopWith(stop context.CancelCauseFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop, e.rec.stop = stop, stop; e.fault != nil {
		stop(e.fault)
	}
}

// close ends the loops, and with them the connections that are still kept.
func (e *engine) close() {
	for _, l := range e.loops {
		l.stop()
	}
	e.loops = nil
	if e.watch != nil {
		e.watch.Close()
		e.watch = nil
	}
}

func (e *engine) acquireSlots(n int) []*slot {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]*slot, n)
	for i := range out {
		if last := len(e.free) - 1; last >= 0 {
			out[i], e.free = e.free[last], e.free[:last]
		} else {
			out[i] = &slot{}
		}
	}
	return out
}

// returnSlots takes back the slots of a burst.
func (e *engine) returnSlots(b *burst) {
	e.mu.Lock()
	e.free = append(e.free, b.slots...)
	e.mu.Unlock()
}

// runBurst takes a started burst through its release to its rows. It reports false if the run is over. A burst that is
// in flight during a panic has no rows: the content of its slots is not reliable, and they must not be used again.
func (e *engine) runBurst(ctx context.Context, b *burst, planned, latest time.Time) bool {
	if !b.hold(ctx, planned, latest) {
		if !e.isBroken() {
			e.returnSlots(b)
		}
		return false
	}
	if !b.await(ctx, e.cfg.Grace) {
		return false
	}
	defer e.returnSlots(b)
	if err := e.rec.record(b, e.watch); err != nil {
		e.stop(err)
	}
	return ctx.Err() == nil
}

// runClosed sends burst after burst, and the whole plan again as often as Turns asks for it: the next endpoint's when
// the last one's responses are in, the next round's an IAT later. Rows are on disk before the next burst leaves. Where
// cold starts are forced, the endpoints of a round are made cold in the IAT before it, but not for warm-up, whose warm
// requests say what the network takes; a round whose instant passes meanwhile, or while it waits for its turn, leaves
// at once.
func (e *engine) runClosed(ctx context.Context) {
	var planned time.Time // zero: at once
	for sent := true; sent; sent = sent && e.again(ctx) {
		planned, sent = e.sendPlan(ctx, planned)
	}
}

// sendPlan sends all bursts once, the first one not before the given time. It gives when the next round may leave, and
// false where the run is over.
func (e *engine) sendPlan(ctx context.Context, planned time.Time) (next time.Time, ok bool) {
	for n := range e.cfg.Bursts {
		round := n / len(e.targets)
		if n%len(e.targets) == 0 {
			if !e.beginRound(ctx, round) || round >= e.cfg.Warmup && !e.makeCold(ctx, e.targetsFrom(n)) {
				return planned, false
			}
			planned = passed(planned, time.Now())
		}
		b := e.sendUntilCold(ctx, n, planned)
		if b == nil {
			return planned, false
		}
		planned = time.Time{} // at once: there is no pause that could be kept badly
		if (n+1)%len(e.targets) == 0 || n+1 == e.cfg.Bursts {
			if gap := e.gaps[round]; gap > 0 {
				planned = e.base.Add(b.finished() + gap)
			}
			e.endRound(round)
		}
	}
	return planned, true
}

// runOpen sends every burst at its planned time, in its own goroutine, so that neither a slow response nor a slow
// connection delays the next one.
func (e *engine) runOpen(ctx context.Context) {
	plan := schedule.Offsets(e.gaps, e.cfg.Bursts, len(e.targets))
	first := time.Now()
	if e.cfg.Connections != New {
		first = first.Add(lead) // the connections of the first bursts are opened in it
	}
	var flying sync.WaitGroup
	defer flying.Wait()
	for n, offset := range plan {
		planned := first.Add(offset)
		ahead := lead
		if before := n - len(e.targets); before >= 0 {
			// Not before the same endpoint's last burst has had time to give its connections back.
			ahead = min(lead, (offset-plan[before])/2)
		}
		if !pause(ctx, planned.Add(-ahead)) {
			return
		}
		b := e.newBurst(n)
		b.startFor(planned)
		if n < len(e.targets) {
			b.refreshBeforeRelease()
		}
		latest := time.Now().Add(ahead)
		if latest.Before(planned) {
			latest = planned
		}
		flying.Go(fail.Caught(e.defect, func() { e.runBurst(ctx, b, planned, latest) }))
	}
}
