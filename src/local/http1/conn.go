package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const (
	bufferSize = 4 << 10  // of what is read at once: a request with its body must fit
	smallBody  = 32 << 10 // the largest body that is sent together with its head, by whoever has it
	keptOut    = 8 << 10  // the most memory that a connection keeps for answers
	renewal    = time.Minute
)

// States of a connection.
const (
	idle  int32 = iota // the goroutine reads, and nothing is to be answered
	busy               // a request has no answer yet
	ended              // it is closed
)

// conn is a client's connection.
type conn struct {
	server *Server
	tcp    *net.TCPConn
	raw    syscall.RawConn
	remote string
	state  atomic.Int32
	passed bool // to net/http

	in       []byte // its memory
	unread   []byte // part of in
	parser   Parser
	deadline time.Time

	answered chan struct{} // gets a token with each answer
	out      []byte
	current  *Exchange
}

// newConn returns nil for a connection that is no TCP connection, or that is closed.
func newConn(s *Server, accepted net.Conn) *conn {
	tcp, ok := accepted.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &conn{server: s, tcp: tcp, raw: raw, remote: tcp.RemoteAddr().String(), in: make([]byte, bufferSize),
		answered: make(chan struct{}, 1)}
}

// drop ends the connection, unless it is net/http's.
func (c *conn) drop() {
	c.server.mu.Lock()
	delete(c.server.connections, c)
	c.server.mu.Unlock()
	c.server.signal()
	if !c.passed {
		_ = c.tcp.Close()
	}
}

// serve answers the connection's requests, one after the other.
func (c *conn) serve() {
	c.setDeadline(time.Now().Add(c.server.FirstTime))
	if c.read() != nil {
		return
	}
	for {
		x, length := c.next()
		if x == nil {
			c.pass()
			return
		}
		if !c.state.CompareAndSwap(idle, busy) {
			return
		}
		c.current = x
		if !c.server.Handler.Begin(x) {
			c.pass()
			return
		}
		c.unread = c.unread[length:]
		if !c.await() {
			return
		}
	}
}

// next is the request that has arrived, and its length; nil: it is net/http's.
func (c *conn) next() (*Exchange, int) {
	r, length, ok := c.parser.Parse(c.unread)
	if !ok || r.ContentLength > int64(len(c.unread)-length) {
		return nil, 0
	}
	if left := time.Until(c.deadline); left < c.server.IdleTime {
		c.setDeadline(time.Now().Add(c.server.IdleTime + renewal))
	}
	x := &Exchange{Request: r, conn: c}
	r.RemoteAddr = c.remote
	if r.ContentLength > 0 {
		x.Body = append([]byte(nil), c.unread[length:length+int(r.ContentLength)]...)
	}
	return x, length + int(r.ContentLength)
}

// setDeadline sets the end of an idle connection. It is moved once a minute, not with each request.
func (c *conn) setDeadline(t time.Time) {
	c.deadline = t
	_ = c.tcp.SetReadDeadline(t)
}

// read returns when there is something unread.
func (c *conn) read() error {
	if len(c.unread) > 0 {
		return nil
	}
	n, err := c.tcp.Read(c.in)
	c.unread = c.in[:n]
	if n > 0 {
		return nil
	}
	return err
}

// await waits for the answer and the next request, whichever comes first; false: the connection is at its end.
func (c *conn) await() bool {
	err := c.read()
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && !late {
		c.current.leave()
	}
	select {
	case <-c.answered:
	default:
		<-c.answered
		if late { // the request took its time, the connection was not idle
			c.setDeadline(time.Now().Add(c.server.IdleTime + renewal))
			err = c.read()
		}
	}
	return err == nil
}

// pass leaves the connection, with what is unread, to net/http.
func (c *conn) pass() {
	_ = c.tcp.SetReadDeadline(time.Time{})
	c.passed = true
	c.server.rest.pass(&readAhead{Conn: c.tcp, read: c.unread})
}

// write writes what the connection takes at once, and gives its length. It does not wait for the client.
func (c *conn) write(b []byte) (n int) {
	_ = c.raw.Write(func(fd uintptr) bool {
		n, _ = syscall.Write(int(fd), b) // of an error the next read tells
		return true
	})
	return max(n, 0)
}

// done ends an exchange.
func (c *conn) done(last bool) {
	c.state.CompareAndSwap(busy, idle)
	if last {
		_ = c.tcp.CloseWrite()
		c.server.signal()
	}
	c.answered <- struct{}{}
}

// Exchange is a request and the way back to its client.
type Exchange struct {
	Request *http.Request
	Body    []byte // all of the request's body
	conn    *conn

	mu     sync.Mutex
	cancel context.CancelFunc
	left   bool
}

// Context ends when the client leaves before it has its answer. The caller must call cancel.
func (x *Exchange) Context() (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancel = context.WithCancel(context.Background())
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancel = cancel
	if x.left {
		cancel()
	}
	return ctx, cancel
}

// leave ends the context.
func (x *Exchange) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left = true
	if x.cancel != nil {
		x.cancel()
	}
}

// Answer sends the answer. It does not wait for a client that does not read: what the connection does not take at once
// is sent on a goroutine of its own.
func (x *Exchange) Answer(status int, header http.Header, body []byte) {
	c := x.conn
	last := c.server.closing.Load()
	if !bodyAllowed(status) {
		body = nil
	}
	c.out = appendHead(c.out[:0], status, header, body, last)
	rest := net.Buffers{c.out, body}
	if len(body) <= smallBody {
		c.out = append(c.out, body...)
		n := c.write(c.out)
		rest = net.Buffers{c.out[n:]}
		if cap(c.out) > keptOut {
			c.out = nil
		}
		if len(rest[0]) == 0 {
			c.done(last)
			return
		}
	}
	fail.Go(c.server.Defect, func() {
		_, _ = rest.WriteTo(c.tcp) // the client may be gone
		c.done(last)
	})
}
