package probe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// preloadFlight has kept connections for a burst of which requests are given to the kernel before the release.
func preloadFlight(t *testing.T, rows *book, cfg Config) *engine {
	t.Helper()
	cfg.Connections, cfg.Sink = Reuse, rows.sink
	cfg.BurstSize = func(int) int { return preloadLeast }
	cfg.TLS = insecureTLS()
	cfg.Processors = 1 // one loop
	e := flight(t, cfg)
	launch(t, e, 0, nothing)
	return e
}

// prepared is burst n with its slots armed.
func prepared(e *engine, n int) *burst {
	b := e.newBurst(n)
	b.start()
	<-b.ready
	return b
}

// land awaits a burst that was released, and gives its rows.
func land(t *testing.T, e *engine, b *burst, rows *book) []sample.Sample {
	t.Helper()
	b.await(t.Context(), patience)
	had := len(rows.rows)
	if err := e.rec.record(b, nil); err != nil {
		t.Fatal(err)
	}
	e.returnSlots(b)
	checkRows(t, rows.rows)
	return rows.rows[had:]
}

// TestPreload: the kernel has a burst's requests before the release, and sends them at the release.
func TestPreload(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			s, conns := serveHTTP(t, secure, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
			var rows book
			e := preloadFlight(t, &rows, config(&rows, s.URL))
			b := prepared(e, 1)
			l := e.loops[0]
			b.anchor, _ = readAnchor(e.base)
			late := false // the kernel may have let them go
			on(l, func() {
				since := b.preload(l, 0)
				sent := 0
				for _, s := range b.slots {
					if s.conn.corked < 50 || !s.conn.held || len(s.conn.out) > 0 {
						t.Errorf("slot %d has %d bytes in the kernel", s.index, s.conn.corked)
					}
					sent += bit(unsent(s.conn.fd) != s.conn.corked)
				}
				if late = l.now()-since > preloadStale; sent > 0 && !late {
					t.Errorf("%d requests were sent before the release", sent)
				}
				b.fire(l, since)
				for _, s := range b.slots {
					if s.conn != nil && s.conn.state == standing && unsent(s.conn.fd) > 0 {
						t.Errorf("slot %d has not been sent after the release", s.index)
					}
				}
			})
			for _, r := range land(t, e, b, &rows) {
				if r.Err != sample.OK || r.NewConn && !late || r.WriteBegan < 0 {
					t.Errorf("row %+v", r)
				}
			}
			if n := asked.Load(); n != 2*preloadLeast && !late {
				t.Errorf("%d requests, want %d twice", n, preloadLeast)
			}
			if n := conns.Load(); n != preloadLeast && !late {
				t.Errorf("%d connections, want %d", n, preloadLeast)
			}
			launch(t, e, 2, nothing) // the connections are as before
			if r := rows.rows[len(rows.rows)-1]; r.Err != sample.OK || r.NewConn {
				t.Errorf("row %+v", r)
			}
		})
	}
}

// TestPreloadStale: where the kernel has sent a request before the release, because the probe was stopped meanwhile,
// the instant is not known: the request goes to another connection, and its row says so.
func TestPreloadStale(t *testing.T) {
	s := serveRaw(t, hello)
	var rows book
	e := preloadFlight(t, &rows, config(&rows, s.url))
	for n := 1; ; n++ {
		b := prepared(e, n)
		b.anchor, _ = readAnchor(e.base)
		l, late := e.loops[0], false
		on(l, func() {
			since := b.preload(l, 0)
			for _, s := range b.slots[:preloadLeast/2] {
				_ = cork(s.conn.fd, false)
			}
			b.fire(l, since-preloadStale)
			late = l.now()-since > preloadStale
		})
		got := land(t, e, b, &rows)
		if late {
			continue
		}
		for _, r := range got {
			if r.Err != sample.OK || r.NewConn != (r.Slot < preloadLeast/2) {
				t.Errorf("row %+v", r)
			}
		}
		return
	}
}

// TestPreloadedIsDropped: a request that the kernel holds back never reaches a server that closes its side before the
// release, nor one whose burst is cut off: it would be executed beside the one that counts, or without a row.
func TestPreloadedIsDropped(t *testing.T) {
	for name, drop := range map[string]func(e *engine, b *burst, hangUp func()){
		"the server closes": func(e *engine, b *burst, hangUp func()) {
			hangUp()
			waitFor(t, "other connections", func() bool {
				return e.targets[0].reopened.Load() == preloadLeast && b.unready.Load() == 0
			})
			b.abandon()
		},
		"cut off": func(e *engine, b *burst, _ func()) {
			b.cut.Store(true)
			on(e.loops[0], func() { b.fire(e.loops[0], e.loops[0].now()) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, ended atomic.Int64
			s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
				for {
					if _, err := readRequest(r); err != nil {
						ended.Add(1)
						return
					}
					asked.Add(1)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
				}
			})
			hangUp := func() { // but go on reading
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, c := range s.open {
					_ = c.(*net.TCPConn).CloseWrite()
				}
			}
			var rows book
			e := preloadFlight(t, &rows, config(&rows, s.url))
			b := prepared(e, 1)
			began := time.Now()
			on(e.loops[0], func() { b.preload(e.loops[0], 0) })
			drop(e, b, hangUp)
			<-b.done
			took := time.Since(began)
			waitFor(t, "the end of the connections", func() bool { return ended.Load() >= preloadLeast })
			if n := asked.Load(); n != preloadLeast && took < preloadStale {
				t.Errorf("%d requests arrived, want %d", n, preloadLeast)
			}
		})
	}
}

// TestPreloadLeavesOut: a request of more than a segment, which the kernel would not hold back as a whole, and small
// bursts are written at the release.
func TestPreloadLeavesOut(t *testing.T) {
	s, _ := serveHTTP(t, false, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for name, c := range map[string]struct{ body, size int }{
		"large": {100_000, preloadLeast}, "small burst": {0, preloadLeast - 1},
	} {
		t.Run(name, func(t *testing.T) {
			var rows book
			cfg := config(&rows, s.URL)
			cfg.Connections, cfg.Method = Reuse, http.MethodPost
			cfg.BurstSize = func(int) int { return c.size }
			cfg.Body = func(int) []byte { return make([]byte, c.body) }
			e := flight(t, cfg)
			launch(t, e, 0, func(b *burst) {
				for _, l := range e.loops {
					on(l, func() {
						b.preload(l, 0)
						b.on(l, func(s *slot) {
							if s.conn.corked != 0 || s.conn.held {
								t.Errorf("slot %d has %d bytes in the kernel", s.index, s.conn.corked)
							}
						})
					})
				}
			})
			if n := rows.classes()[sample.OK]; n != c.size {
				t.Errorf("classes %v", rows.classes())
			}
		})
	}
}

// TestScoutCarriesNothing: a connection that has a request in the kernel stays its slot's.
func TestScoutCarriesNothing(t *testing.T) {
	c := &conn{state: standing, corked: 1}
	if p := (&connPool{}); p.retire(&slot{conn: c}, time.Second) || p.scout != nil {
		t.Error("it was taken from its slot")
	}
}
