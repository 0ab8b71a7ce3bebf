package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// incoming parses the data that has arrived. Nothing is written meanwhile: a failed write ends every stream of the
// connection, and answers after the current frame would be lost. Everything that parsing causes (frames to send,
// requests to send again, a connection to shut) waits for the end of the read.
func (m *mux) incoming(data []byte, at time.Duration) error {
	m.reading = true
	err := m.parse(data, at)
	m.reading = false
	if err != nil {
		return err
	}
	m.shutUnused()
	m.flush()
	m.pool.resend()
	return nil
}

func (m *mux) parse(data []byte, at time.Duration) error {
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
		if err := m.handleFrame(f, at); err != nil {
			return err
		}
		data = data[used:]
	}
	m.in = append(m.in[:0], data...)
	return nil
}

func (m *mux) handleFrame(f frame, at time.Duration) error {
	if (m.inside != 0) != (f.kind == frameContinuation) {
		return broken("a header block is interrupted")
	}
	switch f.kind {
	case frameData:
		return m.handleData(f, at)
	case frameHeaders:
		content, err := f.unpadded()
		if err != nil || f.stream == 0 {
			return errors.Join(err, badIf(f.stream == 0, "HEADERS of no stream"))
		}
		m.beginBlock(f, at)
		return m.handleBlock(content, f.flags)
	case frameContinuation:
		if f.stream != m.inside {
			return broken("a header block is interrupted")
		}
		return m.handleBlock(f.content, f.flags)
	case frameReset:
		if len(f.content) != 4 {
			return broken("RST_STREAM of a wrong length")
		}
		m.handleReset(f.stream, resetError(binary.BigEndian.Uint32(f.content)))
	case frameSettings:
		return m.handleSettings(f)
	case framePush:
		return broken("the server pushes although pushes are disabled")
	case framePing:
		if f.flags&flagAck == 0 && len(f.content) == 8 {
			m.batch = append(appendFrame(m.batch, framePing, flagAck, 0, 8), f.content...)
			return m.replied()
		}
	case frameGoAway:
		return m.handleGoAway(f)
	case frameWindow:
		return m.handleWindow(f)
	}
	return nil // PRIORITY and what is not known is passed over (section 4.1)
}

// handleReset ends a stream that the server has reset.
func (m *mux) handleReset(id uint32, why resetError) {
	s := m.streams[id]
	if s == nil {
		return
	}
	delete(m.streams, id)
	s.stream = 0 // there is nothing to cancel
	if why == refusedCode {
		m.refuse(s, why)
		return
	}
	m.fail(s, why)
}

// replied counts acknowledgements: a server that asks for them and does not read them would fill the memory.
func (m *mux) replied() error {
	m.replies++
	return badIf(m.replies > repliesMost, "the server asks for acknowledgements and does not read them")
}

func badIf(bad bool, what string) error {
	if bad {
		return broken(what)
	}
	return nil
}

func (m *mux) handleData(f frame, at time.Duration) error {
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
		return badIf(f.stream == 0 || f.stream >= m.nextID, "DATA of a stream that does not exist")
	}
	p := &s.resp
	p.stamp(at)
	switch {
	case p.status < 200:
		m.fail(s, broken("DATA before the answer's head"))
	case p.length+int64(len(content)) > p.maxBody:
		m.fail(s, errTooLarge)
	default:
		p.store(content, 0)
		if f.flags&flagEndStream != 0 {
			m.complete(s)
		}
	}
	return nil
}

// beginBlock begins a header block. Blocks of ended streams are decoded and dropped, because all blocks share one
// table.
func (m *mux) beginBlock(f frame, at time.Duration) {
	m.inside, m.block, m.ends = f.stream, m.streams[f.stream], f.flags&flagEndStream != 0
	m.size, m.long = 0, false
	m.fields.SetEmitEnabled(m.block != nil)
	s := m.block
	if s == nil {
		return
	}
	s.resp.stamp(at)
	if s.resp.status > 0 && s.resp.status < 200 { // what came was an interim answer
		s.resp.head, s.resp.status = s.resp.head[:0], 0
		s.resp.interim++
	}
}

// dropBlock decodes the rest of the block only for the table.
func (m *mux) dropBlock() {
	m.block = nil
	m.fields.SetEmitEnabled(false)
}

// handleBlock decodes a part of a header block. One that is too long ends only its stream, if the block ends: a block
// can continue over any number of frames, and nothing else may come on the connection meanwhile.
func (m *mux) handleBlock(content []byte, flags byte) error {
	if m.size += max(len(content), leastPart); m.size > maxBlock {
		return broken("a header block is too long (over 1 MiB, or in over 1024 frames)")
	}
	if _, err := m.fields.Write(content); err != nil {
		return broken("a header block cannot be decoded")
	}
	if s := m.block; s != nil && m.long {
		m.fail(s, errLongHead) // which drops the rest
	}
	if flags&flagEndHeaders == 0 {
		return nil
	}
	s := m.block
	m.inside, m.block = 0, nil
	if err := m.fields.Close(); err != nil {
		return broken("a header block cannot be decoded")
	}
	switch {
	case s == nil:
	case s.resp.status == 0:
		m.fail(s, broken("an answer has no status"))
	case s.resp.interim >= maxInterim && s.resp.status < 200:
		m.fail(s, broken("too many interim answers"))
	case m.ends:
		m.complete(s)
	}
	return nil
}

// field handles one decoded header field.
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
	if len(p.head)+len(f.Name)+len(f.Value)+len(": \n") > maxHead {
		m.long = true
		m.fields.SetEmitEnabled(false)
		return
	}
	p.head = append(append(append(append(p.head, f.Name...), ": "...), f.Value...), '\n')
}

// complete ends a stream whose answer is complete.
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

func (m *mux) handleSettings(f frame) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if len(f.content)%6 != 0 || f.stream != 0 {
		return broken("SETTINGS are not valid")
	}
	for c := f.content; len(c) > 0; c = c[6:] {
		value := binary.BigEndian.Uint32(c[2:])
		switch binary.BigEndian.Uint16(c) {
		case settingStreams:
			m.room = int(min(int64(m.room), int64(value)))
		case settingWindow:
			if value > windowMost {
				return broken("SETTINGS are not valid")
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
	return m.replied()
}

// greetedNow admits the slots that waited for the server's settings; those without room go to another connection.
func (m *mux) greetedNow() {
	waiting := m.waiting
	m.waiting = nil
	m.members -= len(waiting)
	if m.counted {
		m.counted = false
		m.pool.openingDone()
	}
	for _, s := range waiting {
		if m.members < m.room {
			m.members++
			m.admit(s)
			continue
		}
		s.mux = nil
		if m.room == 0 {
			s.connLost(sample.Protocol, fmt.Errorf("the server accepts no streams"), m.conn.phases)
			continue
		}
		m.pool.enqueue(s)
	}
}

// handleGoAway records that the connection is being drained. Streams up to the one that the server names continue.
// Those above it were not processed, and those that have not begun need another connection anyway. A server that drains
// in two steps first names the highest number there is.
func (m *mux) handleGoAway(f frame) error {
	if len(f.content) < 8 || f.stream != 0 {
		return broken("GOAWAY is not valid")
	}
	last := binary.BigEndian.Uint32(f.content) & windowMost
	why := goAwayError(binary.BigEndian.Uint32(f.content[4:]))
	m.drained = true
	for _, id := range sortedIDs(m.streams) {
		if id > last {
			m.refuse(m.streams[id], why)
		}
	}
	for len(m.waiting) > 0 {
		s := m.waiting[0]
		m.remove(s)
		s.reassign(why)
	}
	return nil
}

func (m *mux) handleWindow(f frame) error {
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
