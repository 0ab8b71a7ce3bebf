//go:build !unix

package probe

import (
	"net"
	"time"
)

// checksAtSend says that alive waits here and must stay out of the hot path.
const checksAtSend = false

// wire is a TCP connection that can be read with hardly any waiting.
type wire struct {
	*net.TCPConn
	peeking bool // Read waits a millisecond at most
}

func newWire(c *net.TCPConn) (*wire, error) { return &wire{TCPConn: c}, nil }

// Read reads what has arrived; while peeking it does not wait for more.
func (w *wire) Read(p []byte) (int, error) {
	if w.peeking {
		if err := w.TCPConn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return 0, err
		}
	}
	return w.TCPConn.Read(p)
}
