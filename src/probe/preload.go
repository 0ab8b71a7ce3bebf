package probe

import (
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// The requests of a large burst over kept connections are given to the kernel shortly before the release, which holds
// them back (TCP_CORK, tcp(7)). The release then only lets them go: copying a request and making its segment is a third
// of what a send takes, and requests leave that much closer together. Where this is not possible, the request is
// written at its turn.

const (
	// preloadLeast is the smallest burst of which requests are given to the kernel beforehand.
	preloadLeast = 16
	// preloadTime is what this takes for a request at most, on a slow machine.
	preloadTime = 5 * time.Microsecond
	// preloadMost bounds how long before the release it is done.
	preloadMost = 50 * time.Millisecond
	// preloadStale is when held requests are looked at again before the release: the kernel holds them back for 200 ms
	// at most.
	preloadStale = 150 * time.Millisecond
	// preloadChunk is how many requests are given to the kernel before what has arrived is handled.
	preloadChunk = 64
)

// preloads reports whether the burst's requests are given to the kernel before the release.
func (b *burst) preloads() bool {
	return canCork && b.reuse && !b.target.proto.multi && len(b.slots) >= preloadLeast
}

// preloadAhead is how much time is needed for that before the release.
func (b *burst) preloadAhead() time.Duration {
	if !b.preloads() {
		return 0
	}
	return min(time.Duration(len(b.slots)/len(b.engine.loops)+1)*preloadTime, preloadMost)
}

// preload gives the requests of one loop to the kernel, as many as it has the time for until the release. It returns
// when it began.
func (b *burst) preload(l *loop, release time.Duration) (since time.Duration) {
	since = l.now()
	if !b.preloads() {
		return since
	}
	n := 0
	b.on(l, func(s *slot) {
		if release > 0 && l.now() > release-time.Millisecond {
			return
		}
		if s.preload(); n%preloadChunk == preloadChunk-1 {
			l.dispatchPending()
		}
		n++
	})
	return since
}

// preload gives the slot's request to the kernel, which holds it back. Only a request of a single segment is held back.
func (s *slot) preload() {
	c := s.conn
	if s.stage != armed || s.class != sample.OK || !s.standing() || c.corked > 0 {
		return
	}
	request := c.out // sealed
	if !c.held {
		request = s.request().head
	}
	if !fitsSegment(c.fd, len(request)) || cork(c.fd, true) != nil {
		return
	}
	n, err := c.loop.write(c.fd, request)
	if err != nil { // nothing was taken; what has happened to the connection shows at the latest at the release
		_ = cork(c.fd, false)
		return
	}
	if c.corked = n; !c.held {
		c.outIsCopy = false
	}
	c.out, c.held = request[n:], true
}

// uncork lets a held request go.
func (c *conn) uncork() {
	if c.corked == 0 {
		return
	}
	c.corked = 0
	if err := cork(c.fd, false); err != nil {
		c.writeFailed(err)
	}
}

// dropCorked makes the close of a connection drop a request that the kernel holds back, which it would send otherwise.
func (c *conn) dropCorked() {
	if c.corked > 0 {
		dropUnsent(c.fd)
	}
}

// dropStale shuts connections whose requests the kernel may not hold back any more when the burst is released, because
// this process was stopped meanwhile: when it sent such a request is unknown. Their slots open other connections.
func (b *burst) dropStale(l *loop, since time.Duration) {
	if l.now()-since < preloadStale {
		return
	}
	b.on(l, func(s *slot) {
		if c := s.conn; s.stage == armed && c != nil && c.corked > 0 && unsent(c.fd) < c.corked {
			c.shut()
		}
	})
}
