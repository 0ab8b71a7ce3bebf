package probe

import (
	"bytes"

	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
)

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

// field handles a header line as far as it concerns the framing.
func (p *response) field(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	switch {
	case colon < 1:
		return broken("a header line has no name and colon")
	case isBlank(line[colon-1]): // the name could be taken for another one (section 5.1)
		return broken("a header line has a blank before its colon")
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case answer.EqualFold(name, "content-length"):
		return p.contentLength(value)
	case answer.EqualFold(name, "transfer-encoding"):
		p.chunked = answer.EqualFold(value, "chunked") && !p.chunked && !p.encoded
		p.encoded = !p.chunked
	case answer.EqualFold(name, "connection"):
		for len(value) > 0 {
			token, rest, _ := bytes.Cut(value, []byte{','})
			token, value = bytes.TrimSpace(token), rest
			p.closes = p.closes || answer.EqualFold(token, "close")
			p.persists = p.persists || answer.EqualFold(token, "keep-alive")
		}
	}
	return nil
}

// contentLength reads a length, which may be given several times if the values are equal (RFC 9110, section 8.6).
func (p *response) contentLength(value []byte) error {
	for more := true; more; {
		var one []byte
		one, value, more = bytes.Cut(value, []byte{','})
		n, ok := number(bytes.Trim(one, " \t"), 10)
		switch {
		case !ok:
			return broken("Content-Length is not a number")
		case p.fixed >= 0 && p.fixed != n:
			return broken("there are two different values of Content-Length")
		}
		p.fixed = n
	}
	return nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

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
