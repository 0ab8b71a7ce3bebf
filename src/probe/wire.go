package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// wire is the socket as crypto/tls sees it. While hands are shaken it belongs to a goroutine and waits for the loop's
// signals; afterwards it belongs to the loop and waits for nothing: what it cannot write goes to the connection's out.
type wire struct {
	fd     int
	conn   *conn         // set once the handshake is over
	news   chan struct{} // the socket has changed, or the wire is aborted
	mu     sync.Mutex
	closed bool
}

func newWire(fd int) *wire { return &wire{fd: fd, news: make(chan struct{}, 1)} }

// signal wakes the goroutine that shakes hands.
func (w *wire) signal() {
	select {
	case w.news <- struct{}{}:
	default: // it has not taken the last one yet, and will look again after it
	}
}

func (w *wire) abort() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
}

func (w *wire) await() error {
	<-w.news
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	return nil
}

func (w *wire) Read(b []byte) (int, error) {
	for {
		n, err := readSocket(w.fd, b)
		if w.conn != nil || !errors.Is(err, errAgain) {
			return n, err
		}
		if err := w.await(); err != nil {
			return 0, err
		}
	}
}

func (w *wire) Write(b []byte) (int, error) {
	if c := w.conn; c != nil {
		c.queue(b)
		return len(b), nil
	}
	for done := 0; done < len(b); {
		n, err := writeSocket(w.fd, b[done:])
		done += n
		if errors.Is(err, errAgain) {
			err = w.await()
		}
		if err != nil {
			return done, err
		}
	}
	return len(b), nil
}

// Close leaves the socket to the loop.
func (w *wire) Close() error { return nil }

// What crypto/tls asks of a connection besides; deadlines are the loop's affair.

func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// tlsConfig names the host to the server and offers the one protocol that is to be spoken.
func (c *Client) tlsConfig(t *target) *tls.Config {
	cfg := c.TLS.Clone() // nil for nil
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = t.hostname
	}
	cfg.NextProtos = []string{t.proto.alpn}
	return cfg
}
