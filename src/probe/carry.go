package probe

import (
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// send passes bytes to the kernel, which may take them in several parts; the user is informed when it has all. The
// bytes must not change until then.
func (c *conn) send(b []byte) {
	if c.seal != nil {
		if _, err := c.seal.Write(b); err != nil { // appends to out
			c.writeFailed(err)
			return
		}
	} else {
		c.out, c.outIsCopy = b, false
	}
	if !c.held {
		c.flush()
	}
}

// queue appends a copy of b to the bytes that are still to be sent.
func (c *conn) queue(b []byte) {
	waiting := len(c.out)
	if waiting == 0 {
		c.keep = c.keep[:0]
	} else if !c.outIsCopy {
		c.keep = append(c.keep[:0], c.out...)
	}
	c.keep, c.outIsCopy = append(c.keep, b...), true
	c.out = c.keep[len(c.keep)-waiting-len(b):]
}

// post sends a copy of b after the bytes that are still to be sent; it does not keep b.
func (c *conn) post(b []byte) {
	if c.seal == nil {
		c.queue(b)
	} else if _, err := c.seal.Write(b); err != nil {
		c.writeFailed(err)
		return
	}
	c.flush()
}

// flush writes as much of out as the kernel takes, and nothing after a failed write.
func (c *conn) flush() {
	if c.refusal != nil {
		c.out = nil
		return
	}
	for len(c.out) > 0 {
		n, err := c.loop.write(c.fd, c.out)
		c.out = c.out[n:]
		if err == errAgain { //nolint:errorlint // it is never wrapped
			return
		}
		if err != nil {
			c.writeFailed(err)
			return
		}
	}
	c.keep = c.keep[:0]
	c.user.flushed(c.loop.now())
}

// writeFailed handles a failed write. A server may refuse a large request while it is being written: its answer, if it
// has arrived, is the better result.
func (c *conn) writeFailed(err error) {
	c.out, c.refusal = nil, err
	c.receive(true)
	if c.state == standing {
		c.fail(classify(err), err)
	}
}

// receive reads what has arrived, to the end if the other side has closed, because the poller would not report that
// again.
func (c *conn) receive(ended bool) {
reading:
	for c.state == standing {
		n, err := c.read(c.loop.buf)
		if err == errAgain { //nolint:errorlint // crypto/tls hands it on as it is
			break
		}
		idle := c.carriesNothing()
		switch {
		case n > 0 && c.user == nil:
			c.target.learn(c.loop.now() - c.heard)
			c.shut() // no request is in progress
		case n > 0:
			if c.deliver(n, idle) && c.seal == nil && n < len(c.loop.buf) && !ended {
				break reading // the kernel had no more; news of more will come
			}
		case c.refusal != nil:
			c.fail(classify(c.refusal), c.refusal)
		default:
			if idle {
				c.target.learn(c.loop.now() - c.heard)
			}
			c.fail(classify(err), err)
		}
	}
	c.reassignIfDraining()
}

// deliver passes arrived bytes to the user, and reports whether the connection continues. If a connection without
// requests is drained or ended by them, the server's idle timeout has been reached.
func (c *conn) deliver(n int, idle bool) bool {
	now := c.loop.now()
	err := c.user.incoming(c.loop.buf[:n], now)
	m, multi := c.user.(*mux)
	if idle && (err != nil || multi && m.drained) {
		c.target.learn(now - c.heard)
	}
	c.heard = now
	if err != nil {
		c.fail(classify(err), err)
	}
	return err == nil
}

// reassignIfDraining moves armed HTTP/2 slots to another connection if this one accepts no further requests. It is
// called when no read is being parsed.
func (c *conn) reassignIfDraining() {
	if m, multi := c.user.(*mux); multi && m.draining() && len(c.loop.armed) > 0 {
		m.pool.reassignArmed(m, c.loop)
	}
}

// errAgain is the result of a read that would have to wait; crypto/tls treats it as a timeout and can continue.
var errAgain error = again{}

type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

func (c *conn) read(b []byte) (int, error) {
	if c.seal != nil {
		return c.seal.Read(b)
	}
	return c.readSocket(b)
}

// readSocket reads what has arrived, without TLS, and notes when that was, where the kernel says it.
func (c *conn) readSocket(b []byte) (int, error) {
	if !c.stamps {
		return c.loop.read(c.fd, b)
	}
	n, waited, err := c.loop.stamped.read(c.fd, b)
	switch {
	case err != nil:
	case waited < 0:
		c.arrived = sample.None
	default:
		c.arrived = max(c.loop.now()-waited, c.arrived, 0) // in order, whatever the wall clock does
	}
	return n, err
}
