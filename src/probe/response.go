package probe

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	windowBytes = 16 << 10 // the longest line of a head or of a chunk's beginning, folded ones as a whole
	maxHead     = 64 << 10 // all lines of a head; all lines of trailers
	maxInterim  = 16       // 1xx answers before the real one
	keptBody    = 1 << 20  // Client.KeepBody where it is 0
)

// broken is a violation of HTTP/1.1; it is a constant, so that returning it costs nothing.
type broken string

func (b broken) Error() string { return string(b) }

var errTooLarge = errors.New("the response body is longer than the limit")

const (
	errLongLine  = broken("a header line is too long: over 16 KiB")
	errLongHead  = broken("the response's head is too long: over 64 KiB")
	errLongChunk = broken("the line before a chunk is too long: over 16 KiB")
	errLongTail  = broken("the trailers are too long: over 64 KiB, or a line over 16 KiB")
)

// response reads one response, in the pieces in which it arrives. It trusts nothing of its input. Its buffers live as
// long as its slot.
type response struct {
	maxBody int64
	kept    int64 // as much of a body is kept for the reading afterwards; the rest is counted

	first, last time.Duration // when the first and the last piece was read, on the engine's clock
	arrived     time.Duration // when this machine's kernel had the last piece; None: it does not say

	head   []byte // status line and header lines of the final answer, for after the burst
	body   []byte // the first bytes, kept of them
	length int64  // of the body, as far as it came
	status int
	whole  bool // the response is complete
	keep   bool // the connection can carry another request

	part    func(*response, []byte) (int, error) // what comes next; nil once the response is whole
	pending []byte                               // the beginning of a line whose end has not come yet
	begun   int                                  // where the last header line begins in head; 0: there is none yet
	interim int                                  // 1xx answers so far
	total   int                                  // bytes of the head, or of the trailers
	left    int64                                // bytes of the body, or of the chunk, that are to come

	chunkBytes, marked int64 // see Client.ChunkBytes; how much of the body is stamped
	chunks             []chunk
	framing
}

// framing is what the head says about the end of the body.
type framing struct {
	fixed    int64 // Content-Length, or -1
	chunked  bool
	encoded  bool // a transfer coding that is not understood
	closes   bool // Connection: close
	persists bool // Connection: keep-alive
	toEnd    bool // the body ends with the connection
	minor    byte // of HTTP/1.x
}

func (p *response) reset(maxBody int64) {
	if p.head == nil {
		p.head = make([]byte, 0, 768)
		p.body = make([]byte, 0, 1024)
	}
	*p = response{
		maxBody: maxBody, kept: keptBody, head: p.head[:0], body: p.body[:0], pending: p.pending[:0],
		chunks: p.chunks[:0],
		first:  sample.None, last: sample.None, arrived: sample.None, part: (*response).statusPart,
	}
}

// feed handles what arrived at a given time. An error ends the connection; after the response is complete, so does
// further data, which was not asked for.
func (p *response) feed(data []byte, at time.Duration) error {
	p.stamp(at)
	held := len(p.pending) > 0
	if held {
		p.pending = append(p.pending, data...)
		data = p.pending
	}
	for p.part != nil {
		n, err := p.part(p, data)
		if err != nil {
			return err
		}
		data = data[n:]
		if n == 0 && p.part != nil {
			break // more has to come
		}
	}
	if p.part == nil {
		p.whole = true
		p.keep = p.keep && len(data) == 0 // what comes after the end was not asked for
		data = nil
	}
	p.pending = append(p.pending[:0], data...)
	return nil
}

// stamp records that a piece has arrived.
func (p *response) stamp(at time.Duration) {
	p.last = at
	if p.first < 0 {
		p.first = at
	}
}

// eof handles the end of the connection. It ends a response without a length of its own; any other response is cut off.
func (p *response) eof() error {
	if p.toEnd {
		p.part, p.whole = nil, true
		return nil
	}
	return io.ErrUnexpectedEOF
}

// line cuts the next line off data, without its line break; a bare LF ends one, too. used is 0 if none is complete yet.
func line(data []byte, long broken) (text []byte, used int, err error) {
	i := bytes.IndexByte(data, '\n')
	if i >= windowBytes || i < 0 && len(data) >= windowBytes {
		return nil, 0, long
	}
	if i < 0 {
		return nil, 0, nil
	}
	used = i + 1
	if i > 0 && data[i-1] == '\r' {
		i--
	}
	return data[:i], used, nil
}

func (p *response) statusPart(data []byte) (int, error) {
	text, used, err := line(data, errLongLine)
	if used == 0 || err != nil {
		return 0, err
	}
	p.head, p.framing, p.total, p.begun = p.head[:0], framing{fixed: -1}, 0, 0
	if err := p.statusLine(text); err != nil {
		return 0, err
	}
	p.head = append(append(p.head, text...), '\n')
	p.part = (*response).fieldPart
	return used, nil
}

// fieldPart handles a header line. It is interpreted once the next line shows that it is not folded.
func (p *response) fieldPart(data []byte) (int, error) {
	text, used, err := line(data, errLongLine)
	if used == 0 || err != nil {
		return 0, err
	}
	if p.total += len(text) + 2; p.total > maxHead {
		return 0, errLongHead
	}
	if len(text) > 0 && isBlank(text[0]) {
		return used, p.unfold(text)
	}
	if p.begun > 0 {
		if err := p.field(p.head[p.begun : len(p.head)-1]); err != nil {
			return 0, err
		}
	}
	if len(text) == 0 {
		return used, p.headDone()
	}
	p.begun = len(p.head)
	p.head = append(append(p.head, text...), '\n')
	return used, nil
}

// unfold joins a line that begins with blanks to the one before it, with one space between them (RFC 9112, section
// 5.2).
func (p *response) unfold(text []byte) error {
	if p.begun == 0 {
		return broken("the first header line begins with a blank")
	}
	before := bytes.TrimRight(p.head[p.begun:len(p.head)-1], " \t")
	text = bytes.Trim(text, " \t")
	if len(before)+1+len(text) >= windowBytes {
		return errLongLine
	}
	p.head = append(append(append(p.head[:p.begun+len(before)], ' '), text...), '\n')
	return nil
}

// headDone decides what follows the head: the body by its framing (RFC 9112, section 6.3), or, after an interim answer,
// the next head.
func (p *response) headDone() error {
	if p.status < 200 {
		if p.status == 101 {
			return broken("the server switched protocols unasked")
		}
		if p.interim++; p.interim > maxInterim {
			return broken("too many interim answers")
		}
		p.part = (*response).statusPart
		return nil
	}
	p.keep = !p.closes && (p.minor == 1 || p.persists)
	switch {
	case p.status == 204 || p.status == 304:
		p.part = nil // whatever the head says (section 6.3)
	case p.encoded:
		return broken("the transfer coding is not understood")
	case p.chunked:
		// Both framings in one head, or chunks in HTTP/1.0, are an attack or a defect; the connection is not used
		// again.
		p.keep = p.keep && p.fixed < 0 && p.minor == 1
		p.part, p.total = (*response).chunkPart, 0
	case p.fixed >= 0:
		p.part = (*response).fixedPart
		return p.expect(p.fixed)
	default:
		p.keep, p.toEnd = false, true
		p.part = (*response).toEndPart
	}
	return nil
}

// expect makes room for n more bytes of the body.
func (p *response) expect(n int64) error {
	if n > p.maxBody || p.length+n > p.maxBody {
		return errTooLarge
	}
	if p.left = n; n == 0 && !p.chunked {
		p.part = nil
	}
	return nil
}

// storeExpected stores the part of data that belongs to the expected bytes.
func (p *response) storeExpected(data []byte) int {
	n := int(min(p.left, int64(len(data))))
	p.store(data[:n], len(data)-n)
	p.left -= int64(n)
	return n
}

func (p *response) fixedPart(data []byte) (int, error) {
	n := p.storeExpected(data)
	if p.left == 0 {
		p.part = nil
	}
	return n, nil
}

func (p *response) toEndPart(data []byte) (int, error) {
	if p.length+int64(len(data)) > p.maxBody {
		return 0, errTooLarge
	}
	p.store(data, 0)
	return len(data), nil
}

func (p *response) chunkPart(data []byte) (int, error) {
	text, used, err := line(data, errLongChunk)
	if used == 0 || err != nil {
		return 0, err
	}
	size, _, _ := bytes.Cut(text, []byte{';'})
	n, ok := number(bytes.TrimRight(size, " \t"), 16)
	if !ok {
		return 0, broken("the size of a chunk is not valid")
	}
	if n == 0 {
		p.part = (*response).trailerPart
		return used, nil
	}
	p.part = (*response).chunkDataPart
	return used, p.expect(n)
}

func (p *response) chunkDataPart(data []byte) (int, error) {
	n := p.storeExpected(data)
	if p.left == 0 {
		p.part = (*response).chunkEndPart
	}
	return n, nil
}

// chunkEndPart handles the line break after a chunk.
func (p *response) chunkEndPart(data []byte) (int, error) {
	n := len(data)
	switch {
	case n > 0 && data[0] == '\n':
		n = 1
	case n == 0 || n == 1 && data[0] == '\r':
		return 0, nil
	case data[0] == '\r' && data[1] == '\n':
		n = 2
	default:
		return 0, broken("a chunk is longer than its size")
	}
	p.part = (*response).chunkPart
	return n, nil
}

func (p *response) trailerPart(data []byte) (int, error) {
	text, used, err := line(data, errLongTail)
	if used == 0 || err != nil {
		return 0, err
	}
	if p.total += len(text) + 2; p.total > maxHead {
		return 0, errLongTail
	}
	if len(text) == 0 {
		p.part = nil
	}
	return used, nil
}

// store takes a part of the body, behind which so many further bytes were read.
func (p *response) store(part []byte, further int) {
	p.length += int64(len(part))
	if p.chunkBytes > 0 {
		p.mark(part, further)
	}
	if room := int(p.kept) - len(p.body); room > 0 {
		p.body = append(p.body, part[:min(room, len(part))]...)
	}
}
