package probe

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
// update, over HTTP/2 and gRPC: no request fails.
func TestShutdownUnderLoad(t *testing.T) {
	for _, c := range []struct{ protocol, connections string }{{H2C, Shared}, {H2C, Reuse}, {GRPC, Shared}} {
		t.Run(c.protocol+", "+c.connections, func(t *testing.T) {
			h := newHandover(t)
			ctx, stop := context.WithCancel(t.Context())
			var serving sync.WaitGroup
			serving.Go(func() {
				for ctx.Err() == nil {
					serveATerm(ctx, h.term(), c.protocol == GRPC)
				}
			})
			var b book
			cfg := config(&b, "http://"+h.Addr().String())
			cfg.Protocol, cfg.Connections = c.protocol, c.connections
			sustained(&cfg, 400, 1200*time.Millisecond)
			out, err := Run(t.Context(), cfg)
			stop()
			serving.Wait()
			h.draining.Wait()
			if err != nil || out.Errors != 0 || out.Requests < 100 {
				t.Errorf("outcome %+v, error %v, rows' classes %v", out, err, b.classes())
			}
			checkRows(t, b.rows)
		})
	}
}

// serveATerm serves a hundred requests, and then drains as the server's own Shutdown does it, while the next one takes
// what comes.
func serveATerm(ctx context.Context, at *term, calls bool) {
	var n atomic.Int64
	enough := make(chan struct{})
	work := func() {
		time.Sleep(5 * time.Millisecond)
		if n.Add(1) == 100 {
			close(enough)
		}
	}
	var serve func() error
	var drain func()
	if calls {
		server := callServer(func(context.Context, []byte) ([]byte, error) {
			work()
			return reply(replyStamps, "[1620000000000]")[5:], nil
		})
		serve, drain = func() error { return server.Serve(at) }, server.GracefulStop
	} else {
		server := &http.Server{Protocols: new(http.Protocols)}
		server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			work()
			_, _ = io.WriteString(w, "ok")
		})
		server.Protocols.SetUnencryptedHTTP2(true)
		serve, drain = func() error { return server.Serve(at) }, func() { _ = server.Shutdown(context.Background()) }
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
	at.draining.Go(drain)
}
