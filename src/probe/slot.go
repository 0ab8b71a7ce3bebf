package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

type slotState int8

const (
	idle      slotState = iota
	preparing           // its connection is being opened before the burst leaves
	armed               // ready to send, or known to have failed
	opening             // its connection is being opened within its latency
	sent                // its request is on its way, or there
	finished
)

// slot is one request's place in a burst. From the burst's start to the slot's end, only its loop uses it; then the
// recorder reads it. Slots and their buffers are used again by later bursts.
type slot struct {
	b     *burst
	index int
	loop  *loop
	pool  *connPool
	conn  *conn // HTTP/1.1: the slot's own; nil: none
	mux   *mux  // HTTP/2: the one it shares; nil: none
	stage slotState

	deadline   time.Duration
	inFlightAt int    // place in the loop's list of those that may run out of time, or -1
	stream     uint32 // HTTP/2: its number, 0 before it begins
	window     int64  // bytes of the body that the server lets pass on the stream
	body       []byte // what has not been sent of it

	refusal error // HTTP/2: why a connection did not take the request; nil: none has refused it
	refuser int   // the number of that connection
	resent  bool  // it had been sent by then, and is sent again
	inUse   bool  // the connection for that carried requests already
	early   bool  // HTTP/2: it began before the server had sent how many requests it takes at once
	overran bool  // a refusal for that reason was forgiven
	queued  bool  // it waits in its place for another connection

	// Of a sustained load: the request's instant and place, and whether the slot only opens a connection.
	planned       time.Duration
	second, round int
	warms         bool

	variant  int     // index of its request in the burst's
	traced   message // a copy of it with a trace of its own; empty: requests have none
	trace    [16]byte
	renewals int // how often its connection was opened again before the release

	phases  phases
	newConn bool          // the connection was opened within the request's latency
	sent    time.Duration // the slot's turn; stamps are on the engine's clock
	began   time.Duration // the first byte of the request was about to be written; None: never
	wrote   time.Duration // the kernel had the last one; None: never
	end     time.Duration
	class   sample.Class
	err     error
	resp    response
}

var _ user = (*slot)(nil)

func (s *slot) reset(b *burst, index int, l *loop) {
	s.b, s.index, s.loop, s.pool = b, index, l, b.target.pools[l.index]
	s.conn, s.mux, s.stage, s.inFlightAt, s.stream, s.body = nil, nil, idle, -1, 0, nil
	s.refusal, s.resent, s.queued, s.inUse, s.early, s.overran = nil, false, false, false, false, false
	s.planned, s.second, s.round, s.warms, s.variant = 0, 0, 0, false, 0
	s.renewals, s.phases, s.newConn = 0, noPhases(), false
	s.sent, s.began, s.wrote, s.end = 0, sample.None, sample.None, 0
	s.class, s.err = sample.OK, nil
	s.resp.reset(b.client.MaxBody)
	s.resp.kept = b.client.KeepBody
	s.resp.watchChunks(b.client)
}

// arm prepares the slot, outside its timing: a kept connection, or a new one to keep.
func (s *slot) arm() {
	switch {
	case !s.b.reuse && s.b.target.proto.multi:
		s.armed()
	case s.b.reuse && !s.b.target.proto.multi && s.acquireConn():
		s.sealRequest()
		s.armed()
	case s.b.reuse:
		s.pool.prepareAhead(s)
	default:
		s.pool.prepare(s)
	}
}

// acquireConn gets the slot a kept connection that is open.
func (s *slot) acquireConn() bool {
	c := s.pool.acquireConn()
	if c == nil {
		return false
	}
	s.conn, c.user = c, s
	return true
}

// prepare gets the slot a connection before the burst.
func (s *slot) prepare() {
	s.loop.watchDeadline(s, s.loop.now()+min(s.b.timeout, connectWait))
	s.open()
}

// open gets the slot a connection of its own, or a share of one.
func (s *slot) open() {
	if s.b.target.proto.multi {
		s.stream, s.queued = 0, false
		s.pool.join(s)
		return
	}
	if s.stage == preparing {
		s.pool.opening++
	}
	s.conn = &conn{}
	if s.stage == preparing && !s.b.reuse {
		s.loop.draft(s.conn, s.b.client, s.b.target, s, s.drafted)
		return
	}
	s.loop.open(s.conn, s.b.client, s.b.target, s)
}

// drafted reports a slot ready whose connection may only be opened when its burst leaves.
func (s *slot) drafted() {
	if s.stage == preparing {
		s.pool.openingDone()
		s.armed()
	}
}

// standing reports whether the prepared connection is still open.
func (s *slot) standing() bool {
	if s.b.target.proto.multi {
		return s.mux != nil && !s.mux.draining()
	}
	return s.conn != nil && s.conn.state == standing
}

// armed reports the slot ready. A failure to prepare becomes the request's row: it is not tried again when the burst
// leaves.
func (s *slot) armed() {
	s.loop.unwatchDeadline(s)
	s.stage = armed
	if s.warms {
		s.b.load.warmed(s)
		return
	}
	if s.b.unready.Add(-1) == 0 {
		select {
		case s.b.ready <- struct{}{}:
		default:
		}
	}
}

// sealRequest encrypts the request in advance if it has to be encrypted: after the release, it is only written.
func (s *slot) sealRequest() {
	if s.conn.seal != nil && !s.warms {
		s.conn.held = true
		s.conn.send(s.request().head)
	}
}

// fire sends the request: the hot path begins.
func (s *slot) fire() { s.fireAt(s.loop.now()) }

// fireAt does so where the clock has just been read.
func (s *slot) fireAt(now time.Duration) {
	s.sent = now
	deadline := s.sent + s.b.timeout
	switch {
	case s.b.cut.Load(): // between the hold and the release
		s.class, s.err = sample.Timeout, errCut
		s.finish()
	case s.stage == preparing: // what is left of the opening is part of this request's latency
		s.newConn, s.stage = true, opening
		s.loop.watchDeadline(s, deadline)
		s.pool.openNow(s)
	case s.class != sample.OK:
		s.newConn = true
		s.finish()
	case !s.standing():
		if s.mux != nil {
			s.mux.leave(s)
		}
		s.newConn, s.stage = true, opening
		s.loop.watchDeadline(s, deadline)
		if s.conn != nil && s.conn.state == drafted {
			s.conn.launch()
		} else {
			s.open()
		}
	default:
		s.phases = noPhases()
		s.loop.watchDeadline(s, deadline)
		if m := s.mux; m != nil {
			if m.begin(s); m.room == 1 {
				m.flush() // the slot's own connection; a shared one is written when all have had their turn
			}
		} else {
			s.write(s.sent)
		}
	}
}

// write passes the request to the kernel.
func (s *slot) write(at time.Duration) {
	s.stage, s.began = sent, at
	if c := s.conn; c.held {
		c.held = false
		if c.uncork(); c.state == standing {
			c.flush()
		}
	} else {
		c.send(s.request().head)
	}
}

func (s *slot) opened() {
	if s.stage == preparing {
		s.phases = s.conn.phases
		keepAlive(s.conn.fd)
		s.sealRequest()
		s.pool.openingDone()
		s.armed()
		return
	}
	s.phases = s.conn.phases.from(s.sent)
	s.write(s.loop.now())
}

func (s *slot) flushed(at time.Duration) {
	if s.stage == sent && s.wrote < 0 {
		s.wrote = at
	}
}

func (s *slot) incoming(data []byte, at time.Duration) error {
	if s.stage != sent {
		return broken("the server sent something before it was asked")
	}
	s.resp.arrived = s.conn.arrived
	if err := s.resp.feed(data, at); err != nil {
		return err
	}
	if s.resp.whole {
		s.class = statusClass(s.resp.status)
		s.finish()
	}
	return nil
}

// ended handles the end of the slot's own connection.
func (s *slot) ended(class sample.Class, err error) {
	if s.stage == preparing {
		s.pool.openingDone()
	}
	if s.stage == sent && errors.Is(err, io.EOF) {
		if err = s.resp.eof(); err == nil {
			class = statusClass(s.resp.status)
		}
	}
	s.connLost(class, err, s.conn.phases)
}

// connLost ends the slot's request on a connection that has failed.
func (s *slot) connLost(class sample.Class, err error, p phases) {
	s.queued = false
	switch s.stage {
	case preparing:
		s.class, s.err, s.phases, s.mux = class, err, p, nil
		s.armed()
	case armed:
		s.renew()
	case opening, sent:
		if s.stage == opening {
			s.phases = p.from(s.sent)
		}
		if s.stage == opening && s.resent && class != sample.Timeout && class != sample.Refused {
			class, err = sample.Refused,
				fmt.Errorf("%w, and the request could not be sent again: %s: %w", s.refusal, class, err)
		}
		s.class, s.err = class, err
		s.finish()
	}
}

// reassign moves the slot to another connection, because its own does not accept its request: once, and again where the
// other one was in use and is drained, too, and where the request began before it was known how many the server takes
// at once. A request that was sent keeps its turn: its latency continues.
func (s *slot) reassign(why error) {
	_, drained := errors.AsType[goAwayError](why)
	over := s.refusal != nil && s.early && !s.overran && !drained
	s.overran = s.overran || over
	if s.refusal != nil && !over && !(s.inUse && drained) {
		s.connLost(sample.Refused, fmt.Errorf("%w; on the next connection: %w", s.refusal, why), s.phases)
		return
	}
	s.refusal = why
	if s.stage == sent {
		s.stage, s.resent, s.newConn, s.phases = opening, true, true, noPhases()
	}
	s.pool.enqueue(s)
}

var (
	errDeadline = os.ErrDeadlineExceeded
	errCut      = fmt.Errorf("cut off, because the run was stopped: %w", os.ErrDeadlineExceeded)
)

// expire ends a slot that timed out, or that is cut off.
func (s *slot) expire() {
	why := errDeadline
	if s.b.cut.Load() {
		why = errCut
	}
	switch {
	case s.stage != preparing && s.stage != opening && s.stage != sent:
	case s.mux != nil:
		p, m := s.mux.conn.phases, s.mux
		if s.stage == preparing {
			m.leave(s)
		}
		s.connLost(sample.Timeout, why, p)
	case s.conn != nil:
		s.conn.shut()
		s.ended(sample.Timeout, why)
	default: // still waiting for its turn to open a connection
		s.connLost(sample.Timeout, why, noPhases())
	}
}

// finish ends the request. Its connection is kept if it can carry another one.
func (s *slot) finish() {
	s.loop.unwatchDeadline(s)
	s.stage = finished
	if s.resp.whole {
		s.end = s.resp.last
	} else {
		s.end = s.loop.now()
	}
	if s.mux != nil {
		s.mux.leave(s)
	}
	if c := s.conn; c != nil {
		s.conn = nil
		if s.b.reuse && s.err == nil && s.resp.keep && len(c.out) == 0 && c.state == standing {
			c.user = nil
			s.pool.releaseConn(c)
		} else {
			c.shut()
		}
	}
	if s.b.load != nil {
		s.b.load.ended(s)
	} else {
		s.b.slotDone()
	}
}

// abort ends a slot that was never released.
func (s *slot) abort() {
	s.releaseConn()
	s.loop.unwatchDeadline(s)
	s.stage = finished
	s.b.slotDone()
}

// releaseConn returns a connection that carries no request of the slot.
func (s *slot) releaseConn() {
	s.queued = false
	if s.mux != nil {
		s.mux.leave(s)
	}
	c := s.conn
	if s.conn = nil; c == nil {
		return
	}
	if s.stage == preparing {
		s.pool.openingDone()
	}
	if s.stage == armed && s.b.reuse && c.state == standing && !c.held {
		c.user = nil
		s.pool.releaseConn(c)
	} else {
		c.shut() // half open, or with a request sealed into it
	}
}
