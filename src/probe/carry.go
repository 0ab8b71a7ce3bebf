package probe

import (
	"io"
	"os"
	"syscall"
)

// send gives bytes to the kernel, which may take them in several parts; the user is told when it has them all. The
// bytes must stay as they are until then.
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

// queue puts a copy of b behind what is still to go out.
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

// post sends a copy of b behind what is still to go out; b is of no use to it afterwards.
func (c *conn) post(b []byte) {
	if c.seal == nil {
		c.queue(b)
	} else if _, err := c.seal.Write(b); err != nil {
		c.writeFailed(err)
		return
	}
	c.flush()
}

// flush gives the kernel what it takes of out: nothing any more once a write has failed.
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

// writeFailed deals with a write that failed. A server may refuse a large request while it is being written: its
// answer, if it has come, is the better result.
func (c *conn) writeFailed(err error) {
	c.out, c.refusal = nil, err
	c.receive(true)
	if c.state == standing {
		c.fail(classify(err), err)
	}
}

// receive reads what has arrived, to the very end where the other side has closed: no news would come of that again.
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
			c.shut() // nobody has asked for anything
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

// deliver hands bytes that have arrived to the user, and reports whether the connection goes on. A connection that
// carried nothing and is drained or ended by them has come to the server's idle timeout.
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

// reassignIfDraining gives slots that are armed on a connection of HTTP/2 another one where this one takes no further
// requests. It is called when nothing is being read any more.
func (c *conn) reassignIfDraining() {
	if m, multi := c.user.(*mux); multi && m.draining() && len(c.loop.armed) > 0 {
		m.pool.reassignArmed(m, c.loop)
	}
}

// errAgain is the answer of a read that would have to wait; to crypto/tls it is a timeout, after which it goes on.
var errAgain error = again{}

type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

func (c *conn) read(b []byte) (int, error) {
	if c.seal != nil {
		return c.seal.Read(b)
	}
	return c.loop.read(c.fd, b)
}

// readSocket and writeSocket are read(2) and write(2) of a socket that never waits.
func readSocket(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN: //nolint:errorlint // a system call's own answer is never wrapped
			return 0, errAgain
		case err != syscall.EINTR: //nolint:errorlint // likewise
			return 0, os.NewSyscallError("read", err)
		}
	}
}

func writeSocket(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case err == syscall.EAGAIN: //nolint:errorlint // a system call's own answer is never wrapped
			return 0, errAgain
		case err != syscall.EINTR: //nolint:errorlint // likewise
			return 0, os.NewSyscallError("write", err)
		}
	}
}
