package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"stellar/src/sample"
)

// slot is one request's place in a burst: its goroutine alone writes to it from start to finish, and the recorder reads
// it when the burst is over. Slots and their buffers are used again by later bursts.
type slot struct {
	b     *burst
	index int
	conn  *conn                // kept, or being used
	live  atomic.Pointer[conn] // the same, for who must cut the request off

	phases  phases
	newConn bool          // the connection was opened within the request's latency
	sent    time.Duration // since the burst was opened, as end
	end     time.Duration
	class   sample.Class
	err     error
	resp    response
}

// run is the slot's goroutine: prepare, park at the gate, send, receive.
func (s *slot) run() {
	b := s.b
	var ready time.Time
	if b.reuse && s.prepare() {
		ready = time.Now()
	}
	if b.unready.Add(-1) == 0 {
		close(b.ready)
	}
	<-b.gate
	if !b.aborted {
		s.fire(ready)
	}
	if b.left.Add(-1) == 0 {
		close(b.done)
	}
}

// prepare sees to it that a kept connection stands before the burst, outside its timing. A failure becomes the request's
// row: it is not tried again when the burst leaves. It reports whether a connection had to be opened.
func (s *slot) prepare() (opened bool) {
	s.phases, s.class, s.err = noPhases(), sample.OK, nil
	if s.conn != nil && s.conn.alive() {
		return false
	}
	s.drop()
	ctx, cancel := context.WithTimeout(s.b.ctx, min(s.b.timeout, connectWait))
	defer cancel()
	s.conn, s.class, s.err = s.b.client.dial(ctx, s.b.target, &s.phases)
	return true
}

// fire sends the request and receives the answer: the hot path. ready is when prepare had opened a connection, if it did.
func (s *slot) fire(ready time.Time) {
	b := s.b
	s.resp.reset(b.opened, b.client.MaxBody)
	s.sent = time.Since(b.opened)
	switch {
	case !b.reuse:
		s.redial()
	case s.class != sample.OK || ready.After(b.opened):
		// Opening failed, or went on after the release: then it was part of this request's latency.
		s.newConn = true
	case checksAtSend && !s.conn.alive():
		s.drop()
		s.redial()
	default:
		s.newConn = false
		s.phases = noPhases()
	}
	if s.class == sample.OK {
		s.exchange()
	}
	s.end = time.Since(b.opened)
	if s.class == sample.OK || s.resp.whole {
		s.end = s.resp.last
	}
	if !b.reuse || s.err != nil || !s.resp.keep {
		s.drop()
	}
	s.live.Store(nil)
}

// redial opens a connection within the request's latency.
func (s *slot) redial() {
	s.newConn = true
	ctx, cancel := context.WithDeadline(s.b.ctx, s.b.opened.Add(s.b.timeout))
	s.conn, s.class, s.err = s.b.client.dial(ctx, s.b.target, &s.phases)
	cancel()
}

func (s *slot) exchange() {
	b := s.b
	s.live.Store(s.conn)
	err := s.conn.rw.SetDeadline(b.opened.Add(b.timeout))
	// Who cuts the burst off raises the flag before looking for live connections: one of the two sees the other.
	if b.cut.Load() {
		s.conn.abandon()
	}
	if err == nil {
		_, err = s.conn.rw.Write(b.request)
	}
	if err == nil || b.early && !errors.Is(err, os.ErrDeadlineExceeded) {
		// A server may refuse a large request while it is still being written: its answer is the better result.
		if readErr := s.resp.read(s.conn.rw); readErr == nil {
			s.resp.keep = s.resp.keep && err == nil
			err = nil
		} else if err == nil {
			err = readErr
		}
	}
	s.class, s.err = classify(err), err
	if err == nil {
		s.class = statusClass(s.resp.status)
	}
}

func (s *slot) drop() {
	if s.conn != nil {
		s.live.Store(nil)
		s.conn.close()
		s.conn = nil
	}
}

// classify finds the class of a failure of an exchange on a connection that stood.
func classify(err error) sample.Class {
	switch {
	case err == nil:
		return sample.OK
	case errors.Is(err, os.ErrDeadlineExceeded):
		return sample.Timeout
	case errors.Is(err, errTooLarge):
		return sample.TooLarge
	}
	if _, ok := errors.AsType[broken](err); ok {
		return sample.Protocol
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return sample.TLS
	}
	// TLS alerts, e.g. a client certificate that is wanted after the handshake, come as these operations.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return sample.TLS
	}
	return sample.Reset
}

// statusClass is the class of a complete answer. A redirect is an answer, not a failure.
func statusClass(status int) sample.Class {
	switch {
	case status >= 500:
		return sample.HTTP5xx
	case status >= 400:
		return sample.HTTP4xx
	}
	return sample.OK
}

// sample makes the row, once the burst is over.
func (s *slot) sample() sample.Sample {
	b := s.b
	row := sample.Empty()
	row.Host, row.Endpoint = b.target.hostPort, b.target.label
	row.Burst, row.Round, row.Slot, row.BurstSize = b.n, b.round, s.index, len(b.slots)
	row.Warmup, row.Desired = b.warmup, b.desired
	opened := b.opened.Round(0).UTC() // the wall clock, read with the monotonic one at the release
	row.PlannedAt = opened.Add(-b.late)
	row.SentAt = opened.Add(s.sent)
	row.Lateness = b.late + s.sent
	row.NewConn = s.newConn
	row.DNS, row.Connect, row.TLS = s.phases.dns, s.phases.connect, s.phases.tls
	row.FirstByte = s.resp.first
	row.Err = s.class
	if s.resp.status >= 200 {
		row.Status, row.Bytes = s.resp.status, s.resp.length
	}
	if s.resp.whole {
		row.ReceivedAt = opened.Add(s.end)
	}
	if s.class == sample.OK {
		row.Latency = s.end
	}
	s.resp.describe(&row, fmt.Sprintf("%s-b%d-s%d", b.target.label, b.n, s.index))
	return row
}
