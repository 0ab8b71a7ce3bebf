package main

import (
	"net"
	"sync"

	"google.golang.org/grpc"
)

// handover is a listener that several servers serve one after the other. Closing a turn at it leaves it open.
type handover struct {
	net.Listener
	conns chan net.Conn
	ended chan struct{} // nothing is accepted any more
}

func newHandover(l net.Listener) *handover {
	h := &handover{Listener: l, conns: make(chan net.Conn, 64), ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
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

// turn is one server's time at the listener.
type turn struct {
	*handover
	once sync.Once
	over chan struct{}
}

var _ net.Listener = (*turn)(nil)

func (t *turn) Accept() (net.Conn, error) {
	select {
	case <-t.over:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.over:
	case <-t.ended:
	}
	return nil, net.ErrClosed
}

// Close ends the turn alone.
func (t *turn) Close() error {
	t.once.Do(func() { close(t.over) })
	return nil
}

// serveTurns replaces the server after every `calls` calls, as a rolling update does: the old one drains with
// GracefulStop while the next one takes new connections. It returns when stop is closed.
func serveTurns(l net.Listener, s *service, calls int, stop <-chan struct{}) {
	h := newHandover(l)
	var draining sync.WaitGroup
	for {
		at := &turn{handover: h, over: make(chan struct{})}
		enough := s.after(calls)
		server := s.server()
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(at) // ends with the turn
		}()
		select {
		case <-enough:
		case <-stop:
			_ = at.Close()
			<-served
			server.Stop()
			draining.Wait()
			return
		}
		_ = at.Close()
		<-served
		draining.Go(server.GracefulStop)
	}
}

// server is a server of the library with the one service.
func (s *service) server() *grpc.Server {
	server := grpc.NewServer(grpc.ForceServerCodec(codec{}))
	server.RegisterService(s.describe(), nil)
	return server
}
