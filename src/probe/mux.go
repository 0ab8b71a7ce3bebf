package probe

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Streams of one connection: so many when it is shared, and so many before the server has said how many it takes (it is
// asked to take at least these, RFC 9113, section 6.5.2).
const (
	streamsMost  = 200
	streamsFirst = 100
)

// mux is one HTTP/2 connection that carries many requests at once. Only its loop uses it.
type mux struct {
	conn    *conn
	pool    *connPool
	number  int // it is the pool's connection of that number, from 1
	room    int // slots that may use it at once
	members int // slots that do, armed ones included
	waiting []*slot
	streams map[uint32]*slot
	nextID  uint32
	kept    bool // it stays open between requests
	greeted bool // the server has sent its settings
	drained bool // the server has sent GOAWAY: it takes no further streams
	retired bool // no further slot joins it, see refresh
	counted bool // the pool counts it among those being opened before a burst
	reading bool // a read is being parsed: nothing is written, and the connection is not shut
	closed  bool

	batch     []byte  // frames that are to be written together
	dirty     []*slot // whose requests begin in the batch
	unflushed []*slot // whose requests the kernel has not taken yet
	blocked   []*slot // whose bodies wait for a window
	replies   int     // acknowledgements that the kernel has not taken yet

	sendWindow   int64
	streamWindow int64 // of a new stream
	received     uint32

	in     []byte // the beginning of a frame
	fields *hpack.Decoder
	block  *slot // whose header block is being taken in; nil: the block is decoded and dropped
	inside uint32
	size   int // of the block so far, as it came
	long   bool
	ends   bool
}

var _ user = (*mux)(nil)

func (p *connPool) newMux(s *slot) *mux {
	p.made++
	m := &mux{pool: p, number: p.made, conn: &conn{}, streams: make(map[uint32]*slot, streamsMost), nextID: 1, room: 1,
		kept: s.b.reuse, sendWindow: firstWindow, streamWindow: firstWindow}
	if s.b.shared {
		m.room = streamsMost
	}
	m.fields = hpack.NewDecoder(4096, m.field)
	m.fields.SetMaxStringLength(2 * maxBlock) // of a text as decoded: Huffman coding saves less than half
	window := uint32(min(s.b.client.MaxBody+frameMost, windowMost))
	m.batch = appendGreeting(m.batch, window)
	return m
}

// free reports whether the slot fits. A slot that begins before the server has sent its limit has fewer beside it.
func (m *mux) free(s *slot) bool {
	room := m.room
	if !m.greeted && s.stage == opening {
		room = min(room, streamsFirst)
	}
	return !m.draining() && !m.retired && m.members < room && m.nextID < idMost
}

// draining reports whether the connection accepts no further requests: it has ended, or the server has sent GOAWAY. A
// slot that is armed on it needs another connection; leave removes it from this one.
func (m *mux) draining() bool { return m.closed || m.drained }

// join adds the slot to the connection; it is armed, or begins, as soon as the connection is open. Before its burst,
// that is when the server's settings have arrived; within its latency, it does not wait.
func (m *mux) join(s *slot) {
	s.mux = m
	m.members++
	if m.conn.state == standing {
		s.newConn, s.phases = false, noPhases() // nothing is opened within its latency
	}
	if m.greeted || s.stage == opening && m.conn.state == standing {
		m.admit(s)
		return
	}
	m.waiting = append(m.waiting, s)
}

func (m *mux) admit(s *slot) {
	if s.stage == opening {
		if s.newConn {
			s.phases = m.conn.phases.from(s.sent)
		}
		m.begin(s)
		m.flush()
		return
	}
	s.armed()
}

// beginNow begins the request of a slot that has waited for the server's settings when its burst leaves.
func (m *mux) beginNow(s *slot) {
	if at := slices.Index(m.waiting, s); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
		s.newConn = false // it stands
		m.admit(s)
	}
}

// opened sends the greeting, and with it the requests that wait within their latency.
func (m *mux) opened() {
	keepAlive(m.conn.fd)
	waiting := m.waiting
	m.waiting = nil
	for _, s := range waiting {
		if s.stage == opening {
			s.phases = m.conn.phases.from(s.sent)
			m.begin(s)
		} else {
			m.waiting = append(m.waiting, s)
		}
	}
	m.flush()
}

// begin puts the slot's request into the batch.
func (m *mux) begin(s *slot) {
	id := m.nextID
	m.nextID += 2
	m.streams[id] = s
	s.stage, s.stream, s.window, s.early = sent, id, m.streamWindow, !m.greeted
	flags := byte(flagEndHeaders)
	request := s.request()
	if len(request.body) == 0 {
		flags |= flagEndStream
	}
	m.batch = append(appendFrame(m.batch, frameHeaders, flags, id, len(request.head)), request.head...)
	m.dirty = append(m.dirty, s)
	if s.body = request.body; len(s.body) > 0 {
		m.pump(s)
	}
}

// pump puts as much of the slot's body into the batch as the windows allow.
func (m *mux) pump(s *slot) {
	for len(s.body) > 0 {
		n := min(int64(len(s.body)), frameMost, s.window, m.sendWindow)
		if n <= 0 {
			m.blocked = append(m.blocked, s)
			return
		}
		flags := byte(0)
		if n == int64(len(s.body)) {
			flags = flagEndStream
		}
		m.batch = append(appendFrame(m.batch, frameData, flags, s.stream, int(n)), s.body[:n]...)
		s.body = s.body[n:]
		s.window -= n
		m.sendWindow -= n
	}
}

// unblock continues with the bodies that waited for a window.
func (m *mux) unblock() {
	blocked := m.blocked
	m.blocked = nil
	for _, s := range blocked {
		if m.streams[s.stream] == s {
			m.pump(s)
		}
	}
}

// flush writes the batch at once; while a read is parsed, the end of the read does it.
func (m *mux) flush() {
	if len(m.batch) == 0 || m.reading || m.closed || m.conn.state != standing {
		return
	}
	now := m.conn.loop.now()
	for _, s := range m.dirty {
		if s.mux != m || s.began >= 0 { // it has been refused meanwhile, or this is its second sending
			continue
		}
		if s.began = now; !s.newConn && !s.resent {
			s.sent = now // many share the write: it is the turn of each
		}
	}
	m.unflushed = append(m.unflushed, m.dirty...)
	m.dirty = m.dirty[:0]
	batch := m.batch
	m.batch = m.batch[:0] // before the write: where it fails, what has arrived is read, and the batch may fill again
	m.conn.post(batch)
}

func (m *mux) flushed(at time.Duration) {
	for _, s := range m.unflushed {
		if s.mux == m && s.stage == sent && s.wrote < 0 && len(s.body) == 0 {
			s.wrote = at
		}
	}
	m.unflushed = m.unflushed[:0]
	m.replies = 0
}

// leave removes the slot's share of the connection; a request without an answer is cancelled. A connection of no
// further use is shut.
func (m *mux) leave(s *slot) {
	if id := m.remove(s); id != 0 && !s.resp.whole && !m.closed {
		m.batch = binary.BigEndian.AppendUint32(appendFrame(m.batch, frameReset, 0, id, 4), cancelCode)
	}
	if !m.reading {
		m.flush()
		m.shutUnused()
	}
}

// remove removes the slot from the connection, and returns its stream; 0: none.
func (m *mux) remove(s *slot) uint32 {
	id := s.stream
	s.mux, s.stream = nil, 0
	m.members--
	if m.block == s {
		m.dropBlock()
	}
	if len(s.body) > 0 {
		s.body = nil
		m.blocked = slices.DeleteFunc(m.blocked, func(other *slot) bool { return other == s })
	}
	if id != 0 {
		delete(m.streams, id)
	} else if at := slices.Index(m.waiting, s); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
	}
	return id
}

// refuse handles a stream that the server has not processed: its request is sent again (RFC 9113, sections 6.8 and
// 8.7; see reassign). A stream with a part of its answer was processed.
func (m *mux) refuse(s *slot, why error) {
	if s.resp.first >= 0 {
		m.fail(s, why)
		return
	}
	m.remove(s)
	s.refuser = m.number
	s.reassign(why)
}

// shutUnused shuts a connection that carries nothing and cannot be kept.
func (m *mux) shutUnused() {
	if m.members == 0 && !m.closed && (!m.kept || !m.greeted || m.drained || m.nextID >= idMost) {
		m.shut()
	}
}

func (m *mux) shut() {
	m.closed = true
	m.conn.shut()
	m.pool.removeMux(m)
}

// ended informs every slot of the connection's end.
func (m *mux) ended(class sample.Class, err error) {
	m.closed = true
	m.pool.removeMux(m)
	slots := m.waiting
	m.waiting = nil
	for _, id := range sortedIDs(m.streams) {
		slots = append(slots, m.streams[id])
	}
	for _, s := range slots {
		s.connLost(class, err, m.conn.phases)
	}
	m.pool.resend()
}

func sortedIDs(streams map[uint32]*slot) []uint32 {
	ids := make([]uint32, 0, len(streams))
	for id := range streams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
