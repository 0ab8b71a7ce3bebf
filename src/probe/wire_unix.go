//go:build unix

package probe

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// checksAtSend says that alive is quick enough (one system call) to be asked in the hot path.
const checksAtSend = true

// wire is a TCP connection that can be read without waiting.
type wire struct {
	*net.TCPConn
	peeking bool // Read answers os.ErrDeadlineExceeded rather than wait

	raw syscall.RawConn
	try func(fd uintptr) bool // made once: a closure per read would allocate
	buf []byte
	n   int
	err error
}

func newWire(c *net.TCPConn) (*wire, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{TCPConn: c, raw: raw}
	w.try = func(fd uintptr) bool {
		for {
			w.n, w.err = syscall.Read(int(fd), w.buf)
			if !errors.Is(w.err, syscall.EINTR) {
				return true
			}
		}
	}
	return w, nil
}

// Read reads what has arrived; while peeking it does not wait for more.
func (w *wire) Read(p []byte) (int, error) {
	if !w.peeking {
		return w.TCPConn.Read(p)
	}
	w.buf = p
	err := w.raw.Read(w.try)
	w.buf = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(w.err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case w.err != nil:
		return 0, w.err
	case w.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return w.n, nil
}
