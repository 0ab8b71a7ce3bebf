package http1

import (
	"net"
	"sync"
)

// restListener gives net/http the connections that are passed to it.
type restListener struct {
	passed chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

var _ net.Listener = (*restListener)(nil)

// Accept waits for a connection that is passed on.
func (l *restListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.passed:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *restListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the address of the listener that accepts the connections.
func (l *restListener) Addr() net.Addr { return l.addr }

// pass gives a connection to net/http, or closes it where that has ended.
func (l *restListener) pass(c net.Conn) {
	select {
	case l.passed <- c:
	case <-l.closed:
		_ = c.Close()
	}
}

// readAhead is a connection of which something has been read already.
type readAhead struct {
	net.Conn
	read []byte
}

var _ net.Conn = (*readAhead)(nil)

// Read gives what has been read already first.
func (c *readAhead) Read(p []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(p, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends what is sent: net/http does so before it closes a connection over bytes that it has not read.
func (c *readAhead) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
