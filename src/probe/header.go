package probe

import "bytes"

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
	switch {
	case colon < 1:
		return broken("a header line has no name and colon")
	case isBlank(line[colon-1]): // the name could be taken for another one (section 5.1)
		return broken("a header line has a blank before its colon")
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case equalFold(name, "content-length"):
		return p.contentLength(value)
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

// contentLength takes in a length, which may be given several times where it is the same one (RFC 9110, section 8.6).
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
