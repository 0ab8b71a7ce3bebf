package probe

import (
	"bytes"
	"errors"
	"io"
	"time"

	"stellar/src/sample"
)

const (
	windowBytes = 16 << 10 // the longest line of a head
	maxHead     = 64 << 10 // all lines of a head, trailers included
	maxInterim  = 16       // 1xx answers before the real one
	keptBody    = 1 << 20  // as much of a body is kept for the reading afterwards; the rest is counted
)

// broken is a violation of HTTP/1.1; a constant of it costs nothing to return.
type broken string

func (b broken) Error() string { return string(b) }

var errTooLarge = errors.New("the response body is longer than the limit")

// response takes in one response, in the pieces in which it arrives. Nothing of what it is given is trusted. Its buffers
// live as long as its slot.
type response struct {
	maxBody int64

	first, last time.Duration // when the first and the last piece came, on the engine's clock

	head   []byte // status line and header lines of the final answer, for after the burst
	body   []byte // the first keptBody bytes
	length int64  // of the body, as far as it came
	status int
	whole  bool // the response is complete
	keep   bool // the connection can carry another request

	part    func(*response, []byte) (int, error) // what comes next; nil once the response is whole
	pending []byte                               // the beginning of a line whose end has not come yet
	interim int                                  // 1xx answers so far
	total   int                                  // bytes of the head, or of the trailers
	left    int64                                // bytes of the body, or of the chunk, that are to come
	framing
}

// framing is what the head says about where the body ends.
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
		maxBody: maxBody, head: p.head[:0], body: p.body[:0], pending: p.pending[:0],
		first: sample.None, last: sample.None, part: (*response).statusPart,
	}
}

// feed takes in what arrived at an instant. An error is the end of the connection; once whole is set, so is a piece that
// comes after the end, which was not asked for.
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

// stamp notes that a piece has come.
func (p *response) stamp(at time.Duration) {
	p.last = at
	if p.first < 0 {
		p.first = at
	}
}

// eof takes in the end of the connection. It ends a response without a length of its own; anything else is cut off by it.
func (p *response) eof() error {
	if p.toEnd {
		p.part, p.whole = nil, true
		return nil
	}
	return io.ErrUnexpectedEOF
}

// line cuts the next line off data, without its line break; a bare LF ends one, too. used is 0 where none is whole yet.
func line(data []byte) (text []byte, used int, err error) {
	i := bytes.IndexByte(data, '\n')
	if i >= windowBytes || i < 0 && len(data) >= windowBytes {
		return nil, 0, broken("a line of the head is too long")
	}
	if i < 0 {
		return nil, 0, nil
	}
	return bytes.TrimSuffix(data[:i], []byte{'\r'}), i + 1, nil
}

func (p *response) statusPart(data []byte) (int, error) {
	text, used, err := line(data)
	if used == 0 || err != nil {
		return 0, err
	}
	p.head, p.framing, p.total = p.head[:0], framing{fixed: -1}, 0
	if err := p.statusLine(text); err != nil {
		return 0, err
	}
	p.head = append(append(p.head, text...), '\n')
	p.part = (*response).fieldPart
	return used, nil
}

func (p *response) fieldPart(data []byte) (int, error) {
	text, used, err := line(data)
	if used == 0 || err != nil {
		return 0, err
	}
	if len(text) == 0 {
		return used, p.headDone()
	}
	if p.total += len(text) + 2; p.total > maxHead {
		return 0, broken("the head is too long")
	}
	p.head = append(append(p.head, text...), '\n')
	return used, p.field(text)
}

// headDone decides what follows the head: the body as it frames it (RFC 9112, section 6.3), or, after an interim answer,
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
	case p.encoded:
		return broken("the transfer coding is not understood")
	case p.status == 204 || p.status == 304:
		p.part = nil
	case p.chunked:
		// Both framings in one head are an attack or a defect; the connection is not used again.
		p.keep = p.keep && p.fixed < 0
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

// take stores what data has of the bytes that are to come.
func (p *response) take(data []byte) int {
	n := int(min(p.left, int64(len(data))))
	p.store(data[:n])
	p.left -= int64(n)
	return n
}

func (p *response) fixedPart(data []byte) (int, error) {
	n := p.take(data)
	if p.left == 0 {
		p.part = nil
	}
	return n, nil
}

func (p *response) toEndPart(data []byte) (int, error) {
	if p.length+int64(len(data)) > p.maxBody {
		return 0, errTooLarge
	}
	p.store(data)
	return len(data), nil
}

func (p *response) chunkPart(data []byte) (int, error) {
	text, used, err := line(data)
	if used == 0 || err != nil {
		return 0, err
	}
	size, _, _ := bytes.Cut(text, []byte{';'})
	n, ok := number(bytes.TrimRight(size, " \t"), 16)
	if !ok {
		return 0, broken("the size of a chunk makes no sense")
	}
	if n == 0 {
		p.part = (*response).trailerPart
		return used, nil
	}
	p.part = (*response).chunkDataPart
	return used, p.expect(n)
}

func (p *response) chunkDataPart(data []byte) (int, error) {
	n := p.take(data)
	if p.left == 0 {
		p.part = (*response).chunkEndPart
	}
	return n, nil
}

func (p *response) chunkEndPart(data []byte) (int, error) {
	text, used, err := line(data)
	if used == 0 || err != nil {
		return 0, err
	}
	if len(text) > 0 {
		return 0, broken("a chunk is longer than its size")
	}
	p.part = (*response).chunkPart
	return used, nil
}

func (p *response) trailerPart(data []byte) (int, error) {
	text, used, err := line(data)
	if used == 0 || err != nil {
		return 0, err
	}
	if p.total += len(text) + 2; p.total > maxHead {
		return 0, broken("the trailers are too long")
	}
	if len(text) == 0 {
		p.part = nil
	}
	return used, nil
}

func (p *response) store(part []byte) {
	p.length += int64(len(part))
	if room := keptBody - len(p.body); room > 0 {
		p.body = append(p.body, part[:min(room, len(part))]...)
	}
}

// statusLine reads "HTTP/1.1 200 OK".
func (p *response) statusLine(line []byte) error {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return broken("the answer is not HTTP/1.x")
	}
	p.minor = line[7] - '0'
	status := 0
	for _, d := range line[9:12] {
		if d < '0' || d > '9' {
			return broken("the status is not a number")
		}
		status = status*10 + int(d-'0')
	}
	if p.minor > 1 || status < 100 || status > 599 {
		return broken("the status or version is out of range")
	}
	p.status = status
	return nil
}

// field takes from a header line what concerns the framing.
func (p *response) field(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || line[0] == ' ' || line[0] == '\t' || line[colon-1] == ' ' {
		return broken("a header line is malformed")
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case equalFold(name, "content-length"):
		n, ok := number(value, 10)
		if !ok || p.fixed >= 0 && p.fixed != n {
			return broken("Content-Length makes no sense")
		}
		p.fixed = n
	case equalFold(name, "transfer-encoding"):
		p.chunked = equalFold(value, "chunked") && !p.chunked && !p.encoded
		p.encoded = !p.chunked
	case equalFold(name, "connection"):
		for len(value) > 0 {
			token, rest, _ := bytes.Cut(value, []byte{','})
			token, value = bytes.TrimSpace(token), rest
			p.closes = p.closes || equalFold(token, "close")
			p.persists = p.persists || equalFold(token, "keep-alive")
		}
	}
	return nil
}

// equalFold compares with a lower-case ASCII name; it allocates nothing.
func equalFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// number reads digits of base 10 or 16 that fit an int64.
func number(text []byte, base int64) (int64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	n := int64(0)
	for _, c := range text {
		digit := int64(99)
		switch {
		case c >= '0' && c <= '9':
			digit = int64(c - '0')
		case c >= 'a' && c <= 'f':
			digit = int64(c-'a') + 10
		case c >= 'A' && c <= 'F':
			digit = int64(c-'A') + 10
		}
		if digit >= base || n > (1<<62)/base {
			return 0, false
		}
		n = n*base + digit
	}
	return n, true
}

// header finds a field of the final answer by its lower-case name, for after the burst.
func (p *response) header(lower string) string {
	for line := range bytes.Lines(p.head) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && equalFold(name, lower) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}
