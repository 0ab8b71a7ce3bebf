package probe

import (
	"errors"
	"slices"
	"time"
)

// opensAtOnce is how many connections a loop opens at a time to one target before a burst: a server's queue of
// connections that it has not accepted yet may be short.
const opensAtOnce = 100

// connPool is the connections of one loop to one target.
type connPool struct {
	idle    []*conn // that stand and carry nothing, as far as is known; used last, at the end
	most    int     // the largest burst's share: more are never needed at once in a closed schedule
	muxes   []*mux  // connections of HTTP/2
	made    int     // connections of HTTP/2 so far
	opening int     // connections being opened before their burst
	pending []*slot // that wait for their turn to open one

	again    []*slot // HTTP/2: that wait for another connection, see resend
	spare    []*slot
	flushing []*mux

	delayed     []*slot       // that open theirs later, see prepareAhead
	nextDelayed time.Duration // when the first of them does
	opens       time.Duration // how long opening a connection has taken at most

	scout *conn // without requests, open only to see when the server closes it; nil: none. See refresh
}

// acquireConn returns a kept connection that is still open, or nil.
func (p *connPool) acquireConn() *conn {
	c := p.lastIdle()
	if c != nil {
		p.dropLastIdle()
	}
	return c
}

// lastIdle is the kept connection that acquireConn would return. It drops those that have ended.
func (p *connPool) lastIdle() *conn {
	for len(p.idle) > 0 {
		if c := p.idle[len(p.idle)-1]; c.state == standing {
			return c
		}
		p.dropLastIdle()
	}
	return nil
}

func (p *connPool) dropLastIdle() {
	last := len(p.idle) - 1
	p.idle[last] = nil
	p.idle = p.idle[:last]
}

// releaseConn takes a connection back.
func (p *connPool) releaseConn(c *conn) {
	if len(p.idle) >= p.most {
		c.shut()
		return
	}
	p.idle = append(p.idle, c)
}

// prepare gets a connection for the slot as soon as it is its turn.
func (p *connPool) prepare(s *slot) {
	s.stage = preparing
	if p.opening >= opensAtOnce {
		p.pending = append(p.pending, s)
		return
	}
	s.prepare()
}

// openingDone is called when a connection that was opened before a burst is open, or has failed.
func (p *connPool) openingDone() {
	p.opening--
	for len(p.pending) > 0 && p.opening < opensAtOnce {
		s := p.pending[0]
		p.pending = p.pending[1:]
		if s.stage == preparing && s.conn == nil && s.mux == nil {
			s.prepare()
		}
	}
}

// openNow is called if a burst leaves before this slot has its connection: it no longer waits for its turn.
func (p *connPool) openNow(s *slot) {
	switch {
	case s.conn != nil:
		p.openingDone()
		if s.conn.state == drafted {
			s.conn.launch()
		}
	case s.mux == nil:
		s.open()
	case s.mux.conn.state == standing:
		s.mux.beginNow(s)
	}
}

// join gives the slot a share of an HTTP/2 connection: of one that has room, or of a new one.
func (p *connPool) join(s *slot) {
	if m := p.room(s); m != nil {
		s.inUse = m.greeted
		m.join(s)
		return
	}
	s.inUse = false
	m := p.newMux(s)
	if m.counted = s.stage == preparing; m.counted {
		p.opening++
	}
	p.muxes = append(p.muxes, m)
	m.join(s)
	s.loop.open(m.conn, s.b.client, s.b.target, m)
}

// room finds an HTTP/2 connection that has room for the slot, or nil. A request that is sent again because a connection
// was drained uses one that carries nothing yet: older ones may be drained soon, too. Where a load may open no more
// connections, it uses one that was opened after the drained one.
func (p *connPool) room(s *slot) *mux {
	if !s.b.reuse {
		return nil
	}
	_, drained := errors.AsType[goAwayError](s.refusal)
	d := s.b.load
	full := d != nil && d.loop.sockets >= d.connections
	for _, m := range p.muxes {
		newer := !m.greeted || full && m.number > s.refuser
		if m.free(s) && (newer || !s.resent || !drained) {
			return m
		}
	}
	return nil
}

// enqueue makes the slot wait for another connection, which resend assigns when no read is being parsed any more.
func (p *connPool) enqueue(s *slot) {
	s.queued = true
	p.again = append(p.again, s)
}

// resend assigns connections to the slots that wait for one. If a sustained load may open no more connections, slots
// that find no room continue to wait.
func (p *connPool) resend() {
	for moved := len(p.again) > 0; moved; {
		moved = false
		waiting := p.again
		p.again, p.spare = p.spare[:0], nil
		for _, s := range waiting {
			switch d := s.b.load; {
			case !s.queued: // it has ended, or has one
			case d != nil && d.loop.sockets >= d.connections && p.room(s) == nil:
				p.again = append(p.again, s)
			default:
				moved = true
				s.open()
			}
		}
		clear(waiting)
		p.spare = waiting[:0]
	}
}

// assignOpenConn gives the slot an open connection with room, or reports that there is none.
func (p *connPool) assignOpenConn(s *slot) bool {
	if !s.b.target.proto.multi {
		return s.acquireConn()
	}
	for _, m := range p.muxes {
		if m.greeted && m.free(s) {
			s.mux = m
			m.members++
			return true
		}
	}
	return false
}

// available reports whether a connection could take a request now.
func (p *connPool) available() bool {
	if p.lastIdle() != nil {
		return true
	}
	for _, m := range p.muxes {
		if m.greeted && !m.draining() && m.members < m.room {
			return true
		}
	}
	return false
}

// removeMux removes an HTTP/2 connection that has ended.
func (p *connPool) removeMux(m *mux) {
	if at := slices.Index(p.muxes, m); at >= 0 {
		p.muxes = slices.Delete(p.muxes, at, at+1)
	}
	if m.counted {
		m.counted = false
		p.openingDone()
	}
}

// flushBatches writes what the slots of a burst have put into their connections' batches.
func (p *connPool) flushBatches() {
	p.flushing = append(p.flushing[:0], p.muxes...) // a write that fails takes its connection off the list
	for _, m := range p.flushing {
		m.flush()
	}
	clear(p.flushing)
}
