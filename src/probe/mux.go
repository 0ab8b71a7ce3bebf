package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"

	"stellar/src/sample"
)

// Streams of one connection: so many when it is shared, and so many before the server has said how many it takes (it is
// asked to take at least these, RFC 9113, section 6.5.2).
const (
	streamsMost  = 200
	streamsFirst = 100
)

// mux is one connection that speaks HTTP/2 and carries many requests at once. Only its loop touches it.
type mux struct {
	conn    *conn
	place   *place
	room    int // slots that may use it at once
	members int // slots that do, armed ones included
	waiting []*slot
	streams map[uint32]*slot
	nextID  uint32
	greeted bool // the server has sent its settings
	drained bool // it takes no further streams
	counted bool // the place counts it among those being opened before a burst
	gone    bool

	batch   []byte  // frames that are to be written together
	dirty   []*slot // whose requests begin in the batch
	unsaid  []*slot // whose requests the kernel has not taken yet
	blocked []*slot // whose bodies wait for a window

	sendWindow   int64
	streamWindow int64 // of a new stream
	received     uint32

	in     []byte // the beginning of a frame
	fields *hpack.Decoder
	block  *slot // whose header block is being taken in
	inside uint32
	ends   bool
}

var _ user = (*mux)(nil)

func (p *place) newMux(s *slot) *mux {
	m := &mux{place: p, conn: &conn{}, streams: make(map[uint32]*slot, streamsMost), nextID: 1, room: 1,
		sendWindow: firstWindow, streamWindow: firstWindow}
	if s.b.shared {
		m.room = streamsMost
	}
	m.fields = hpack.NewDecoder(4096, m.field)
	m.fields.SetMaxStringLength(maxHead)
	window := uint32(min(s.b.client.MaxBody+frameMost, windowMost))
	m.batch = appendGreeting(m.batch, window)
	return m
}

// free says whether the slot fits. One that begins before the server has said how many it takes has fewer beside it.
func (m *mux) free(s *slot) bool {
	room := m.room
	if !m.greeted && s.stage == opening {
		room = min(room, streamsFirst)
	}
	return !m.gone && !m.drained && m.members < room && m.nextID < idMost
}

// join makes the slot one of the connection's own; it is armed, or begins, as soon as the connection stands. Before its
// burst that is when the server's settings are in; within its latency it waits for nothing.
func (m *mux) join(s *slot) {
	s.mux = m
	m.members++
	if m.greeted || s.stage == opening && m.conn.state == standing {
		m.admit(s)
		return
	}
	m.waiting = append(m.waiting, s)
}

func (m *mux) admit(s *slot) {
	if s.stage == opening {
		s.phases = m.conn.phases
		m.begin(s)
		m.flush()
		return
	}
	s.armed()
}

// hurry begins the request of a slot that has waited for the server's settings when its burst leaves.
func (m *mux) hurry(s *slot) {
	if at := slices.Index(m.waiting, s); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
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
			s.phases = m.conn.phases
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
	s.stage, s.stream, s.window = asked, id, m.streamWindow
	flags := byte(flagEndHeaders)
	if len(s.b.body) == 0 {
		flags |= flagEndStream
	}
	m.batch = append(appendFrame(m.batch, frameHeaders, flags, id, len(s.b.request)), s.b.request...)
	m.dirty = append(m.dirty, s)
	if s.body = s.b.body; len(s.body) > 0 {
		m.pump(s)
	}
}

// pump puts as much of the slot's body into the batch as the windows let pass.
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

// unblock goes on with the bodies that waited for a window.
func (m *mux) unblock() {
	blocked := m.blocked
	m.blocked = nil
	for _, s := range blocked {
		if m.streams[s.stream] == s {
			m.pump(s)
		}
	}
}

// flush writes the batch at once.
func (m *mux) flush() {
	if len(m.batch) == 0 || m.gone || m.conn.state != standing {
		return
	}
	now := m.conn.loop.now()
	for _, s := range m.dirty {
		if s.began = now; !s.newConn {
			s.sent = now // many share the write: it is the turn of each
		}
	}
	m.unsaid = append(m.unsaid, m.dirty...)
	m.dirty = m.dirty[:0]
	m.conn.post(m.batch)
	m.batch = m.batch[:0]
}

func (m *mux) flushed(at time.Duration) {
	for _, s := range m.unsaid {
		if s.mux == m && s.stage == asked && s.wrote < 0 && len(s.body) == 0 {
			s.wrote = at
		}
	}
	m.unsaid = m.unsaid[:0]
}

// leave takes back what the slot had of the connection; a request that is not answered is cancelled. A connection of one
// slot alone that is not to be kept is shut.
func (m *mux) leave(s *slot) {
	s.mux = nil
	m.members--
	if s.stream != 0 {
		delete(m.streams, s.stream)
		if !s.resp.whole && !m.gone {
			m.batch = binary.BigEndian.AppendUint32(appendFrame(m.batch, frameReset, 0, s.stream, 4), cancelCode)
			m.flush()
		}
	} else if at := slices.Index(m.waiting, s); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
	}
	if m.members == 0 && !m.gone && (!s.b.reuse || !m.greeted || m.drained || m.nextID >= idMost) {
		m.shut()
	}
}

func (m *mux) shut() {
	m.gone = true
	m.conn.shut()
	m.place.lose(m)
}

// ended tells every slot of the connection's end.
func (m *mux) ended(class sample.Class, err error) {
	m.gone = true
	m.place.lose(m)
	slots := m.waiting
	m.waiting = nil
	for _, id := range sortedIDs(m.streams) {
		slots = append(slots, m.streams[id])
	}
	for _, s := range slots {
		s.lost(class, err, m.conn.phases)
	}
}

func sortedIDs(streams map[uint32]*slot) []uint32 {
	ids := make([]uint32, 0, len(streams))
	for id := range streams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// incoming takes in frames.
func (m *mux) incoming(data []byte, at time.Duration) error {
	if len(m.in) > 0 {
		m.in = append(m.in, data...)
		data = m.in
	}
	for {
		f, used, err := cutFrame(data)
		if bytes.HasPrefix(data, []byte("HTTP/1.")) {
			return broken("the server answers in HTTP/1: Protocol http1 is what it speaks")
		}
		if err != nil {
			return err
		}
		if used == 0 {
			break
		}
		if err := m.take(f, at); err != nil {
			return err
		}
		if m.gone {
			return nil
		}
		data = data[used:]
	}
	m.in = append(m.in[:0], data...)
	m.flush()
	return nil
}

func (m *mux) take(f frame, at time.Duration) error {
	if (m.inside != 0) != (f.kind == frameContinuation) {
		return broken("a header block is interrupted")
	}
	switch f.kind {
	case frameData:
		return m.takeData(f, at)
	case frameHeaders:
		content, err := f.unpadded()
		if err != nil || f.stream == 0 {
			return errors.Join(err, badIf(f.stream == 0, "HEADERS of no stream"))
		}
		m.inside, m.block, m.ends = f.stream, m.streams[f.stream], f.flags&flagEndStream != 0
		if s := m.block; s != nil {
			s.resp.stamp(at)
			if s.resp.status > 0 && s.resp.status < 200 { // what came was an interim answer
				s.resp.head, s.resp.status = s.resp.head[:0], 0
			}
		}
		return m.takeBlock(content, f.flags)
	case frameContinuation:
		if f.stream != m.inside {
			return broken("a header block is interrupted")
		}
		return m.takeBlock(f.content, f.flags)
	case frameReset:
		if len(f.content) != 4 {
			return broken("RST_STREAM of a wrong length")
		}
		if s := m.streams[f.stream]; s != nil {
			delete(m.streams, f.stream)
			s.stream = 0
			m.fail(s, resetError(binary.BigEndian.Uint32(f.content)))
		}
	case frameSettings:
		return m.takeSettings(f)
	case framePush:
		return broken("the server pushes although it was told not to")
	case framePing:
		if f.flags&flagAck == 0 && len(f.content) == 8 {
			m.batch = append(appendFrame(m.batch, framePing, flagAck, 0, 8), f.content...)
		}
	case frameGoAway:
		return m.takeGoAway(f)
	case frameWindow:
		return m.takeWindow(f)
	}
	return nil // PRIORITY and what is not known is passed over (section 4.1)
}

func badIf(bad bool, what string) error {
	if bad {
		return broken(what)
	}
	return nil
}

func (m *mux) takeData(f frame, at time.Duration) error {
	m.received += uint32(len(f.content))
	if m.received > windowMost/2 {
		m.batch = appendWindow(m.batch, 0, m.received)
		m.received = 0
	}
	content, err := f.unpadded()
	if err != nil {
		return err
	}
	s := m.streams[f.stream]
	if s == nil {
		return badIf(f.stream == 0 || f.stream >= m.nextID, "DATA of a stream that there is not")
	}
	p := &s.resp
	p.stamp(at)
	switch {
	case p.status < 200:
		m.fail(s, broken("DATA before the answer's head"))
	case p.length+int64(len(content)) > p.maxBody:
		m.fail(s, errTooLarge)
	default:
		p.store(content)
		if f.flags&flagEndStream != 0 {
			m.complete(s)
		}
	}
	return nil
}

// takeBlock decodes a part of a header block. Blocks of streams that are over are decoded, too: the table is one for all.
func (m *mux) takeBlock(content []byte, flags byte) error {
	if _, err := m.fields.Write(content); err != nil {
		return broken("a header block cannot be decoded")
	}
	s := m.block
	if s != nil && len(s.resp.head) > maxHead {
		return broken("the head is too long")
	}
	if flags&flagEndHeaders == 0 {
		return nil
	}
	m.inside, m.block = 0, nil
	if err := m.fields.Close(); err != nil {
		return broken("a header block cannot be decoded")
	}
	switch {
	case s == nil:
	case s.resp.status == 0:
		m.fail(s, broken("an answer has no status"))
	case m.ends:
		m.complete(s)
	}
	return nil
}

// field takes in one decoded header field.
func (m *mux) field(f hpack.HeaderField) {
	s := m.block
	if s == nil {
		return
	}
	p := &s.resp
	if f.Name == ":status" {
		if n, err := strconv.Atoi(f.Value); err == nil && n >= 100 && n <= 599 {
			p.status = n
		}
		return
	}
	p.head = append(append(append(append(p.head, f.Name...), ": "...), f.Value...), '\n')
}

// complete ends a stream whose answer is whole.
func (m *mux) complete(s *slot) {
	if s.resp.status < 200 {
		m.fail(s, broken("the stream ended with an interim answer"))
		return
	}
	s.resp.whole = true
	s.class = m.conn.target.proto.judge(&s.resp)
	s.finish()
}

func (m *mux) fail(s *slot, err error) {
	s.class, s.err = classify(err), err
	s.finish()
}

func (m *mux) takeSettings(f frame) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if len(f.content)%6 != 0 || f.stream != 0 {
		return broken("SETTINGS make no sense")
	}
	for c := f.content; len(c) > 0; c = c[6:] {
		value := binary.BigEndian.Uint32(c[2:])
		switch binary.BigEndian.Uint16(c) {
		case settingStreams:
			m.room = int(min(int64(m.room), int64(value)))
		case settingWindow:
			if value > windowMost {
				return broken("SETTINGS make no sense")
			}
			for _, s := range m.streams {
				s.window += int64(value) - m.streamWindow
			}
			m.streamWindow = int64(value)
		}
	}
	m.batch = appendFrame(m.batch, frameSettings, flagAck, 0, 0)
	m.unblock()
	if !m.greeted {
		m.greeted = true
		m.greetedNow()
	}
	return nil
}

// greetedNow lets in the slots that waited for the server's settings; those for which it has no room go elsewhere.
func (m *mux) greetedNow() {
	waiting := m.waiting
	m.waiting = nil
	m.members -= len(waiting)
	if m.counted {
		m.counted = false
		m.place.prepared()
	}
	for _, s := range waiting {
		if m.members < m.room {
			m.members++
			m.admit(s)
			continue
		}
		s.mux = nil
		if m.room == 0 {
			s.lost(sample.Protocol, fmt.Errorf("the server takes no streams"), m.conn.phases)
			continue
		}
		m.place.join(s)
	}
}

func (m *mux) takeGoAway(f frame) error {
	if len(f.content) < 8 {
		return broken("GOAWAY makes no sense")
	}
	last := binary.BigEndian.Uint32(f.content) & windowMost
	m.drained = true
	err := fmt.Errorf("the server goes away (%s)", errorName(binary.BigEndian.Uint32(f.content[4:])))
	for _, id := range sortedIDs(m.streams) {
		if id > last {
			m.fail(m.streams[id], err)
		}
	}
	if m.members == 0 && !m.gone {
		m.shut()
	}
	return nil
}

func (m *mux) takeWindow(f frame) error {
	if len(f.content) != 4 {
		return broken("WINDOW_UPDATE of a wrong length")
	}
	more := int64(binary.BigEndian.Uint32(f.content) & windowMost)
	if f.stream == 0 {
		m.sendWindow += more
	} else if s := m.streams[f.stream]; s != nil {
		s.window += more
	}
	m.unblock()
	return nil
}
