package probe

import (
	"encoding/binary"
	"io"
	"slices"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// FuzzMux: a server that keeps to the protocol answers, resets, drains and ends connections in any order, and the
// kernel takes what is written in parts, or fails. Nothing is written while a read is parsed, what is written stays
// well-formed, every slot ends once, no request is sent more than twice, and no answer that was read is lost.
func FuzzMux(f *testing.F) {
	all := string([]byte{opAnswer, 0, opAnswer, 0, opAnswer, 0})
	for _, seed := range []struct{ script, writes string }{
		{"\x00\x00\x00\x01\x00\x02", ""},
		// GOAWAY, the answers it names, and a close, where writes fail from the first or a later one on.
		{string([]byte{opGoAway, 2}) + all + string([]byte{opEnd, 0, opConnect, 0, opSettings, 9}) + all, "\xff\x01"},
		{string([]byte{opDrain, 0, opGoAway, 3}) + all + string([]byte{opEnd, 0, opConnect, 0}) + all,
			"\xff\x05\x00\x01"},
		// A body that is too long beside whole answers, where the reset of its stream cannot be written.
		{string([]byte{opLong, 2}) + all + string([]byte{opRead, 0}), "\xff\x01"},
		{string([]byte{opSettings, 3, opLong, 0, opPing, 0}) + all + string([]byte{opRead, 0}), "\xff\x00\x01"},
		// Streams refused one by one, bodies that wait for a window, and time that runs out meanwhile.
		{string([]byte{opSettings, 1, opRead, 0, opRefuse, 0, opRefuse, 1, opRead, 0, opTimeout, 3}) +
			string([]byte{opWindow, 9, opRead, 0, opWritable, 0}) + all, "\xff\x03\x07\x02"},
		// A second connection that cannot be opened, and one that is drained in turn.
		{string([]byte{opGoAway, 0, opRead, 0, opFail, 0}) + all, ""},
		{string([]byte{opGoAway, 0, opRead, 0, opConnect, 0, opGoAway, 0, opRead, 0}), "\x09\x00"},
	} {
		f.Add([]byte(seed.script), []byte(seed.writes), uint8(1))
		f.Add([]byte(seed.script), []byte(seed.writes), uint8(0xff))
	}
	f.Fuzz(func(t *testing.T, script, writes []byte, piece uint8) {
		if len(script) > 400 {
			return
		}
		p := newPlay(t, writes, 32*int(piece)+9)
		for ; len(script) >= 2; script = script[2:] {
			p.act(script[0]%opCount, script[1])
			p.check()
		}
		for _, s := range p.b.slots {
			p.timeOut(s)
		}
		p.check()
		if left := p.b.left.Load(); left != 0 {
			t.Fatalf("%d slots have not ended", left)
		}
		begun := 0
		for _, w := range p.wires {
			begun += w.checkSent(t)
		}
		if begun > 2*len(p.b.slots) {
			t.Fatalf("%d requests begun for %d slots", begun, len(p.b.slots))
		}
	})
}

// What a server, the kernel or the clock does; the byte after it says to what, or how much.
const (
	opAnswer   = iota // the whole answer of a stream
	opBegin           // its head
	opLong            // a body that is too long
	opRefuse          // RST_STREAM, of streams that have no head REFUSED_STREAM
	opGoAway          // GOAWAY that names a stream
	opDrain           // GOAWAY that names the highest number there is
	opSettings        // with a small window for new streams
	opPing
	opWindow
	opRead     // what was sent arrives
	opEnd      // likewise, and then the end
	opWritable // the kernel takes more
	opConnect  // connections that were begun stand
	opFail     // or could not be opened
	opTimeout
	opCount
)

// play is a server, the kernel and the clock for one loose burst.
type play struct {
	t      *testing.T
	b      *burst
	writes []byte
	wires  []*serverWire
	byFD   map[int]*serverWire
	late   map[*slot]bool // whose time ran out
}

// serverWire is one connection from the server's side.
type serverWire struct {
	m       *mux
	in      []byte // sent, not read yet
	ended   bool
	out     []byte // what the kernel took of the client
	begun   map[uint32]bool
	over    map[uint32]bool
	ends    map[int]*slot // where in all that was sent a whole answer ends
	sent    int
	read    int
	highest uint32
}

func newPlay(t *testing.T, writes []byte, piece int) *play {
	p := &play{t: t, b: looseBurst(t, 6, make([]byte, 40)), writes: writes}
	p.byFD, p.late = map[int]*serverWire{}, map[*slot]bool{}
	l := p.b.engine.loops[0]
	l.buf = make([]byte, piece)
	l.read, l.write = p.readFrom, p.writeTo
	for _, s := range p.b.slots {
		s.stage = opening
		s.pool.join(s)
	}
	p.connect()
	return p
}

func (p *play) place() *connPool { return p.b.target.pools[0] }

// connect has every connection stand that was begun.
func (p *play) connect() {
	for _, m := range slices.Clone(p.place().muxes) {
		if m.conn.state != resolving {
			continue
		}
		w := &serverWire{m: m, begun: map[uint32]bool{}, over: map[uint32]bool{}, ends: map[int]*slot{}}
		p.wires = append(p.wires, w)
		p.byFD[-1] = w // until connect has its descriptor
		connect(p.t, m)
		if m.conn.fd >= 0 {
			p.byFD[m.conn.fd] = w
		}
	}
}

func (p *play) wire(fd int) *serverWire {
	if w := p.byFD[fd]; w != nil && w.m.conn.fd == fd {
		return w
	}
	return p.byFD[-1]
}

func (p *play) writeTo(fd int, b []byte) (int, error) {
	for _, w := range p.wires {
		if w.m.reading {
			p.t.Fatal("something is written while a read is parsed")
		}
	}
	n := len(b)
	if len(p.writes) > 0 {
		how := p.writes[0]
		p.writes = p.writes[1:]
		switch {
		case how == 0:
			return 0, errAgain
		case how == 1:
			return 0, syscall.EPIPE
		case how < 0xff:
			n = min(n, int(how))
		}
	}
	w := p.wire(fd)
	w.out = append(w.out, b[:n]...)
	return n, nil
}

func (p *play) readFrom(fd int, b []byte) (int, error) {
	w := p.wire(fd)
	switch n := copy(b, w.in); {
	case n > 0:
		w.in = w.in[n:]
		w.read += n
		return n, nil
	case w.ended || w.m.conn.refusal != nil:
		return 0, io.EOF
	}
	return 0, errAgain
}

func (p *play) act(op, arg byte) {
	switch op {
	case opConnect:
		p.connect()
		return
	case opFail:
		for _, m := range slices.Clone(p.place().muxes) {
			if m.conn.state == resolving {
				m.conn.fail(sample.Connect, syscall.ECONNREFUSED)
			}
		}
		return
	case opTimeout:
		p.timeOut(p.b.slots[int(arg)%len(p.b.slots)])
		return
	}
	for _, w := range slices.Clone(p.wires) {
		if w.m.conn.state != standing {
			continue
		}
		switch op {
		case opRead:
			w.m.conn.receive(false)
		case opEnd:
			w.ended = true
			w.m.conn.receive(true)
		case opWritable:
			w.m.conn.changed(readiness{out: true})
		default:
			if !w.ended {
				w.speak(op, arg)
			}
		}
	}
}

// speak has the server send something.
func (w *serverWire) speak(op, arg byte) {
	id := w.pick(arg)
	switch op {
	case opSettings:
		w.send(appendSetting(appendFrame(nil, frameSettings, 0, 0, 6), settingWindow, uint32(arg%64)))
	case opPing:
		w.send(appendFrame(nil, framePing, 0, 0, 8), make([]byte, 8))
	case opWindow:
		w.send(appendWindow(nil, id, uint32(arg)+1))
	case opDrain:
		w.goAway(windowMost)
	case opGoAway:
		w.goAway(max(id, w.highest))
	}
	if id == 0 {
		return
	}
	s := w.m.streams[id]
	switch op {
	case opAnswer, opBegin, opLong:
		if !w.begun[id] {
			w.send([]byte(headers(id, flagEndHeaders, "\x88")))
		}
		w.begun[id], w.highest = true, max(w.highest, id)
	}
	switch op {
	case opAnswer:
		w.send(appendFrame(nil, frameData, flagEndStream, id, 2), []byte("ok"))
		w.over[id], w.ends[w.sent] = true, s
	case opLong:
		w.send(appendFrame(nil, frameData, 0, id, 5000), make([]byte, 5000))
		w.over[id] = true
	case opRefuse:
		code := uint32(refusedCode)
		if w.begun[id] {
			code = cancelCode
		}
		w.send(binary.BigEndian.AppendUint32(appendFrame(nil, frameReset, 0, id, 4), code))
		w.over[id] = true
	}
}

// pick is a stream that the server still owes something, or 0.
func (w *serverWire) pick(arg byte) uint32 {
	var open []uint32
	for _, id := range sortedIDs(w.m.streams) {
		if !w.over[id] {
			open = append(open, id)
		}
	}
	if len(open) == 0 {
		return 0
	}
	return open[int(arg)%len(open)]
}

func (w *serverWire) send(parts ...[]byte) {
	for _, part := range parts {
		w.in = append(w.in, part...)
		w.sent += len(part)
	}
}

func (w *serverWire) goAway(last uint32) {
	w.send(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(appendFrame(nil, frameGoAway, 0, 0, 8), last),
		0))
	for id := range w.m.streams {
		if id > last {
			w.over[id] = true
		}
	}
}

func (p *play) timeOut(s *slot) {
	before := s.stage
	if s.expire(); before != finished && s.class == sample.Timeout {
		p.late[s] = true
	}
}

// check: what was read whole is an answer.
func (p *play) check() {
	p.t.Helper()
	for _, w := range p.wires {
		for end, s := range w.ends {
			if w.read >= end && !p.late[s] && (s.stage != finished || s.class != sample.OK) {
				p.t.Fatalf("slot %d: its answer was read, and its class is %q, its error %v", s.index, s.class, s.err)
			}
		}
	}
}

// checkSent states that what the kernel took is the beginning of a series of frames that a client may send, and counts
// the streams in it.
func (w *serverWire) checkSent(t *testing.T) (begun int) {
	t.Helper()
	if len(w.out) < len(preface) {
		return 0
	}
	if string(w.out[:len(preface)]) != preface {
		t.Fatalf("it begins with %q", w.out[:len(preface)])
	}
	reset, last := map[uint32]bool{}, uint32(0)
	for rest := w.out[len(preface):]; ; {
		f, used, err := cutFrame(rest)
		if err != nil {
			t.Fatalf("what was written: %v", err)
		}
		if used == 0 {
			return begun
		}
		rest = rest[used:]
		switch f.kind {
		case frameHeaders:
			if f.stream <= last || f.stream%2 == 0 {
				t.Fatalf("stream %d after %d", f.stream, last)
			}
			begun++
			last = f.stream
		case frameData, frameReset:
			if f.stream > last || reset[f.stream] {
				t.Fatalf("a frame of type %d for stream %d, the last being %d", f.kind, f.stream, last)
			}
			reset[f.stream] = f.kind == frameReset
		case frameSettings, framePing, frameWindow:
		default:
			t.Fatalf("a frame of type %d", f.kind)
		}
	}
}
