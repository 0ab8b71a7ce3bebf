package local

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// readUsual reads a function's answer in the form that most functions write: an object with a status of three digits
// and, in any order and each at most once, headers that are strings, a body and isBase64Encoded. Its texts have no
// escape other than those of one letter. Every other answer, valid or not, is left to encoding/json, which takes
// several times as long: ok is false. Where ok is true, the result is that of encoding/json.
func readUsual(raw []byte) (res functionResponse, ok bool) {
	s := &usualScanner{left: raw}
	if !utf8.Valid(raw) || !s.members(func(name string) bool { return s.member(&res, name) }) {
		return functionResponse{}, false
	}
	return res, len(s.left) == 0 && res.StatusCode != nil
}

// usualScanner reads JSON from the beginning of left. Its methods return false for what they do not know.
type usualScanner struct {
	left       []byte
	hasEncoded bool // isBase64Encoded was read
}

// member reads the value of a member of the answer.
func (s *usualScanner) member(res *functionResponse, name string) bool {
	switch {
	case name == "statusCode" && res.StatusCode == nil:
		return s.status(res)
	case name == "headers" && res.Headers == nil:
		res.Headers = map[string]headerValue{}
		return s.members(func(name string) bool {
			if _, twice := res.Headers[name]; twice {
				return false
			}
			value, ok := s.text()
			res.Headers[name] = headerValue(value)
			return ok
		})
	case name == "body" && res.Body == nil:
		text, ok := s.text()
		res.Body = &text
		return ok
	case name == "isBase64Encoded" && !s.hasEncoded:
		s.hasEncoded = true
		res.IsBase64Encoded = s.next("true")
		return res.IsBase64Encoded || s.next("false")
	}
	return false
}

// members reads an object; value reads the value behind each name.
func (s *usualScanner) members(value func(name string) bool) bool {
	if !s.next("{") {
		return false
	}
	if s.next("}") {
		return true
	}
	for {
		name, ok := s.text()
		if !ok || !s.next(":") || !value(name) {
			return false
		}
		if !s.next(",") {
			return s.next("}")
		}
	}
}

// status reads a number of three digits.
func (s *usualScanner) status(res *functionResponse) bool {
	s.space()
	if len(s.left) < 4 || s.left[0] < '1' || s.left[0] > '9' || !isDigit(s.left[1]) || !isDigit(s.left[2]) {
		return false
	}
	number := json.Number(s.left[:3])
	res.StatusCode, s.left = &number, s.left[3:]
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// next reads a token.
func (s *usualScanner) next(token string) bool {
	s.space()
	if len(s.left) < len(token) || string(s.left[:len(token)]) != token {
		return false
	}
	s.left = s.left[len(token):]
	return true
}

func (s *usualScanner) space() {
	for len(s.left) > 0 && (s.left[0] == ' ' || s.left[0] == '\n' || s.left[0] == '\t' || s.left[0] == '\r') {
		s.left = s.left[1:]
	}
}

// text reads a string.
func (s *usualScanner) text() (text string, ok bool) {
	if !s.next(`"`) {
		return "", false
	}
	escapes := 0
	for i := 0; i < len(s.left); i++ {
		switch c := s.left[i]; {
		case c < ' ':
			return "", false
		case c == '\\':
			escapes++
			i++
		case c == '"':
			piece := s.left[:i]
			s.left = s.left[i+1:]
			if escapes == 0 {
				return string(piece), true
			}
			return unescape(piece, len(piece)-escapes)
		}
	}
	return "", false
}

// unescape returns a string without its escapes, which takes so many bytes; false: one has more than one letter.
func unescape(piece []byte, size int) (text string, ok bool) {
	out := make([]byte, 0, size)
	for {
		i := bytes.IndexByte(piece, '\\')
		if i < 0 {
			return string(append(out, piece...)), true
		}
		out = append(out, piece[:i]...)
		switch c := piece[i+1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			return "", false
		}
		piece = piece[i+2:]
	}
}
