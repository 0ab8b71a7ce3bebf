package probe

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// heldLoad is a load of n requests in its length. After the first request its timetable does not return until the given
// time after the load's start, which holds the loops.
func heldLoad(n int, length, until time.Duration) *Load {
	created := sync.OnceValue(time.Now)
	return &Load{Length: length, Instants: func() func() (time.Duration, int, bool) {
		free := created().Add(lead + until)
		k := -1
		return func() (time.Duration, int, bool) {
			if k++; k == 1 {
				time.Sleep(time.Until(free))
			}
			return time.Duration(k) * length / time.Duration(n), -1, k < n
		}
	}}
}

// TestPauseAtTheEnd: requests that become due while the client itself is held are sent when it continues, also after
// the end; then as many connections are opened as they need.
func TestPauseAtTheEnd(t *testing.T) {
	t.Parallel()
	const n, length = 40, 50 * time.Millisecond
	for _, c := range []struct{ protocol, connections string }{
		{HTTP1, Reuse}, {HTTP1, New}, {H2C, Shared},
	} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			t.Parallel()
			answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }
			at, _, _ := serveH2(t, false, 250, answer)
			if c.protocol == HTTP1 {
				s, _ := serveHTTP(t, false, answer)
				at = s.URL
			}
			undelayed(t, catchUp/4, func() (wrong string) {
				var b book
				cfg := config(&b, at)
				cfg.Protocol, cfg.Connections = c.protocol, c.connections
				cfg.Load = heldLoad(n, length, 2*length)
				out, err := Run(t.Context(), cfg)
				if err != nil || out.Requests+int(out.Unsent) != n || out.Errors != 0 {
					t.Fatalf("outcome %+v, error %v", out, err)
				}
				checkRows(t, b.rows)
				for _, r := range b.rows {
					planned := time.Duration(r.Slot) * length / n
					if late := length - planned; r.Slot > 1 && r.Lateness < late {
						t.Errorf("request %d left after the end and says that it was %s late", r.Slot, r.Lateness)
					}
				}
				if out.Unsent != 0 {
					wrong = fmt.Sprintf("%d of %d requests are unsent", out.Unsent, n)
				}
				return wrong
			})
		})
	}
}

// TestPauseBeyondCatchUp: a client that continues too long after the end sends nothing more, not even what was due
// already when it last looked at its clock.
func TestPauseBeyondCatchUp(t *testing.T) {
	t.Parallel()
	const n = 50_000 // the second request is due before the first has been sent
	for _, c := range []struct{ protocol, connections string }{
		{HTTP1, Reuse}, {HTTP1, New}, {H2C, Shared},
	} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			t.Parallel()
			at, _, _ := serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
			if c.protocol == HTTP1 {
				s, _ := serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {})
				at = s.URL
			}
			var b book
			cfg := config(&b, at)
			cfg.Protocol, cfg.Connections = c.protocol, c.connections
			cfg.Load = heldLoad(n, 50*time.Millisecond, catchUp+100*time.Millisecond)
			out, err := Run(t.Context(), cfg)
			if err != nil || out.Requests+int(out.Unsent) != n || out.Requests > loopsFor(runtime.GOMAXPROCS(0)) {
				t.Errorf("%d requests and %d unsent: %v", out.Requests, out.Unsent, err)
			}
			checkRows(t, b.rows)
		})
	}
}

// TestOverloadEndsOnTime: where connections are lacking at the end, nothing is sent after it, although one becomes free
// then.
func TestOverloadEndsOnTime(t *testing.T) {
	t.Parallel()
	for _, connections := range []string{Reuse, New} {
		t.Run(connections, func(t *testing.T) {
			t.Parallel()
			const length = 100 * time.Millisecond
			s, _ := serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {
				time.Sleep(2 * length)
			})
			var b book
			cfg := config(&b, s.URL)
			cfg.Connections = connections
			sustained(&cfg, 200, length)
			cfg.Load.MaxConnections = 1
			out, err := Run(t.Context(), cfg)
			if err != nil || out.Requests+int(out.Unsent) != 20 || out.Requests > loopsFor(runtime.GOMAXPROCS(0)) {
				t.Errorf("%d requests and %d unsent: %v", out.Requests, out.Unsent, err)
			}
		})
	}
}
