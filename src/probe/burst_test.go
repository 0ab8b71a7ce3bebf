package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// flight is one engine whose bursts a test takes through their stages itself.
func flight(t *testing.T, cfg Config) *engine {
	t.Helper()
	e, err := newEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.stop = func(error) {}
	t.Cleanup(e.close)
	return e
}

// launch takes burst n from its preparation to its rows; between runs while its slots are armed.
func launch(t *testing.T, e *engine, n int, between func(b *burst)) {
	t.Helper()
	b := e.newBurst(n)
	b.start()
	<-b.ready
	between(b)
	if !e.runBurst(t.Context(), b, time.Time{}, time.Time{}) {
		t.Fatal("the burst did not leave")
	}
}

// on lets a loop run a function and waits until it has.
func on(l *loop, do func()) {
	done := make(chan struct{})
	l.do(func() { defer close(done); do() })
	<-done
}

// kept counts the connections that are open and carry nothing.
func kept(e *engine) (n int) {
	for _, l := range e.loops {
		on(l, func() {
			for _, c := range e.targets[0].pools[l.index].idle {
				if c.state == standing {
					n++
				}
			}
		})
	}
	return n
}

// closed waits until every kept connection has been seen to be closed by the server.
func closed(t *testing.T, e *engine) {
	t.Helper()
	waitFor(t, "the end of the connections", func() bool { return kept(e) == 0 })
}

func nothing(*burst) {}

func bit(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// TestReuseIsNotSentTwice: a server that takes a request and closes may have run the function. That is a failure, not a
// reason to invoke it again.
func TestReuseIsNotSentTwice(t *testing.T) {
	s := serveRaw(t, func(_ net.Conn, r *bufio.Reader) { _, _ = readRequest(r) })
	var b book
	cfg := config(&b, s.url)
	cfg.Connections, cfg.Bursts = Reuse, 2
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.classes()[sample.Reset] != 8 || s.conns.Load() != 8 {
		t.Errorf("classes %v over %d connections", b.classes(), s.conns.Load())
	}
	for _, r := range b.rows {
		if r.NewConn {
			t.Errorf("the failure is recorded as of a new connection: %+v", r)
		}
	}
}

// TestUnaskedData: a connection on which the server has sent data while it was idle is not used.
func TestUnaskedData(t *testing.T) {
	idle, conns := make(chan struct{}), atomic.Int32{}
	answered := sync.OnceFunc(func() { close(idle) })
	defer answered()
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readRequest(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			if conns.Add(1) <= 4 { // of the first burst
				<-idle
				_, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
			}
			_, _ = io.Copy(io.Discard, r)
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Connections = Reuse
	e := flight(t, cfg)
	launch(t, e, 0, nothing)
	answered()
	closed(t, e)
	launch(t, e, 1, nothing)
	if got := b.classes()[sample.OK]; got != 8 {
		t.Errorf("classes %v", b.classes())
	}
}

// TestPrepareFails: a connection that cannot be opened beforehand makes a row when its burst leaves.
func TestPrepareFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + l.Addr().String()
	_ = l.Close()
	var b book
	cfg := config(&b, at)
	cfg.Connections = Reuse
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.classes()[sample.Connect] != 12 || !b.rows[0].NewConn || b.rows[0].Connect < 0 {
		t.Errorf("classes %v, row %+v", b.classes(), b.rows[0])
	}
	checkRows(t, b.rows)
}

// TestServerClosesAfterEach: for a server that refuses to keep connections, one per request is opened before the burst.
func TestServerClosesAfterEach(t *testing.T) {
	s, conns := serveHTTP(t, false,
		func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	var b book
	cfg := config(&b, s.URL)
	cfg.Connections = Reuse
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if conns.Load() != 12 || b.classes()[sample.OK] != 12 || b.rows[11].NewConn {
		t.Errorf("%d connections, classes %v, row %+v", conns.Load(), b.classes(), b.rows[11])
	}
}

// TestEarlyAnswer: the answer of a server that refuses a large request before it is complete is read.
func TestEarlyAnswer(t *testing.T) {
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readRequest(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, r)
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Method, cfg.Body = http.MethodPost, func(int) []byte { return []byte(strings.Repeat("x", 4<<20)) }
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.classes()[sample.HTTP4xx] != 12 || b.rows[0].Status != 413 {
		t.Errorf("classes %v", b.classes())
	}
}

// TestLatencyContainsTheWait: the server's time is part of the latency, and the first byte is distinguished from the
// last.
func TestLatencyContainsTheWait(t *testing.T) {
	const think, talk = 40 * time.Millisecond, 60 * time.Millisecond
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := readRequest(r); err != nil {
			return
		}
		time.Sleep(think)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
		time.Sleep(talk)
		_, _ = io.WriteString(c, "i")
	})
	undelayed(t, talk/8, func() (wrong string) {
		var b book
		cfg := config(&b, s.url)
		cfg.Bursts = 1
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		checkRows(t, b.rows)
		for _, r := range b.rows {
			if r.FirstByte < think || r.Latency < think+talk {
				t.Errorf("first byte %s, latency %s", r.FirstByte, r.Latency)
			}
			if r.Latency-r.FirstByte < talk/2 { // the client came to the first byte late
				wrong += fmt.Sprintf("\nfirst byte %s, latency %s", r.FirstByte, r.Latency)
			}
		}
		return wrong
	})
}

// answerer answers every request without allocating, so that a test can count the client's own allocations.
func answerer(c net.Conn, _ *bufio.Reader) {
	buf := make([]byte, 4096)
	reply := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// oneMore runs a slot's request once more, on its loop's thread, from its turn to its end.
func oneMore(s *slot) {
	l := s.loop
	s.stage, s.inFlightAt = armed, -1
	s.began, s.wrote = sample.None, sample.None
	s.resp.reset(s.b.client.MaxBody)
	s.acquireConn()
	s.fire()
	for s.stage != finished {
		for _, r := range l.poll.wait(-1) {
			if c := l.connOf(r.fd); c != nil {
				c.changed(r)
			}
		}
	}
}

// TestHotPathAllocatesNothing: sending and receiving on a kept connection, between release and last byte.
func TestHotPathAllocatesNothing(t *testing.T) {
	s := serveRaw(t, answerer)
	var b book
	cfg := config(&b, s.url)
	cfg.Connections, cfg.BurstSize = Reuse, nil
	e := flight(t, cfg)
	launch(t, e, 0, nothing)
	launch(t, e, 1, func(burst *burst) {
		slot := burst.slots[0]
		burst.left.Store(1 << 30)
		allocs := 0.0
		on(slot.loop, func() {
			slot.pool.releaseConn(slot.conn)
			allocs = testing.AllocsPerRun(200, func() { oneMore(slot) })
			slot.stage = armed
			slot.acquireConn()
		})
		if slot.class != sample.OK || slot.conn == nil {
			t.Fatalf("class %q, error %v", slot.class, slot.err)
		}
		if allocs > 0 {
			t.Errorf("%v allocations a request, want 0", allocs)
		}
		burst.left.Store(1)
	})
}

func BenchmarkRequest(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerer(c, nil)
		}
	}()
	var rows book
	cfg := config(&rows, "http://"+l.Addr().String())
	cfg.Connections, cfg.BurstSize = Reuse, nil
	e, err := newEngine(cfg)
	if err != nil {
		b.Fatal(err)
	}
	burst := e.newBurst(0)
	burst.start()
	<-burst.ready
	slot := burst.slots[0]
	burst.left.Store(1 << 30)
	b.ReportAllocs()
	on(slot.loop, func() {
		slot.pool.releaseConn(slot.conn)
		for b.Loop() {
			oneMore(slot)
		}
	})
	e.close()
}

// TestOvertaken: a burst that leaves before its slots are prepared, as in an open schedule, still connects all of them,
// within their latency.
func TestOvertaken(t *testing.T) {
	for _, c := range []struct {
		protocol, connections string
	}{{HTTP1, New}, {HTTP1, Reuse}, {H2, New}, {H2, Reuse}, {H2, Shared}} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			at, s, _ := serveH2(t, true, 250, func(http.ResponseWriter, *http.Request) {})
			log := s.Config.ErrorLog.Writer().(*complaints)
			if c.protocol == HTTP1 {
				s, _ := serveHTTP(t, true, func(http.ResponseWriter, *http.Request) {})
				at = s.URL
			}
			var rows book
			cfg := config(&rows, at)
			cfg.TLS, cfg.Protocol, cfg.Connections = insecureTLS(), c.protocol, c.connections
			cfg.BurstSize = func(int) int { return opensAtOnce + 20 } // some still wait for their turn to be prepared
			e := flight(t, cfg)
			b := e.newBurst(0)
			b.anchor, _ = readAnchor(e.base)
			for _, l := range e.loops {
				l.do(func() { // in one go: nothing that was begun can have come to its end
					b.on(l, (*slot).arm)
					b.fire(l, l.now())
				})
			}
			b.await(t.Context(), time.Second)
			if err := e.rec.record(b, nil); err != nil {
				t.Fatal(err)
			}
			checkRows(t, rows.rows)
			// A busy machine may shake hands for so long that the server gives some of the connections up.
			n, lost := rows.classes()[sample.OK], rows.classes()[sample.Reset]
			if n+lost != opensAtOnce+20 || lost > log.gaveUp() || !rows.rows[0].NewConn {
				t.Errorf("the server gave up %d, classes %v, row %+v", log.gaveUp(), rows.classes(), rows.rows[0])
			}
		})
	}
}

// TestShutStaysShut: a connection that is given up while it connects, with a handshake begun and addresses left, tries
// none of them when its attempt times out.
func TestShutStaysShut(t *testing.T) {
	l := &loop{base: time.Now(), nextCheck: never}
	addr := netip.MustParseAddr("127.0.0.1")
	c := &conn{loop: l, target: &target{hostname: "h", port: 1}, fd: -1, state: connecting, dialing: -1,
		wire: newWire(make(gate, 1)), addrs: []netip.Addr{addr, addr}}
	l.watchAttempt(c)
	c.shut()
	l.expire()
	if c.state != shut || c.fd >= 0 || len(l.dialing) > 0 {
		t.Errorf("state %d, socket %d, %d attempts under way", c.state, c.fd, len(l.dialing))
	}
}
