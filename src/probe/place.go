package probe

import "slices"

// opensAtOnce is how many connections a loop opens at a time to one target before a burst: a server's queue of connections
// that it has not accepted yet may be short.
const opensAtOnce = 100

// place is what one loop keeps of one target.
type place struct {
	idle    []*conn // that stand and carry nothing, as far as is known; used last, at the end
	most    int     // the largest burst's share: more are never needed at once in a closed schedule
	muxes   []*mux  // connections of HTTP/2
	opening int     // connections being opened before their burst
	pending []*slot // that wait for their turn to open one
}

// take hands out a kept connection that still stands, or nil.
func (p *place) take() *conn {
	for last := len(p.idle) - 1; last >= 0; last-- {
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		if c.state == standing {
			return c
		}
	}
	return nil
}

// give takes a connection back.
func (p *place) give(c *conn) {
	if len(p.idle) >= p.most {
		c.shut()
		return
	}
	p.idle = append(p.idle, c)
}

// prepare has the slot get its connection as soon as it is its turn.
func (p *place) prepare(s *slot) {
	s.stage = preparing
	if p.opening >= opensAtOnce {
		p.pending = append(p.pending, s)
		return
	}
	s.prepare()
}

// prepared is told when a connection that was opened before a burst stands, or has failed to.
func (p *place) prepared() {
	p.opening--
	for len(p.pending) > 0 && p.opening < opensAtOnce {
		s := p.pending[0]
		p.pending = p.pending[1:]
		if s.stage == preparing && s.conn == nil && s.mux == nil {
			s.prepare()
		}
	}
}

// overtake is told when a burst leaves before this slot has got its connection: it waits no longer for its turn.
func (p *place) overtake(s *slot) {
	switch {
	case s.conn != nil:
		p.prepared()
		if s.conn.state == drafted {
			s.conn.launch()
		}
	case s.mux == nil:
		s.open()
	case s.mux.conn.state == standing:
		s.mux.hurry(s)
	}
}

// join gives the slot its part of a connection of HTTP/2: of one that has room, or of a new one.
func (p *place) join(s *slot) {
	if s.b.reuse {
		for _, m := range p.muxes {
			if m.free(s) {
				m.join(s)
				return
			}
		}
	}
	m := p.newMux(s)
	if m.counted = s.stage == preparing; m.counted {
		p.opening++
	}
	p.muxes = append(p.muxes, m)
	m.join(s)
	s.loop.open(m.conn, s.b.client, s.b.target, m)
}

// lend gives the slot a connection that stands and has room, or says that there is none.
func (p *place) lend(s *slot) bool {
	if !s.b.target.proto.multi {
		return s.take()
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

// lose forgets a connection of HTTP/2 that has come to its end.
func (p *place) lose(m *mux) {
	if at := slices.Index(p.muxes, m); at >= 0 {
		p.muxes = slices.Delete(p.muxes, at, at+1)
	}
	if m.counted {
		m.counted = false
		p.prepared()
	}
}

// flush writes what the slots of a burst have put into their connections' batches.
func (p *place) flush() {
	for _, m := range p.muxes {
		m.flush()
	}
}
