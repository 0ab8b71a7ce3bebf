package probe

import (
	"bytes"
	"errors"
	"io"
	"time"

	"stellar/src/sample"
)

const (
	windowBytes = 16 << 10 // read buffer of a slot, and the longest line of a head
	maxHead     = 64 << 10 // all lines of a head, trailers included
	maxInterim  = 16       // 1xx answers before the real one
	keptBody    = 1 << 20  // as much of a body is kept for the reading afterwards; the rest is counted
)

// broken is a violation of HTTP/1.1; a constant of it costs nothing to return.
type broken string

func (b broken) Error() string { return string(b) }

var errTooLarge = errors.New("the response body is longer than the limit")

// response reads one HTTP/1.1 response into buffers that live as long as its slot. Nothing of what it reads is trusted.
type response struct {
	maxBody int64

	window      []byte // bytes read ahead: window[r:w]
	r, w        int
	opened      time.Time // stamps count from here
	first, last time.Duration

	head   []byte // status line and header lines of the final answer, for after the burst
	body   []byte // the first keptBody bytes
	length int64  // of the body, as far as it was read
	status int
	whole  bool // the response is complete
	keep   bool // the connection can carry another request

	framing
}

// framing is what the head says about where the body ends.
type framing struct {
	fixed    int64 // Content-Length, or -1
	chunked  bool
	encoded  bool // a transfer coding that is not understood
	closes   bool // Connection: close
	persists bool // Connection: keep-alive
	minor    byte // of HTTP/1.x
}

func (p *response) reset(opened time.Time, maxBody int64) {
	if p.window == nil {
		p.window = make([]byte, windowBytes)
		p.head = make([]byte, 0, 2048)
		p.body = make([]byte, 0, 4096)
	}
	*p = response{
		maxBody: maxBody, window: p.window, opened: opened, head: p.head[:0], body: p.body[:0],
		first: sample.None, last: sample.None,
	}
}

// read reads the response. It returns nil once the last body byte is in.
func (p *response) read(c io.Reader) error {
	for range maxInterim + 1 {
		if err := p.readHead(c); err != nil {
			return err
		}
		if p.status >= 200 {
			return p.readBody(c)
		}
		if p.status == 101 {
			return broken("the server switched protocols unasked")
		}
	}
	return broken("too many interim answers")
}

// fill reads more into the window and stamps its arrival.
func (p *response) fill(c io.Reader) error {
	if p.r == p.w {
		p.r, p.w = 0, 0
	} else if p.w == len(p.window) {
		if p.r == 0 {
			return broken("a line of the head is too long")
		}
		p.w = copy(p.window, p.window[p.r:p.w])
		p.r = 0
	}
	n, err := c.Read(p.window[p.w:])
	if n > 0 {
		p.last = time.Since(p.opened)
		if p.first < 0 {
			p.first = p.last
		}
		p.w += n
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// line returns the next line without its line break, valid until the next read. A bare LF ends a line, too.
func (p *response) line(c io.Reader) ([]byte, error) {
	from := p.r
	for {
		if i := bytes.IndexByte(p.window[from:p.w], '\n'); i >= 0 {
			line := p.window[p.r : from+i]
			p.r = from + i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		seen := p.w - p.r
		if err := p.fill(c); err != nil {
			return nil, midway(err)
		}
		from = p.r + seen
	}
}

// midway turns an end of file where more was promised into the error it is.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *response) readHead(c io.Reader) error {
	p.head = p.head[:0]
	p.framing = framing{fixed: -1}
	line, err := p.line(c)
	if err != nil {
		return err
	}
	if err := p.statusLine(line); err != nil {
		return err
	}
	total := 0
	for {
		p.head = append(append(p.head, line...), '\n')
		if line, err = p.line(c); err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		if total += len(line) + 2; total > maxHead {
			return broken("the head is too long")
		}
		if err := p.field(line); err != nil {
			return err
		}
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

// readBody reads the body as the head frames it (RFC 9112, section 6.3) and decides about the connection.
func (p *response) readBody(c io.Reader) error {
	p.keep = !p.closes && (p.minor == 1 || p.persists)
	var err error
	switch {
	case p.encoded:
		return broken("the transfer coding is not understood")
	case p.status == 204 || p.status == 304:
	case p.chunked:
		// Both framings in one head are an attack or a defect; the connection is not used again.
		p.keep = p.keep && p.fixed < 0
		err = p.readChunks(c)
	case p.fixed >= 0:
		err = p.take(c, p.fixed)
	default:
		p.keep = false
		err = p.readToEnd(c)
	}
	if err != nil {
		return err
	}
	p.whole = true
	p.keep = p.keep && p.r == p.w // what comes after the end was not asked for
	return nil
}

// take moves n body bytes out of the window, reading as needed.
func (p *response) take(c io.Reader, n int64) error {
	if p.length+n > p.maxBody || n > p.maxBody {
		return errTooLarge
	}
	for n > 0 {
		if p.r == p.w {
			if err := p.fill(c); err != nil {
				return midway(err)
			}
		}
		part := min(n, int64(p.w-p.r))
		p.store(p.window[p.r : p.r+int(part)])
		p.r += int(part)
		n -= part
	}
	return nil
}

func (p *response) store(part []byte) {
	p.length += int64(len(part))
	if room := keptBody - len(p.body); room > 0 {
		p.body = append(p.body, part[:min(room, len(part))]...)
	}
}

func (p *response) readToEnd(c io.Reader) error {
	for {
		if p.length+int64(p.w-p.r) > p.maxBody {
			return errTooLarge
		}
		p.store(p.window[p.r:p.w])
		p.r = p.w
		if err := p.fill(c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (p *response) readChunks(c io.Reader) error {
	for {
		line, err := p.line(c)
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte{';'})
		n, ok := number(bytes.TrimRight(size, " \t"), 16)
		if !ok {
			return broken("the size of a chunk makes no sense")
		}
		if n == 0 {
			return p.readTrailers(c)
		}
		if err := p.take(c, n); err != nil {
			return err
		}
		if line, err = p.line(c); err != nil {
			return err
		} else if len(line) > 0 {
			return broken("a chunk is longer than its size")
		}
	}
}

func (p *response) readTrailers(c io.Reader) error {
	for total := 0; total <= maxHead; {
		line, err := p.line(c)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		total += len(line) + 2
	}
	return broken("the trailers are too long")
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
