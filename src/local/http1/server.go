// Package http1 answers the usual requests of HTTP/1.1 with few system calls and goroutine switches, and leaves every
// other connection to net/http.
//
// A connection's goroutine reads a request, passes it to the handler and is in its next read already when the answer is
// written, by whoever has it. So no goroutine is woken for an answer, none watches whether the client is still there,
// and no timer is set for a request. A connection goes to net/http, for good, with the first request that has not
// arrived as a whole at once, that is not of the usual form (see Parse), or that the handler leaves to it. So net/http
// decides about everything that is rare: slow clients, chunked and large bodies, Expect, HTTP/1.0, HTTP/2, what is
// malformed or could be read in two ways.
package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Handler answers requests.
type Handler interface {
	// Begin begins to answer a request: it sees to it that Answer is called once, now or later, on any goroutine.
	// false: it leaves the request to net/http, and Answer is not called.
	Begin(x *Exchange) bool
}

// Server accepts connections. Its fields are set before Serve.
type Server struct {
	Handler     Handler
	Rest        *http.Server  // for all other requests
	FirstTime   time.Duration // how long a new connection may take to its first request
	IdleTime    time.Duration // the least time that a connection may be idle; a minute more is possible
	Defect      func(error)   // is told of a panic
	rest        *restListener
	closing     atomic.Bool
	mu          sync.Mutex
	listener    net.Listener
	connections map[*conn]bool
	changed     chan struct{} // has room for one: a connection has ended, or become idle
}

// Serve accepts connections until the server is shut down or closed; then it returns http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener, s.connections, s.changed = l, map[*conn]bool{}, make(chan struct{}, 1)
	s.mu.Unlock()
	s.rest = &restListener{passed: make(chan net.Conn), closed: make(chan struct{}), addr: l.Addr()}
	failed := make(chan error, 2)
	fail.Go(s.Defect, func() { failed <- s.Rest.Serve(s.rest) })
	fail.Go(s.Defect, func() { failed <- s.accept(l) })
	return <-failed
}

// accept accepts connections until the listener is closed.
func (s *Server) accept(l net.Listener) error {
	for {
		tcp, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return http.ErrServerClosed
		case err != nil: // no descriptor is free, for one
			time.Sleep(5 * time.Millisecond)
			continue
		}
		c := newConn(s, tcp)
		if c == nil || !s.add(c) {
			_ = tcp.Close()
			continue
		}
		fail.Go(s.Defect, c.serve, c.drop)
	}
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.connections[c] = true
	return true
}

// Shutdown ends the server: idle connections now, the others with their answers. When ctx ends, it returns the error of
// ctx, and what is open stays open.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.begun() {
		return s.Rest.Shutdown(ctx)
	}
	s.closing.Store(true)
	_ = s.listener.Close()
	for s.closeIdle() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
		}
	}
	return s.Rest.Shutdown(ctx)
}

// Close closes every connection.
func (s *Server) Close() error {
	if s.begun() {
		s.closing.Store(true)
		_ = s.listener.Close()
		s.mu.Lock()
		for c := range s.connections {
			_ = c.tcp.Close()
		}
		s.mu.Unlock()
	}
	return s.Rest.Close()
}

// begun reports whether Serve was called.
func (s *Server) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener != nil
}

// closeIdle closes the connections that are idle, and gives the number of those that are left.
func (s *Server) closeIdle() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		if c.state.CompareAndSwap(idle, ended) {
			_ = c.tcp.Close()
		}
	}
	return len(s.connections)
}

// signal has Shutdown look again.
func (s *Server) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
