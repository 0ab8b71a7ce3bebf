package probe

// opensAtOnce is how many connections a loop opens at a time to one target before a burst: a server's queue of connections
// that it has not accepted yet may be short.
const opensAtOnce = 100

// place is what one loop keeps of one target.
type place struct {
	idle    []*conn // that stand and carry nothing, as far as is known; used last, at the end
	most    int     // the largest burst's share: more are never needed at once in a closed schedule
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

// prepare has the slot open its connection as soon as it is its turn.
func (p *place) prepare(s *slot) {
	if p.opening >= opensAtOnce {
		s.stage = preparing
		p.pending = append(p.pending, s)
		return
	}
	p.opening++
	s.prepare()
}

// prepared is told when a slot's connection stands, or has failed to.
func (p *place) prepared() {
	p.opening--
	for len(p.pending) > 0 && p.opening < opensAtOnce {
		s := p.pending[0]
		p.pending = p.pending[1:]
		if s.stage == preparing && s.conn == nil {
			p.opening++
			s.prepare()
		}
	}
}

// fired is told when a burst leaves although this slot's connection does not stand yet.
func (p *place) fired(s *slot) {
	if s.conn != nil {
		p.prepared()
	}
}
