package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// conn is one connection to a target.
type conn struct {
	wire    *wire
	rw      net.Conn // the wire, or TLS over it
	scratch [1]byte
}

// alive says whether the server still holds an idle connection open, without waiting: nothing to read means yes. Data
// that nobody asked for, such as a 408 before the server closes, means no. TLS session tickets, which a server may send
// at any time, are read and pass.
func (c *conn) alive() bool {
	if err := c.rw.SetDeadline(time.Time{}); err != nil {
		return false
	}
	c.wire.peeking = true
	n, err := c.rw.Read(c.scratch[:])
	c.wire.peeking = false
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// abandon makes every operation on the connection fail now; it may be called while another goroutine uses it.
func (c *conn) abandon() { _ = c.rw.SetDeadline(time.Unix(1, 0)) }

// close drops the connection. Its errors tell nothing that the response has not told.
func (c *conn) close() {
	if _, secure := c.rw.(*tls.Conn); secure {
		// A close_notify to a server that does not read must not hold up the burst.
		_ = c.rw.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	}
	_ = c.rw.Close()
}

// pool keeps a target's idle connections in slot order. It is used before and after bursts, never within.
type pool struct {
	mu   sync.Mutex
	idle []*conn
	most int // the largest burst: more are never needed at once in a closed schedule
}

// take hands out up to n connections; the caller opens what is missing.
func (p *pool) take(n int) []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, len(p.idle))
	out := append([]*conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	return out
}

// give takes connections back, in front of those that are idle already so that the same slots get them again.
func (p *pool) give(cs []*conn) {
	p.mu.Lock()
	p.idle = append(cs, p.idle...)
	var spare []*conn
	if len(p.idle) > p.most {
		spare = append(spare, p.idle[p.most:]...)
		p.idle = p.idle[:p.most]
	}
	p.mu.Unlock()
	for _, c := range spare {
		c.close()
	}
}
