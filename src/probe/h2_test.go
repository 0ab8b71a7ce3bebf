package probe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// serveH2 runs a real HTTP/2 server, over TLS or in clear, that counts its connections.
func serveH2(t *testing.T, secure bool, most int, handle http.HandlerFunc) (string, *httptest.Server, *atomic.Int64) {
	t.Helper()
	conns := new(atomic.Int64)
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: most}
	s.Config.ErrorLog = log.New(&complaints{}, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	if secure {
		s.EnableHTTP2 = true
		s.TLS = certified(t)
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL, s, conns
}

// complaints is what a server logs.
type complaints struct {
	mu   sync.Mutex
	text strings.Builder
}

func (c *complaints) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// gaveUp is on how many connections the server has waited 2 s in vain for the client to begin HTTP/2.
func (c *complaints) gaveUp() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Count(c.text.String(), "timeout waiting for SETTINGS frames")
}

// insecure is a client that accepts any certificate.
func insecure(cfg *Config) { cfg.TLS = insecureTLS() }

func TestHTTP2(t *testing.T) {
	for _, c := range []struct {
		protocol, connections string
		size, most            int
		conns                 int64
	}{
		{H2, Shared, 4, 250, 1}, {H2C, Shared, 4, 250, 1}, {H2C, Shared, 450, 250, 3}, {H2C, Shared, 30, 7, 5},
		{H2, Reuse, 4, 250, 4}, {H2C, Reuse, 4, 250, 4}, {H2, New, 4, 250, 12}, {H2C, New, 4, 250, 12},
	} {
		t.Run(fmt.Sprintf("%s, %s, %d", c.protocol, c.connections, c.size), func(t *testing.T) {
			at, _, conns := serveH2(t, c.protocol == H2, c.most, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintf(w, `{"RequestID":"%s %s %s"}`, r.Proto, r.URL.RequestURI(),
					r.Header.Get("X-Stellar-Token"))
			})
			var b book
			cfg := config(&b, at+"/a?b=1")
			insecure(&cfg)
			cfg.Targets[0].Header = http.Header{"X-Stellar-Token": {"secret"}}
			cfg.Protocol, cfg.Connections = c.protocol, c.connections
			cfg.BurstSize = func(int) int { return c.size }
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			// Where the server says less than was hoped for, what is opened beyond need depends on when it says so.
			if n := conns.Load(); n != c.conns && (c.most >= streamsMost || n < c.conns) {
				t.Errorf("the server saw %d connections, want %d", n, c.conns)
			}
			checkRows(t, b.rows)
			fresh := c.connections == New
			for _, r := range b.rows {
				if r.Err != sample.OK || r.RequestID != "HTTP/2.0 /a?b=1 secret" || r.NewConn != fresh ||
					(r.Connect >= 0) != fresh ||
					(r.TLS >= 0) != (fresh && c.protocol == H2) || r.WriteBegan < 0 || r.Written < r.WriteBegan ||
					r.FirstByte < r.Written && r.FirstByte < 0 {
					t.Fatalf("row %+v", r)
				}
			}
		})
	}
}

// TestHTTP2Bodies: bodies longer than the windows pass in parts, both ways.
func TestHTTP2Bodies(t *testing.T) {
	sent := []byte(strings.Repeat("0123456789", 50_000))
	at, _, _ := serveH2(t, false, 250, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, sent) {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), 3<<20))
	})
	var b book
	cfg := config(&b, at)
	cfg.Protocol, cfg.Connections, cfg.Method = H2C, Shared, http.MethodPost
	cfg.Body = func(int) []byte { return sent }
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.rows {
		if r.Status != 200 || r.Bytes != 3<<20 {
			t.Errorf("row %+v", r)
		}
	}
}

func TestHTTP2Failures(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		change func(*Config)
		class  sample.Class
		status int
	}{
		{"client error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, nil, sample.HTTP4xx, 404},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil, sample.HTTP5xx, 503},
		{"reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, sample.Reset, 0},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(cfg *Config) { cfg.Timeout = 100 * time.Millisecond }, sample.Timeout, 0},
		{"oversized", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) },
			func(cfg *Config) { cfg.MaxBody = 4000 }, sample.TooLarge, 200},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, nil,
			sample.OK, 302},
	} {
		for _, connections := range []string{Shared, Reuse, New} {
			t.Run(c.name+", "+connections, func(t *testing.T) {
				at, _, conns := serveH2(t, false, 250, c.handle)
				var b book
				cfg := config(&b, at)
				cfg.Protocol, cfg.Connections = H2C, connections
				if c.change != nil {
					c.change(&cfg)
				}
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				if b.classes()[c.class] != 12 || b.rows[0].Status != c.status {
					t.Errorf("classes %v, row %+v", b.classes(), b.rows[0])
				}
				// One failed request is no reason to leave the others' connection.
				if connections == Shared && conns.Load() != 1 {
					t.Errorf("%d connections", conns.Load())
				}
			})
		}
	}
}

// TestHTTP2ConnectionsThatEnd: a connection that ends between two bursts is opened again before the second.
func TestHTTP2ConnectionsThatEnd(t *testing.T) {
	at, s, conns := serveH2(t, false, 250, func(http.ResponseWriter, *http.Request) {})
	var b book
	cfg := config(&b, at)
	cfg.Protocol, cfg.Connections = H2C, Shared
	e := flight(t, cfg)
	launch(t, e, 0, nothing)
	s.CloseClientConnections()
	waitFor(t, "the server's farewell", func() bool {
		muxes := 0
		for _, l := range e.loops {
			on(l, func() { muxes += len(e.targets[0].pools[l.index].muxes) })
		}
		return muxes == 0
	})
	launch(t, e, 1, nothing)
	checkRows(t, b.rows)
	if b.classes()[sample.OK] != 8 || conns.Load() != 2 || b.rows[7].NewConn {
		t.Errorf("classes %v over %d connections, row %+v", b.classes(), conns.Load(), b.rows[7])
	}
}

// rawH2 answers the greeting and passes every HEADERS frame's stream to a function that may write anything.
func rawH2(t *testing.T, answer func(c net.Conn, stream uint32)) *rawServer {
	return serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := io.ReadFull(r, make([]byte, len(preface))); err != nil {
			return
		}
		_, _ = c.Write(appendFrame(nil, frameSettings, 0, 0, 0))
		for {
			head := make([]byte, frameHead)
			if _, err := io.ReadFull(r, head); err != nil {
				return
			}
			if _, err := r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
				return
			}
			if head[3] == frameHeaders {
				answer(c, binary.BigEndian.Uint32(head[5:]))
			}
		}
	})
}

func headers(stream uint32, flags byte, block string) string {
	return string(appendFrame(nil, frameHeaders, flags, stream, len(block))) + block
}

// TestHTTP2Misbehaviour: whatever a server does, each request has a row with a class, and soon.
func TestHTTP2Misbehaviour(t *testing.T) {
	const ok = "\x88" // :status 200, from the static table
	for name, c := range map[string]struct {
		answer func(stream uint32) string
		class  sample.Class
	}{
		"head and end": {func(s uint32) string { return headers(s, flagEndHeaders|flagEndStream, ok) }, sample.OK},
		"in three frames": {func(s uint32) string {
			return headers(s, flagEndStream, "") + string(appendFrame(nil, frameContinuation, 0, s, 1)) + ok +
				string(appendFrame(nil, frameContinuation, flagEndHeaders, s, 0))
		}, sample.OK},
		"interim first": {func(s uint32) string {
			return headers(s, flagEndHeaders, "\x08\x03103") + headers(s, flagEndHeaders|flagEndStream, ok)
		}, sample.OK},
		"unknown frame first": {func(s uint32) string {
			return string(appendFrame(nil, 0x42, 0xff, s, 3)) + "abc" + headers(s, flagEndHeaders|flagEndStream, ok)
		}, sample.OK},
		"padded": {func(s uint32) string {
			return headers(s, flagEndHeaders|flagEndStream|flagPadded,
				"\x02"+ok+"..")
		}, sample.OK},
		"no status": {func(s uint32) string { return headers(s, flagEndHeaders|flagEndStream, "") },
			sample.Protocol},
		"interim only": {func(s uint32) string { return headers(s, flagEndHeaders|flagEndStream, "\x08\x03103") },
			sample.Protocol},
		"data first": {func(s uint32) string { return string(appendFrame(nil, frameData, flagEndStream, s, 0)) },
			sample.Protocol},
		"garbled fields": {func(s uint32) string {
			return headers(s, flagEndHeaders|flagEndStream,
				"\xff\xff\xff\xff\xff\xff")
		}, sample.Protocol},
		"block interrupted": {func(s uint32) string {
			return headers(s, flagEndStream, ok) + string(appendFrame(nil, frameData, 0, s, 0))
		}, sample.Protocol},
		"stray continuation": {func(s uint32) string {
			return string(appendFrame(nil, frameContinuation, flagEndHeaders,
				s, 0))
		}, sample.Protocol},
		"padding too long": {func(s uint32) string {
			return headers(s, flagEndHeaders|flagEndStream|flagPadded,
				"\x09"+ok)
		}, sample.Protocol},
		"push": {func(s uint32) string {
			return string(appendFrame(nil, framePush, flagEndHeaders, s, 4)) + "\x00\x00\x00\x02"
		}, sample.Protocol},
		"frame too long": {func(s uint32) string { return string(appendFrame(nil, frameData, 0, s, frameMost+1)) },
			sample.Protocol},
		"stream of nobody": {func(uint32) string { return string(appendFrame(nil, frameData, 0, 999, 0)) },
			sample.Protocol},
		"goes away": {func(uint32) string {
			return string(appendFrame(nil, frameGoAway, 0, 0, 8)) + "\x00\x00\x00\x00\x00\x00\x00\x02"
		}, sample.Refused},
		"not HTTP/2": {func(uint32) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }, sample.Protocol},
	} {
		for _, connections := range []string{Shared, New} {
			t.Run(name+", "+connections, func(t *testing.T) {
				s := rawH2(t, func(w net.Conn, stream uint32) { _, _ = io.WriteString(w, c.answer(stream)) })
				var b book
				cfg := config(&b, s.url)
				cfg.Protocol, cfg.Connections, cfg.BurstSize = H2C, connections, nil
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				if b.classes()[c.class] != 3 {
					t.Errorf("classes %v, row %+v", b.classes(), b.rows[0])
				}
			})
		}
	}
}

// TestHTTP2Refused: a server that speaks only HTTP/1.1 makes failed rows, and a URL that does not fit the protocol is
// refused before anything is sent.
func TestHTTP2Refused(t *testing.T) {
	s, _ := serveHTTP(t, true, func(http.ResponseWriter, *http.Request) {})
	var b book
	cfg := config(&b, s.URL)
	insecure(&cfg)
	cfg.Protocol, cfg.Connections = H2, Shared
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.classes()[sample.TLS] != 12 {
		t.Errorf("classes %v", b.classes())
	}
	for protocol, at := range map[string]string{H2: "http://h", H2C: "https://h", "h3": "https://h"} {
		cfg.Protocol, cfg.Targets[0].URL = protocol, at
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), protocol) {
			t.Errorf("%s to %s: error %v", protocol, at, err)
		}
	}
}

// TestHotPathOfHTTP2AllocatesNothing: likewise for a stream of a kept connection, with acknowledgements on the way.
func TestHotPathOfHTTP2AllocatesNothing(t *testing.T) {
	const answer = "\x88" // from the static table: decoding a text makes one
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		var head [frameHead]byte
		if _, err := r.Discard(len(preface)); err != nil {
			return
		}
		out := appendFrame(nil, frameSettings, 0, 0, 0)
		for {
			if _, err := c.Write(out); err != nil {
				return
			}
			for head[3] = 0; head[3] != frameHeaders; {
				if _, err := io.ReadFull(r, head[:]); err != nil {
					return
				}
				if _, err := r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
					return
				}
			}
			id := binary.BigEndian.Uint32(head[5:])
			out = append(appendFrame(out[:0], framePing, 0, 0, 8), "12345678"...)
			out = append(appendFrame(out, frameHeaders, flagEndHeaders, id, len(answer)), answer...)
			out = append(appendFrame(out, frameData, flagEndStream, id, 5), "hello"...)
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.BurstSize = H2C, Shared, nil
	e := flight(t, cfg)
	launch(t, e, 0, nothing)
	launch(t, e, 1, func(burst *burst) {
		slot := burst.slots[0]
		burst.left.Store(1 << 30)
		allocs := 0.0
		on(slot.loop, func() {
			slot.mux.leave(slot)
			allocs = testing.AllocsPerRun(200, func() { oneMoreStream(slot) })
			slot.stage = armed
			slot.pool.assignOpenConn(slot)
		})
		if slot.class != sample.OK || slot.mux == nil {
			t.Fatalf("class %q, error %v", slot.class, slot.err)
		}
		if allocs > 0 {
			t.Errorf("%v allocations a request, want 0", allocs)
		}
		burst.left.Store(1)
	})
}

// oneMoreStream is oneMore for HTTP/2.
func oneMoreStream(s *slot) {
	l := s.loop
	s.reset(s.b, s.index, l)
	s.stage = armed
	s.pool.assignOpenConn(s)
	s.fire()
	s.pool.flushBatches()
	for s.stage != finished {
		for _, r := range l.poll.wait(-1) {
			if c := l.connOf(r.fd); c != nil {
				c.changed(r)
			}
		}
	}
}
