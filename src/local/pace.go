package local

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// How slowly a request may come. There is no limit to the whole: a large body on a slow line takes its time.
const (
	headerTime   = 30 * time.Second // all of the header
	bodyIdle     = 30 * time.Second // nothing of the body comes
	bodyMinSpeed = 1 << 10          // bytes a second, on the average, after the first bodyIdle
)

// pacedBody is a request's body that must make progress: otherwise reads fail with os.ErrDeadlineExceeded.
type pacedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	idle       time.Duration
	begun      time.Time
	bytes      int64
}

// pace sets the lowest speed of a request's body, also for a handler that does not read it: the server reads the rest
// before it answers.
func pace(w http.ResponseWriter, r *http.Request, idle time.Duration) {
	if r.ContentLength == 0 {
		return
	}
	b := &pacedBody{ReadCloser: r.Body, connection: http.NewResponseController(w), idle: idle, begun: time.Now()}
	b.setDeadline(b.begun)
	r.Body = b
}

// setDeadline sets the time until which more must arrive.
func (b *pacedBody) setDeadline(now time.Time) {
	deadline := now.Add(b.idle)
	slowest := b.begun.Add(b.idle + time.Duration(b.bytes)*time.Second/bodyMinSpeed)
	if slowest.Before(deadline) {
		deadline = slowest
	}
	_ = b.connection.SetReadDeadline(deadline) // of a connection that is gone the read tells
}

func (b *pacedBody) Read(p []byte) (int, error) {
	b.setDeadline(time.Now())
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if errors.Is(err, io.EOF) {
		b.done()
	}
	return n, err
}

// done removes the limit: the server continues to read, to see whether the client disconnects.
func (b *pacedBody) done() { _ = b.connection.SetReadDeadline(time.Time{}) }

// arrived removes the limit for a request that has been read.
func arrived(r *http.Request) {
	if b, ok := r.Body.(*pacedBody); ok {
		b.done()
	}
}

// tooSlow reports whether a body did not arrive in time.
func tooSlow(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
