package probe

import (
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Servers close connections that carry nothing for a while. One that is closed after its slot was armed is opened again
// before the burst leaves, so that no handshake is in a latency that was asked for without one.

const (
	// renewalsMost bounds how often a slot opens its connection again before one release: a server may close them at
	// once.
	renewalsMost = 3
	// idleLeast is the shortest idle time after which a closing counts as the server's idle timeout.
	idleLeast = 50 * time.Millisecond
	// aheadLeast is how long before a release a connection is opened at the latest.
	aheadLeast = 50 * time.Millisecond
)

// renew opens the connection of an armed slot again, outside its latency. After the release, it is too late for that:
// the slot then connects within its latency, and its row says so.
func (s *slot) renew() {
	b := s.b
	if !b.reuse || b.load != nil || b.leaving.Load() || s.class != sample.OK || s.renewals == renewalsMost {
		return
	}
	s.renewals++
	b.target.reopened.Add(1)
	s.prepareAgain()
	s.pool.prepareAhead(s)
}

// prepareAgain takes an armed slot back to where it has no connection.
func (s *slot) prepareAgain() {
	s.conn, s.phases, s.refusal, s.stage = nil, noPhases(), nil, preparing
	s.b.unready.Add(1)
}

// reassignArmed gives another connection to the slots that are armed on an HTTP/2 connection which the server has
// closed or drained.
func (p *connPool) reassignArmed(m *mux, l *loop) {
	for _, b := range l.armed {
		if b.target.pools[l.index] != p {
			continue
		}
		b.on(l, func(s *slot) {
			if s.stage == armed && s.mux == m {
				m.leave(s)
				s.renew()
			}
		})
	}
}

// disarm removes the burst from the list of bursts that are prepared and have not left.
func (l *loop) disarm(b *burst) {
	if at := slices.Index(l.armed, b); at >= 0 {
		l.armed = slices.Delete(l.armed, at, at+1)
	}
}

// closeExpiring shuts the connections that the server will probably close before the burst leaves, or close to that
// time, by its idle timeout as far as it is known. Others are opened in their place.
func (p *connPool) closeExpiring(b *burst) {
	life := time.Duration(b.target.idleClose.Load())
	if life == 0 || b.due < 0 {
		return
	}
	last := b.due + max(aheadLeast, life/20) - life
	for _, c := range p.idle {
		if c.state == standing && c.heard < last {
			c.shut() // take passes over it
		}
	}
	for _, m := range slices.Clone(p.muxes) {
		if m.members == 0 && m.greeted && !m.closed && m.conn.heard < last {
			m.shut()
		}
	}
}

// prepareAhead gets the slot its connection before its burst leaves: late enough that the server does not close it
// before, early enough that it is open by then.
func (p *connPool) prepareAhead(s *slot) {
	b, l := s.b, s.loop
	when := b.due - p.ahead(b)
	if b.due < 0 || when <= l.now() || p.hasRoom(s) {
		p.prepare(s)
		return
	}
	s.stage = preparing
	if p.delayed = append(p.delayed, s); len(p.delayed) > 1 && when >= p.nextDelayed {
		return
	}
	p.nextDelayed = when
	l.at(when, func() { p.prepareDelayed(l) })
}

// prepareDelayed prepares the slots whose time has come.
func (p *connPool) prepareDelayed(l *loop) {
	now := l.now()
	slots := p.delayed
	p.delayed, p.nextDelayed = nil, never
	for _, s := range slots {
		switch {
		// it has left, or been given up
		case s.pool != p || s.stage != preparing || s.conn != nil || s.mux != nil || s.inFlightAt >= 0:
		case s.b.due-p.ahead(s.b) <= now || p.hasRoom(s):
			p.prepare(s)
		default:
			p.delayed = append(p.delayed, s)
			p.nextDelayed = min(p.nextDelayed, s.b.due-p.ahead(s.b))
		}
	}
	if len(p.delayed) > 0 {
		l.at(p.nextDelayed, func() { p.prepareDelayed(l) })
	}
}

// hasRoom reports whether an HTTP/2 connection has room for the slot.
func (p *connPool) hasRoom(s *slot) bool {
	return s.b.target.proto.multi && p.room(s) != nil
}

// ahead is how long before its release a burst's connections are opened: so shortly that the server does not close them
// before, even if one connection took very long to open.
func (p *connPool) ahead(b *burst) time.Duration {
	life := time.Duration(b.target.idleClose.Load())
	if life == 0 {
		return lead
	}
	// some wait for their turn, and opening may take longer than it has
	turns := time.Duration(len(b.slots)/opensAtOnce + 4)
	return min(lead, max(life/2, min(turns*p.opens, life*4/5), aheadLeast))
}

// carriesNothing reports whether no request is in progress on a connection that could carry one.
func (c *conn) carriesNothing() bool {
	switch u := c.user.(type) {
	case nil:
		return true
	case *slot:
		return u.stage == armed
	case *mux:
		return u.carriesNothing()
	}
	return false
}

// carriesNothing reports whether no request is in progress on an HTTP/2 connection that could carry one.
func (m *mux) carriesNothing() bool { return len(m.streams) == 0 && m.greeted && !m.drained }

// learn records how long the server kept an idle connection: the shortest time counts.
func (t *target) learn(idle time.Duration) {
	if idle < idleLeast {
		return
	}
	for {
		known := t.idleClose.Load()
		if known > 0 && int64(idle) >= known || t.idleClose.CompareAndSwap(known, int64(idle)) {
			return
		}
	}
}

// stands records how long opening a connection took, if it is the longest so far.
func (c *conn) stands(now time.Duration) {
	c.heard = now
	took := time.Duration(0)
	for _, d := range [...]time.Duration{c.phases.dns, c.phases.connect, c.phases.tls} {
		took += max(d, 0)
	}
	if p := c.target.pools[c.loop.index]; took > p.opens {
		p.opens = took
	}
}
