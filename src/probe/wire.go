package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// wire is the socket for crypto/tls. During the handshake, it belongs to a goroutine and waits for the loop's signals.
// Afterwards, it belongs to the loop and never waits: what it cannot write goes to the connection's out.
type wire struct {
	conn   *conn         // set once the handshake is over
	gate   gate          // of the goroutines of handshakes
	news   chan struct{} // the socket has changed, or the wire is connected or aborted
	greets func()        // called once when the first message is written before there is a connection; may be nil

	mu     sync.Mutex
	fd     int    // -1 before there is a connection
	early  []byte // written before there was one
	closed bool
}

func newWire(g gate) *wire { return &wire{gate: g, fd: -1, news: make(chan struct{}, 1)} }

// gate lets a number of handshakes compute at a time, first come, first served. A thousand handshakes that shared the
// processors would all end late. What arrives for one waits in its socket meanwhile, and the wait is in its duration:
// what is sent to the server first, the connection and the first message, waits for nobody.
type gate chan struct{}

func (g gate) enter() { g <- struct{}{} }
func (g gate) leave() { <-g }

// wait waits for the loop's signal, and then for the turn to compute.
func (w *wire) wait() {
	w.gate.leave()
	<-w.news
	w.gate.enter()
}

// connect gives the wire its socket, and writes the early data to the socket.
func (w *wire) connect(fd int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fd = fd
	_, err := writeSocket(fd, w.early) // a first message fits into an empty queue
	w.signal()
	return err
}

// socket is the socket to use, -1 if there is none yet.
func (w *wire) socket() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return -1, net.ErrClosed
	}
	return w.fd, nil
}

// signal wakes the goroutine of the handshake.
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

func (w *wire) Read(b []byte) (int, error) {
	if c := w.conn; c != nil {
		return c.readSocket(b)
	}
	for {
		fd, err := w.socket()
		if err == nil && fd >= 0 {
			var n int
			if n, err = readSocket(fd, b); !errors.Is(err, errAgain) {
				return n, err
			}
			err = nil
		}
		if err != nil {
			return 0, err
		}
		w.wait()
	}
}

func (w *wire) Write(b []byte) (int, error) {
	if c := w.conn; c != nil {
		c.queue(b)
		return len(b), nil
	}
	if w.keepEarly(b) {
		return len(b), nil
	}
	for done := 0; ; {
		fd, err := w.socket()
		if err == nil {
			var n int
			n, err = writeSocket(fd, b[done:])
			if done += n; done == len(b) {
				return done, nil
			}
		}
		if err != nil && !errors.Is(err, errAgain) {
			return done, err
		}
		w.wait()
	}
}

// keepEarly stores what is written before there is a connection.
func (w *wire) keepEarly(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 || w.closed {
		return false
	}
	w.early = append(w.early, b...)
	if w.greets != nil {
		w.greets()
		w.greets = nil
	}
	return true
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
