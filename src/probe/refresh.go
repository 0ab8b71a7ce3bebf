package probe

import (
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The first burst of an open schedule leaves a second after its connections were opened, and the server's idle timeout
// is not known yet. If it is about a second, the server closes them while the burst is released. They are therefore
// opened again in good time. One of the old ones, the pool's scout, stays open without a request: it shows when the
// server closes idle connections, earlier than any connection that carries requests.

const (
	// refreshAhead is how long before its release the connections of such a burst are opened again. With a third of the
	// lead, a server with a shorter idle timeout than the other two thirds has closed the first connections by then. A
	// server with a longer one keeps the new ones for at least another third beyond the release.
	refreshAhead = lead / 3
	// refreshMost bounds how many connections of a burst are opened twice: each that is closed occupies a local port
	// for a minute or more (TIME_WAIT, RFC 9293, section 3.3.2).
	refreshMost = 1000
)

// refreshBeforeRelease lets the loops open the burst's connections again shortly before its planned time.
func (b *burst) refreshBeforeRelease() {
	if !b.reuse || len(b.slots) > refreshMost {
		return
	}
	for _, l := range b.engine.loops {
		l.do(func() { l.at(b.due-refreshAhead, func() { b.target.pools[l.index].refresh(b, l) }) })
	}
}

// refresh opens the connections of the burst's armed slots again, unless there is too little time for it: each turn may
// take twice as long as any connection has taken so far.
func (p *connPool) refresh(b *burst, l *loop) {
	turns := time.Duration(len(b.slots)/opensAtOnce + 1)
	if b.leaving.Load() || l.now()+turns*2*p.opens > b.due {
		return
	}
	oldest := b.due - lead/2
	for _, m := range slices.Clone(p.muxes) {
		if m.carriesNothing() && m.conn.heard < oldest {
			m.retired = true
		}
	}
	b.on(l, func(s *slot) {
		if s.stage == armed && s.class == sample.OK && p.retire(s, oldest) {
			s.prepareAgain()
			p.prepare(s)
		}
	})
}

// retire takes an armed slot's connection from it, and reports whether it was old.
func (p *connPool) retire(s *slot, oldest time.Duration) bool {
	if m := s.mux; m != nil {
		if !m.retired {
			return false
		}
		if m.leave(s); m.members == 0 {
			p.watchOrShut(m.conn)
		}
		return true
	}
	c := s.conn
	if c == nil || c.state != standing || c.corked > 0 || c.heard >= oldest {
		return false
	}
	c.user = nil
	p.watchOrShut(c)
	return true
}

// watchOrShut makes a connection that carries nothing the pool's scout, or shuts it if there is one.
func (p *connPool) watchOrShut(c *conn) {
	if p.scout == nil {
		p.scout = c
		return
	}
	c.discard()
}

// shutScout shuts the scout when the next burst is prepared: it has been idle for longer than the connections which
// that burst is going to use.
func (p *connPool) shutScout() {
	if c := p.scout; c != nil {
		c.discard()
	}
	p.scout = nil
}

// discard shuts a connection that carries nothing.
func (c *conn) discard() {
	if m, multi := c.user.(*mux); !multi {
		c.shut()
	} else if !m.closed {
		m.shut()
	}
}
