package probe

import "testing"

// TestRoomAfterGoAway: a request that a drained connection has refused finds room on a connection that was opened after
// that one, although it is in use already, where a load may open no more: there may never be another one. Else it waits
// for one that carries nothing yet.
func TestRoomAfterGoAway(t *testing.T) {
	for name, c := range map[string]struct {
		number  int
		greeted bool
		sockets int // of at most 2
		found   bool
	}{
		"opened before":                  {1, true, 2, false},
		"the drained one itself":         {2, true, 2, false},
		"opened after":                   {3, true, 2, true},
		"opened after, more are allowed": {3, true, 1, false},
		"carries nothing yet":            {3, false, 1, true},
	} {
		p := &connPool{}
		m := &mux{pool: p, number: c.number, conn: &conn{}, room: 10, nextID: 1, greeted: c.greeted}
		p.muxes = []*mux{m}
		b := &burst{reuse: true, load: &drive{loop: &loop{sockets: c.sockets}, connections: 2}}
		s := &slot{b: b, stage: opening, resent: true, refusal: goAwayError(0), refuser: 2}
		if got := p.room(s); (got == m) != c.found {
			t.Errorf("%s: found %v", name, got != nil)
		}
	}
}
