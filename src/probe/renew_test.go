package probe

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// serveIdle runs a real server that closes connections after a time without use, in every protocol, also those that
// have not been used yet.
func serveIdle(t *testing.T, protocol string, secure bool, idle time.Duration) (string, *atomic.Int64) {
	t.Helper()
	conns := new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hi")
	}))
	s.Config.IdleTimeout, s.Config.ReadHeaderTimeout = idle, idle
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(protocol == HTTP1)
	s.Config.Protocols.SetHTTP2(protocol == H2)
	s.Config.Protocols.SetUnencryptedHTTP2(protocol == H2C)
	if secure {
		s.EnableHTTP2 = protocol == H2
		s.TLS = certified(t)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL, conns
}

// TestAhead: a connection is opened long enough before its burst, but not so long that the server closes it again.
func TestAhead(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct{ life, opens, want time.Duration }{
		{0, 5 * ms, lead},
		{900 * ms, 5 * ms, 450 * ms},
		{900 * ms, 150 * ms, 600 * ms},
		{900 * ms, 400 * ms, 720 * ms}, // on a busy machine
		{60 * time.Second, 5 * ms, lead},
		{60 * ms, 40 * ms, aheadLeast},
	} {
		b := &burst{target: &target{}, slots: make([]*slot, 4)}
		b.target.idleClose.Store(int64(c.life))
		if got := (&connPool{opens: c.opens}).ahead(b); got != c.want {
			t.Errorf("idle timeout %s, opening took %s: %s ahead, want %s", c.life, c.opens, got, c.want)
		}
	}
}

// TestIdleConnectionClosed: a connection that the server has closed before the release is opened again, outside any
// latency: between two bursts, or when it was armed already. One that it closes at the last moment is opened within the
// request, recorded as new and counted.
func TestIdleConnectionClosed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name := "plain"
		if secure {
			name = "TLS"
		}
		t.Run(name, func(t *testing.T) {
			s, conns := serveHTTP(t, secure,
				func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hi") })
			var b book
			cfg := config(&b, s.URL)
			cfg.Connections = Reuse
			cfg.TLS = insecureTLS()
			e := flight(t, cfg)
			launch(t, e, 0, nothing)
			if n := kept(e); n != 4 {
				t.Fatalf("%d connections are kept, want 4", n)
			}
			s.CloseClientConnections()
			closed(t, e)
			launch(t, e, 1, nothing)
			if n := conns.Load(); n != 8 {
				t.Errorf("%d connections, want 4 and 4 opened again", n)
			}
			launch(t, e, 2, func(burst *burst) {
				s.CloseClientConnections()
				waitFor(t, "connections opened again", func() bool {
					return e.targets[0].reopened.Load() == 4 && burst.unready.Load() == 0
				})
			})
			launch(t, e, 3, func(burst *burst) {
				burst.leaving.Store(true) // as when it happens while the barrier falls
				s.CloseClientConnections()
				waitFor(t, "the end of the connections", func() bool { return standingOf(e, burst) == 0 })
			})
			if n := conns.Load(); n != 16 {
				t.Errorf("%d connections, want 16: 4 for each burst", n)
			}
			checkRows(t, b.rows)
			for _, r := range b.rows {
				late := r.Burst == 3
				if r.Err != sample.OK || r.NewConn != late || (r.Connect >= 0) != late ||
					(r.TLS >= 0) != (late && secure) {
					t.Errorf("row %+v", r)
				}
			}
			if e.rec.out.NewConns != 4 {
				t.Errorf("%d connections were counted as new, want 4", e.rec.out.NewConns)
			}
		})
	}
}

// standingOf counts the burst's slots whose connections stand.
func standingOf(e *engine, b *burst) (n int) {
	for _, l := range e.loops {
		on(l, func() { b.on(l, func(s *slot) { n += bit(s.standing()) }) })
	}
	return n
}

// TestReuseBesideIdleTimeout: a server that closes idle connections a little before the next burst leaves costs no
// request a handshake: the connections are opened again before it. Where it keeps them for less than a burst's
// preparation takes, they are opened so late that they stand.
func TestReuseBesideIdleTimeout(t *testing.T) {
	const idle, short, iat = 1200 * time.Millisecond, 200 * time.Millisecond, 1600 * time.Millisecond
	for name, c := range map[string]struct {
		protocol, connections, schedule string
		secure                          bool
		idle                            time.Duration
	}{
		"http1, closed":      {HTTP1, Reuse, Closed, false, idle},
		"http1, open":        {HTTP1, Reuse, Open, false, idle},
		"TLS, closed":        {HTTP1, Reuse, Closed, true, idle},
		"TLS, open":          {HTTP1, Reuse, Open, true, idle},
		"h2, shared, closed": {H2, Shared, Closed, true, idle},
		"h2, reuse, open":    {H2, Reuse, Open, true, idle},
		"h2c, shared, open":  {H2C, Shared, Open, false, idle},
		"h2c, reuse, closed": {H2C, Reuse, Closed, false, idle},
		"short, http1":       {HTTP1, Reuse, Closed, false, short},
		"short, h2c":         {H2C, Shared, Open, false, short},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b book
			at, _ := serveIdle(t, c.protocol, c.secure, c.idle)
			cfg := config(&b, at)
			cfg.TLS, cfg.Protocol, cfg.Connections, cfg.Schedule = insecureTLS(), c.protocol, c.connections, c.schedule
			cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: iat}
			// The client's time without use begins when it has read a response, or has seen its connection open; the
			// server's has begun before that. How much earlier is the machine's delay, which no row has for a
			// connection that was opened ahead of a burst: the half bounds it. A time beyond the pause is not possible.
			inTime(t, func() (wrong string, late bool) {
				b.rows = nil
				out, wrong := runKept(t, cfg, &b, c.idle/2, iat)
				return wrong, out.Late > 0
			})
		})
	}
}

// TestRetiredBeforeItIsClosed: a connection that the server is going to close about when the burst leaves is replaced
// before, as soon as its idle timeout is known; one that it keeps for longer is used again.
func TestRetiredBeforeItIsClosed(t *testing.T) {
	const idle = 400 * time.Millisecond
	for _, protocol := range []string{HTTP1, H2C} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var at string
			var conns *atomic.Int64
			if protocol == H2C {
				at, _, conns = serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
			} else {
				var s *httptest.Server
				s, conns = serveHTTP(t, false, func(http.ResponseWriter, *http.Request) {})
				at = s.URL
			}
			undelayed(t, idle/8, func() (wrong string) {
				conns.Store(0)
				var b book
				cfg := config(&b, at)
				cfg.Protocol, cfg.Connections = protocol, Reuse
				e := flight(t, cfg)
				launch(t, e, 0, nothing)
				e.targets[0].idleClose.Store(int64(idle))
				for n, c := range []struct {
					after time.Duration
					conns int64
				}{{idle / 4, 4}, {idle - aheadLeast/2, 8}} {
					planned := time.Now().Add(c.after)
					burst := e.newBurst(1 + n)
					burst.startFor(planned)
					<-burst.ready
					if !e.runBurst(t.Context(), burst, planned, planned) {
						t.Fatal("the burst did not leave")
					}
					if got := conns.Load(); got != c.conns {
						wrong += fmt.Sprintf("\na burst %s later: %d connections, want %d", c.after, got, c.conns)
					}
				}
				checkRows(t, b.rows)
				for _, r := range b.rows {
					if r.Err != sample.OK || r.NewConn {
						wrong += fmt.Sprintf("\nrow %+v", r)
					}
				}
				return wrong
			})
		})
	}
}

// TestReopenedWhileArmed: HTTP/2 slots that are armed on a connection which the server drains or closes get another one
// before the release; at the last moment they connect within their latency.
func TestReopenedWhileArmed(t *testing.T) {
	for _, connections := range []string{Shared, Reuse} {
		t.Run(connections, func(t *testing.T) {
			at, s, _ := serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
			var b book
			cfg := config(&b, at)
			cfg.Protocol, cfg.Connections = H2C, connections
			e := flight(t, cfg)
			launch(t, e, 0, nothing)
			launch(t, e, 1, func(burst *burst) {
				s.CloseClientConnections()
				waitFor(t, "connections opened again", func() bool {
					return e.targets[0].reopened.Load() == 4 && burst.unready.Load() == 0
				})
			})
			launch(t, e, 2, func(burst *burst) {
				burst.leaving.Store(true)
				s.CloseClientConnections()
				waitFor(t, "the end of the connections", func() bool { return standingOf(e, burst) == 0 })
			})
			checkRows(t, b.rows)
			for _, r := range b.rows {
				if r.Err != sample.OK || r.NewConn != (r.Burst == 2) || (r.Connect >= 0) != r.NewConn {
					t.Errorf("row %+v", r)
				}
			}
			for _, l := range e.loops {
				on(l, func() {
					for _, m := range e.targets[0].pools[l.index].muxes {
						if m.closed || m.drained {
							t.Errorf("a connection that has ended is kept: %d members", m.members)
						}
					}
				})
			}
		})
	}
}

// TestClosedAtOnce: a server that closes every connection which carries nothing does not keep a burst from leaving. Its
// requests connect within their latency, and the rows say so.
func TestClosedAtOnce(t *testing.T) {
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		hello(c, r)
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Connections, cfg.Bursts = Reuse, 2
	cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: 100 * time.Millisecond}
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, b.rows)
	if n := s.conns.Load(); n > 8*(renewalsMost+2) {
		t.Errorf("%d connections for 8 requests", n)
	}
	fresh := 0
	for _, r := range b.rows {
		if fresh += bit(r.NewConn); r.NewConn && r.Connect < 0 && r.Err != sample.Timeout {
			t.Errorf("row %+v", r)
		}
	}
	if out.NewConns != fresh || fresh == 0 {
		t.Errorf("%d rows are new, %d were counted", fresh, out.NewConns)
	}
}

// TestReopenedTooSlowly: where opening a connection again takes longer than there is time, an open schedule keeps its
// instant, and the rows have the rest of the opening in their latency and in their columns, no more than that.
func TestReopenedTooSlowly(t *testing.T) {
	const shake = 300 * time.Millisecond
	var slow atomic.Bool
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if slow.Load() {
			time.Sleep(shake)
		}
		return nil, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	undelayed(t, shake/8, func() (wrong string) {
		var b book
		cfg := config(&b, s.URL)
		cfg.TLS, cfg.Connections = insecureTLS(), Reuse
		e := flight(t, cfg)
		slow.Store(false)
		launch(t, e, 0, nothing)
		slow.Store(true)
		planned := time.Now().Add(shake / 3)
		burst := e.newBurst(1)
		burst.startFor(planned)
		<-burst.ready
		s.CloseClientConnections()
		if !e.runBurst(t.Context(), burst, planned, planned) {
			t.Fatal("the burst did not leave")
		}
		checkRows(t, b.rows)
		for _, r := range b.rows[4:] {
			if r.Err != sample.OK || !r.NewConn || r.TLS+r.Lateness < shake/2 || r.Latency < r.TLS ||
				r.Lateness > shake/4 {
				wrong += fmt.Sprintf("\nrow %+v", r)
			}
		}
		return wrong
	})
}

// TestSparseLoadKeepsAConnection: a sustained load whose requests are further apart than the server keeps connections
// opens them again before its requests are due.
func TestSparseLoadKeepsAConnection(t *testing.T) {
	for _, protocol := range []string{HTTP1, H2C} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			const gap, idle = 500 * time.Millisecond, 300 * time.Millisecond
			var b book
			at, _ := serveIdle(t, protocol, false, idle)
			cfg := config(&b, at)
			cfg.Protocol, cfg.Connections = protocol, Reuse
			cfg.Load = &Load{Length: 4 * gap, Instants: func() func() (time.Duration, int, bool) {
				k := -1
				return func() (time.Duration, int, bool) {
					k++
					return time.Duration(k) * gap, -1, k < 4
				}
			}}
			undelayed(t, idle/8, func() (wrong string) {
				b.rows = nil
				out, err := Run(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				if out.Requests != 4 || out.Unsent != 0 || out.Reopened < 2 || out.NewConns != 0 {
					wrong = fmt.Sprintf("outcome %+v", out)
				}
				for _, r := range b.rows {
					if r.Err != sample.OK || r.NewConn {
						wrong += fmt.Sprintf("\nrow %+v", r)
					}
				}
				return wrong
			})
		})
	}
}
