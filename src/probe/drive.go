package probe

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// drive is one loop's share of a sustained load: request k is sent by loop k modulo their number.
type drive struct {
	loop   *loop
	watch  *selfwatch.Watch // nil: none
	roomy  bool             // Go's scheduler has processors that no loop keeps
	share  int              // one in so many requests is this loop's
	load   Load
	begin  time.Duration // on the engine's clock
	end    time.Duration
	rounds [][]*burst // by target and round: what the requests have in common

	next      func() (time.Duration, int, bool)
	k         int64 // of the request at hand
	at        time.Duration
	target    int
	second    int // of the timetable, and the first request in it
	first     int64
	exhausted bool
	halted    bool
	blocked   bool // the request at hand is due, and there is no connection or no slot for it
	// requests wait, and since the first of them one has found all connections in use and none being opened
	overloaded bool
	closed     bool // nothing is sent any more

	connections int   // at most, open at once
	wanted      []int // by target: first connections that are still to be opened
	warming     int
	nextKeep    time.Duration // before this instant no connection is opened in place of one that the server has closed
	inFlight    int
	made        int // slots
	dropped     atomic.Int64
	free        []*slot
	done        []*slot
	handed      time.Duration // when slots were last handed over
	landed      chan []*slot
	returned    chan []*slot
	unsent      int64 // of use when over is closed
	finishing   bool
	over        chan struct{}
	broken      <-chan struct{} // the engine's
}

func (e *engine) newDrive(l *loop, load Load, begin time.Duration, landed chan []*slot) *drive {
	d := &drive{loop: l, watch: e.watch, share: len(e.loops), load: load, begin: begin, end: begin + load.Length,
		roomy: runtime.GOMAXPROCS(0) >= len(e.loops)+processorsBeside,
		next:  load.Instants(), k: -1,
		connections: max(load.MaxConnections/len(e.loops), 1), landed: landed, returned: make(chan []*slot, 256),
		over: make(chan struct{}), broken: e.broken}
	for _, t := range e.targets {
		var rounds []*burst
		for round := range load.Cycle {
			b := e.newBurstOf(t, round, 0)
			b.load = d
			rounds = append(rounds, b)
		}
		d.rounds = append(d.rounds, rounds)
		t.pools[l.index].most = d.connections
	}
	d.advance()
	return d
}

// advance continues with this loop's next request.
func (d *drive) advance() {
	for {
		at, target, ok := d.next()
		if d.k++; !ok || at >= d.load.Length {
			d.exhausted, d.at = true, never
			return
		}
		if second := int(at / time.Second); second != d.second {
			d.second, d.first = second, d.k
		}
		if d.k%int64(d.share) == int64(d.loop.index) {
			if target < 0 {
				target = int(d.k % int64(len(d.rounds)))
			}
			d.at, d.target = d.begin+at, target
			return
		}
	}
}

// due is when the drive must be called again, whatever the sockets do.
func (d *drive) due() time.Duration {
	next := d.at
	switch {
	case d.finishing:
		return never
	case d.closed: // responses are awaited
		next = never
	case d.blocked:
		next = d.lastInstant()
	case d.unconnected():
		next = min(next, max(d.at-d.ahead(), d.nextKeep))
	}
	if len(d.done) > 0 {
		next = min(next, d.handed+20*time.Millisecond)
	}
	return next
}

// lastInstant is when sending ends, as far as is known now: see Load.
func (d *drive) lastInstant() time.Duration {
	if d.overloaded || d.halted {
		return d.end
	}
	return d.end + catchUp
}

// step sends what is due, as far as there are connections, and passes on what has ended.
func (d *drive) step() {
	d.reclaimSlots()
	now := d.sendDue()
	d.closed = d.closed || d.halted || d.exhausted || now >= d.lastInstant()
	d.overloaded = d.overloaded && d.blocked
	for target := range d.rounds {
		p := d.rounds[target][0].target.pools[d.loop.index]
		p.flushBatches()
		p.resend()
	}
	d.keep(now)
	if len(d.done) >= 256 || len(d.done) > 0 && now >= d.handed+10*time.Millisecond {
		d.handOver(now)
	}
	if d.closed && d.inFlight == 0 && !d.finishing {
		d.finish(now)
	}
}

// sendDue sends what is due, as far as there are connections, and returns the time by then.
func (d *drive) sendDue() time.Duration {
	now := d.loop.now()
	d.blocked = false
	for !d.closed && !d.halted && !d.exhausted && d.at <= now && now < d.lastInstant() {
		sent, ok := d.sendOne()
		if !ok {
			d.blocked = true
			break
		}
		now = sent
		if d.advance(); d.at > now {
			now = d.loop.now()
		}
	}
	return now
}

// keepPause is how long a load waits before it opens another connection in place of one that the server has closed.
const keepPause = 100 * time.Millisecond

// unconnected reports whether the current request would find no connection although none is in use: with a low rate,
// the server closes connections between two requests.
func (d *drive) unconnected() bool {
	b := d.rounds[d.target][0]
	return b.reuse && d.inFlight == 0 && d.warming == 0 && !b.target.pools[d.loop.index].available()
}

func (d *drive) ahead() time.Duration {
	b := d.rounds[d.target][0]
	return b.target.pools[d.loop.index].ahead(b)
}

// keep opens a connection for the current request before it is due, outside its lateness and its latency.
func (d *drive) keep(now time.Duration) {
	if d.blocked || d.closed || now < d.nextKeep || !d.unconnected() || now < d.at-d.ahead() {
		return
	}
	d.nextKeep = now + keepPause
	if d.warm(d.target) {
		d.rounds[d.target][0].target.reopened.Add(1)
	}
}

// sendOne sends the current request, and says when; false if it has to wait.
func (d *drive) sendOne() (at time.Duration, ok bool) {
	round := d.rounds[d.target][int((d.k/int64(len(d.rounds)))%int64(d.load.Cycle))]
	full := d.loop.sockets >= d.connections
	switch {
	case !round.reuse && full:
		d.overloaded = true
		return 0, false
	case round.reuse && !round.target.pools[d.loop.index].available(): // a slot need not be made ready for nothing
		d.awaitConn(full)
		return 0, false
	}
	s := d.slot(round)
	if s == nil {
		d.overloaded = true
		return 0, false
	}
	if round.reuse && !s.pool.assignOpenConn(s) {
		d.free = append(d.free, s)
		d.awaitConn(full)
		return 0, false
	}
	s.stage, s.index, s.planned = armed, int(d.k-d.first), d.at
	s.second, s.round = d.second, int(d.k/int64(len(d.rounds)))
	s.variant = round.engine.cfg.pick(s.second, s.index)
	s.identify()
	if at = d.loop.now(); at >= d.lastInstant() { // the thread was held up since it last looked at its clock
		s.releaseConn()
		s.stage = finished
		d.free = append(d.free, s)
		return at, false
	}
	d.inFlight++
	s.fireAt(at)
	return at, true
}

// awaitConn notes that the current request has to wait for a connection, and opens another one if that may be.
func (d *drive) awaitConn(full bool) {
	d.overloaded = d.overloaded || full && d.warming == 0
	d.warm(d.target)
}

// slot returns a free slot, or a new one.
func (d *drive) slot(b *burst) *slot {
	var s *slot
	if last := len(d.free) - 1; last >= 0 {
		s = d.free[last]
		d.free = d.free[:last]
	} else if int64(d.made)-d.dropped.Load() < slotsMost {
		s = &slot{}
		d.made++
	} else {
		return nil
	}
	s.reset(b, 0, d.loop)
	return s
}

// warmUp opens the first connections, before the load begins.
func (d *drive) warmUp() {
	d.wanted = make([]int, len(d.rounds))
	for target := range d.rounds {
		d.wanted[target] = max(d.load.Warm/d.share, 1)
		d.warmMore(target)
	}
}

// warmMore opens as many of the first connections as may be opened at a time.
func (d *drive) warmMore(target int) {
	for d.wanted[target] > 0 {
		d.wanted[target]-- // before: what it opens may stand at once, and ask for the next
		if !d.warm(target) {
			d.wanted[target]++
			return
		}
	}
}

// warm opens one more connection to a target outside any request's latency, if another one may be open. Of HTTP/2, one
// at a time is opened: it carries many requests.
func (d *drive) warm(target int) bool {
	b := d.rounds[target][0]
	if !b.reuse || d.loop.sockets >= d.connections || d.warming >= opensAtOnce || b.shared && d.warming > 0 {
		return false
	}
	s := d.slot(b)
	if s == nil {
		return false
	}
	d.warming++
	s.stage, s.warms = preparing, true
	s.prepare()
	return true
}

// warmed handles a slot that has opened a connection, or has failed to. A failure becomes the row of the request that
// is due, because nothing else would report it.
func (d *drive) warmed(s *slot) {
	d.warming--
	s.warms = false
	due := !d.closed && !d.halted && !d.exhausted && d.at <= d.loop.now() && d.rounds[d.target][0].target == s.b.target
	if s.class != sample.OK && due {
		s.stage, s.index, s.planned, s.second = armed, int(d.k-d.first), d.at, d.second
		s.round = int(d.k / int64(len(d.rounds)))
		s.variant = s.b.engine.cfg.pick(s.second, s.index)
		s.identify()
		d.inFlight++
		d.advance()
		s.fire()
		return
	}
	ok := s.class == sample.OK
	s.releaseConn()
	s.stage = finished
	d.free = append(d.free, s)
	for target := range d.rounds {
		// a slot of HTTP/2 would be given the connection that is just free
		if ok && !d.closed && !d.halted && !s.b.target.proto.multi {
			d.warmMore(target)
		}
	}
}

// ended handles a slot whose request has ended.
func (d *drive) ended(s *slot) {
	d.inFlight--
	d.done = append(d.done, s)
}

// handOver passes ended slots to the recorder. If the recorder is slower, the slots wait here.
func (d *drive) handOver(now time.Duration) {
	select {
	case d.landed <- d.done:
		d.done, d.handed = nil, now
		select {
		case spare := <-d.returned:
			d.free = append(d.free, spare...)
			d.done = spare[:0]
		default:
		}
	default:
	}
}

// reclaimSlots takes back the slots whose rows are made.
func (d *drive) reclaimSlots() {
	if len(d.free) > 0 {
		return
	}
	for {
		select {
		case spare := <-d.returned:
			d.free = append(d.free, spare...)
		default:
			return
		}
	}
}

// finish counts what was not sent, and passes on the rest. It counts when nothing is in flight any more.
func (d *drive) finish(now time.Duration) {
	d.finishing = true
	for ; !d.exhausted && d.at < d.end; d.advance() {
		d.unsent++
	}
	d.loop.drive = nil
	done := d.done
	fail.Go(d.loop.defect, func() { // the channel may be full
		if len(done) > 0 {
			select {
			case d.landed <- done:
			case <-d.broken: // no goroutine receives them any more
			}
		}
	}, func() { close(d.over) })
}

// halt stops sending; requests that were due before and were not sent are unsent.
func (d *drive) halt() { d.halted, d.end = true, min(d.end, d.loop.now()) }

// cut ends the requests in flight.
func (d *drive) cut() {
	for _, round := range d.rounds {
		for _, b := range round {
			b.cut.Store(true)
		}
	}
	for i := len(d.loop.inFlight) - 1; i >= 0; i-- {
		if i < len(d.loop.inFlight) {
			d.loop.inFlight[i].expire()
		}
	}
}
