package probe

import "testing"

// TestRoomAfterGoAway: a request that a drained connection has refused finds room on a connection that was opened after
// that one, although it is in use already: with a limit of connections there may never be another one.
func TestRoomAfterGoAway(t *testing.T) {
	for name, c := range map[string]struct {
		number int
		found  bool
	}{"opened before": {1, false}, "the drained one itself": {2, false}, "opened after": {3, true}} {
		p := &connPool{}
		m := &mux{pool: p, number: c.number, conn: &conn{}, room: 10, nextID: 1, greeted: true}
		p.muxes = []*mux{m}
		s := &slot{b: &burst{reuse: true}, stage: opening, resent: true, refusal: goAwayError(0), refuser: 2}
		if got := p.room(s); (got == m) != c.found {
			t.Errorf("%s: found %v", name, got != nil)
		}
	}
}
