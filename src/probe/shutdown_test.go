package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// handover listens on one address for several servers, each of which ends without ending it.
type handover struct {
	net.Listener
	conns    chan net.Conn
	draining sync.WaitGroup
}

func newHandover(t *testing.T) *handover {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &handover{Listener: l, conns: make(chan net.Conn, 64)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.conns <- c
		}
	}()
	return h
}

// term is one server's time at the address.
type term struct {
	*handover
	over context.Context
	end  context.CancelFunc
}

func (h *handover) term() *term {
	ctx, end := context.WithCancel(context.Background())
	return &term{h, ctx, end}
}

func (t *term) Accept() (net.Conn, error) {
	if t.over.Err() != nil {
		return nil, net.ErrClosed
	}
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.over.Done():
		return nil, net.ErrClosed
	}
}

func (t *term) Close() error {
	t.end()
	return nil
}

// TestShutdownUnderLoad: Go's own servers are replaced one after the other while a load goes on, as in a rolling
// update, over HTTP/2 with and without TLS, and gRPC: no request fails.
func TestShutdownUnderLoad(t *testing.T) {
	for _, c := range []struct{ protocol, connections string }{{H2C, Shared}, {H2C, Reuse}, {H2, Shared},
		{GRPC, Shared}} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			t.Parallel()
			var at string
			stop := func() {}
			if c.protocol == GRPC {
				at, _ = library(t, "-reply", hex.EncodeToString(reply(1, "[1620000000000]")[5:]), "-turn", "100",
					"-work", "5ms")
			} else {
				at, stop = serveTerms(t, c.protocol, c.connections)
			}
			var b book
			cfg := config(&b, at)
			insecure(&cfg)
			cfg.Protocol, cfg.Connections = c.protocol, c.connections
			sustained(&cfg, 500, 800*time.Millisecond)
			if c.connections == Shared {
				cfg.Load.MaxConnections = 2 // one that drains and the next one
			}
			out, err := Run(t.Context(), cfg)
			stop()
			if err != nil || out.Errors != 0 || out.Requests < 100 {
				t.Errorf("outcome %+v, error %v, rows' classes %v", out, err, b.classes())
				for _, r := range b.rows {
					if r.Err != sample.OK {
						t.Errorf("row %+v", r)
					}
				}
			}
			checkRows(t, b.rows)
		})
	}
}

// streamsOfATerm are how many requests a connection to serveTerms carries at once.
const streamsOfATerm = 10

// serveTerms has net/http's servers take over from each other at one address, until stop, which waits for all of them.
func serveTerms(t *testing.T, protocol, connections string) (at string, stop func()) {
	t.Helper()
	h := newHandover(t)
	ctx, end := context.WithCancel(t.Context())
	scheme, secure, most := "http://", (*tls.Config)(nil), int64(1)
	if protocol == H2 {
		scheme, secure = "https://", certified(t)
	}
	if connections == Shared {
		most = 2 * streamsOfATerm
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for ctx.Err() == nil {
			serveATerm(ctx, h.term(), secure, most)
		}
	})
	return scheme + h.Addr().String(), func() {
		end()
		serving.Wait()
		h.draining.Wait()
	}
}

// serveATerm serves a hundred requests, and then drains as the server's own Shutdown does it, while the next one takes
// what comes. It drains when each of its connections has answered least requests, which are more than the client sends
// first on a new connection: a request that the last term refused is among those, and would be a failure if it was
// refused again.
func serveATerm(ctx context.Context, at *term, secure *tls.Config, least int64) {
	var n atomic.Int64
	var unused sync.WaitGroup
	enough := make(chan struct{})
	type answered struct{}
	server := &http.Server{Protocols: new(http.Protocols), TLSConfig: secure,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streamsOfATerm}}
	server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		unused.Add(1)
		return context.WithValue(ctx, answered{}, new(atomic.Int64))
	}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond)
		if r.Context().Value(answered{}).(*atomic.Int64).Add(1) == least {
			unused.Done()
		}
		if n.Add(1) == 100 {
			close(enough)
		}
		_, _ = io.WriteString(w, "ok")
	})
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Protocols.SetHTTP2(true)
	serve := func() error { return server.Serve(at) }
	if secure != nil {
		serve = func() error { return server.ServeTLS(at, "", "") }
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = serve()
	}()
	select {
	case <-enough:
	case <-ctx.Done():
	}
	at.end()
	<-over
	at.draining.Go(func() {
		used := make(chan struct{})
		go func() {
			defer close(used)
			unused.Wait()
		}()
		select {
		case <-used:
		case <-ctx.Done():
		}
		_ = server.Shutdown(context.Background())
	})
}

// TestDrainAtMaxConnections: a load that may open no further connection sends what was refused again once the drained
// one has ended.
func TestDrainAtMaxConnections(t *testing.T) {
	oneLoop(t)
	var open, most atomic.Int64
	s := servePeers(t, func(p *peer) {
		most.Store(max(most.Load(), open.Add(1)))
		for len(p.ids) < 120 && p.await(len(p.ids)+1) {
			if len(p.ids) < 100 {
				p.write(answers(p.ids[len(p.ids)-1]))
			} else {
				_ = p.c.SetReadDeadline(time.Now().Add(time.Second))
			}
		}
		if len(p.ids) < 120 { // the load is over
			p.write(answers(p.ids[min(99, len(p.ids)):]...))
			open.Add(-1)
			return
		}
		p.write(goAway(p.ids[99], 0))
		time.Sleep(5 * time.Millisecond) // nothing else may be opened while the last answer is still to come
		open.Add(-1)
		p.write(answers(p.ids[99]))
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections = H2C, Shared
	sustained(&cfg, 2000, 460*time.Millisecond)
	cfg.Load.MaxConnections = 1
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors > 0 || out.Resent == 0 || out.Requests < 120 {
		t.Errorf("outcome %+v, error %v", out, err)
	}
	if n := most.Load(); n != 1 {
		t.Errorf("%d connections at once", n)
	}
	checkRows(t, b.rows)
}

// TestRefusedTwice: where a load may open no more connections, a request that one drained connection refused goes to
// one in use. If that one is drained as well, the request goes on to the next: only a new connection's refusal counts.
func TestRefusedTwice(t *testing.T) {
	oneLoop(t)
	second := make(chan struct{})
	var refused atomic.Int64
	s := servePeers(t, func(p *peer) {
		switch p.n {
		case 1: // it holds all that fits until the second connection is in use, and refuses the last ten
			if !p.await(streamsMost) {
				return
			}
			<-second
			p.write(goAway(p.ids[streamsMost-11], 0), answers(p.ids[:streamsMost-10]...))
		case 2: // it is in use, takes what the first refused, and refuses its own last ten
			if !p.await(5) {
				return
			}
			p.write(answers(p.ids...))
			close(second)
			if !p.await(len(p.ids) + 10) {
				return
			}
			n := len(p.ids)
			refused.Add(10)
			p.write(goAway(p.ids[n-11], 0), answers(p.ids[:n-10]...))
		default:
			p.answerAll()
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections = H2C, Shared
	sustained(&cfg, 1000, 400*time.Millisecond)
	cfg.Load.MaxConnections = 2
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors > 0 || out.Resent == 0 || refused.Load() == 0 {
		t.Errorf("outcome %+v, error %v, %d refused by the second connection", out, err, refused.Load())
	}
	checkRows(t, b.rows)
}

// TestLimitIsNotKnown: requests that are sent again begin before the new connection's server has sent how many it takes
// at once. Those that it refuses for that are no failures.
func TestLimitIsNotKnown(t *testing.T) {
	oneLoop(t)
	var n atomic.Int64
	s := serveRaw(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := io.ReadFull(r, make([]byte, len(preface))); err != nil {
			return
		}
		p := &peer{c: c, r: r, n: n.Add(1)}
		if p.n == 1 {
			p.write(appendFrame(nil, frameSettings, 0, 0, 0))
			if p.await(20) {
				p.write(goAway(p.ids[4], 0), answers(p.ids[:5]...))
			}
			return
		}
		if p.await(15) {
			limit := append(appendFrame(nil, frameSettings, 0, 0, 6), 0, 3, 0, 0, 0, 10) // MAX_CONCURRENT_STREAMS
			p.write(limit, reset(refusedCode, p.ids[10:]...), answers(p.ids[:10]...))
			p.answerAll()
		}
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Protocol, cfg.Connections, cfg.Bursts = H2C, Shared, 1
	cfg.BurstSize = func(int) int { return 20 }
	out, err := Run(t.Context(), cfg)
	if err != nil || out.Errors != 0 || out.Resent != 15 || len(b.rows) != 20 {
		t.Errorf("outcome %+v, error %v", out, err)
	}
	checkRows(t, b.rows)
}
