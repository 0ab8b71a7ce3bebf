package answer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// report is what a row takes from an answer. Its texts are those of the body.
type report struct {
	requestID, instanceID []byte
	cold                  sample.Tri
	invocation            int64
	init, spin            optional
	received, first       []byte // stamps, as they stand; first is that of the chain
}

// optional is a number that may be missing.
type optional struct {
	n     int64
	known bool
}

// readReport reads a function's answer. The functions of this tool write plain JSON, which is scanned in a twentieth of
// the time of encoding/json; other JSON is left to that. A sustained load makes a hundred thousand rows a second while
// it runs.
func readReport(body []byte, r *report) bool {
	if len(body) == 0 || body[0] != '{' {
		return false
	}
	s := scanner{rest: body}
	if s.answer(r) && len(bytes.TrimSpace(s.rest)) == 0 {
		return true
	}
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return false
	}
	*r = a.report()
	return true
}

// scanner reads plain JSON: no escapes in texts, whole numbers where one is wanted, keys in our case only. Each of its
// functions returns false if it finds anything else, and encoding/json then reads the whole text.
type scanner struct{ rest []byte }

func (s *scanner) answer(r *report) bool {
	if !s.readByte('{') {
		return false
	}
	for n := 0; ; n++ {
		key, more, ok := s.member(n)
		if !ok || !more {
			return ok
		}
		switch string(key) {
		case "RequestID":
			ok = s.text(&r.requestID)
		case "TimestampChain":
			ok = s.first(&r.first)
		case "Instance":
			ok = s.instance(r)
		case "ReceivedAt":
			ok = s.raw(&r.received)
		case "SpinNs":
			ok = s.number(&r.spin)
		default:
			ok = !likely(key, "RequestID", "TimestampChain", "Instance", "ReceivedAt", "SpinNs") && s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) instance(r *report) bool {
	if !s.readByte('{') {
		return false
	}
	for n := 0; ; n++ {
		key, more, ok := s.member(n)
		if !ok || !more {
			return ok
		}
		switch string(key) {
		case "ID":
			ok = s.text(&r.instanceID)
		case "Cold":
			ok = s.truth(&r.cold)
		case "Invocation":
			var n optional
			ok = s.number(&n)
			r.invocation = n.n
		case "InitNs":
			ok = s.number(&r.init)
		default:
			ok = !likely(key, "ID", "Cold", "Invocation", "InitNs") && s.skip(0)
		}
		if !ok {
			return false
		}
	}
}

func (s *scanner) truth(out *sample.Tri) bool {
	yes := s.word("true")
	*out = triState(yes)
	return yes || s.word("false")
}

// likely reports whether encoding/json would accept a key as one of ours, as it does in any case of letters.
func likely(key []byte, names ...string) bool {
	for _, name := range names {
		if len(key) == len(name) && strings.EqualFold(string(key), name) { // both are ASCII
			return true
		}
	}
	return false
}

func (s *scanner) space() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\n' || s.rest[0] == '\t' || s.rest[0] == '\r') {
		s.rest = s.rest[1:]
	}
}

// readByte reads one character past white space.
func (s *scanner) readByte(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) word(w string) bool {
	s.space()
	if !bytes.HasPrefix(s.rest, []byte(w)) {
		return false
	}
	s.rest = s.rest[len(w):]
	return true
}

// member reads the name of an object's member, of which n are read; without more, the object is at its end. There is no
// function that is given each member: what it sets would be allocated.
func (s *scanner) member(n int) (key []byte, more, ok bool) {
	if s.readByte('}') {
		return nil, false, true
	}
	if n > 0 && !s.readByte(',') {
		return nil, false, false
	}
	key, ok = s.quoted()
	return key, true, ok && s.readByte(':')
}

// quoted reads a text without escapes and beyond-ASCII characters.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.readByte('"') {
		return nil, false
	}
	i := plainLength(s.rest)
	if i == len(s.rest) || s.rest[i] != '"' {
		return nil, false
	}
	text := s.rest[:i]
	s.rest = s.rest[i+1:]
	return text, true
}

// plainLength is the number of bytes in front of the first quote, backslash, control character or byte beyond ASCII.
// Eight bytes are looked at together: each expression has the top bit of the lowest byte that it is for, and maybe of
// some above it ("Determine if a word has a byte less than n", graphics.stanford.edu/~seander/bithacks.html).
func plainLength(text []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		quote, slash := x^low*'"', x^low*'\\'
		found := ((x-low*' ')&^x | (quote-low)&^quote | (slash-low)&^slash | x | (x + low)) & high
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

func (s *scanner) text(out *[]byte) (ok bool) {
	*out, ok = s.quoted()
	return ok
}

// digits reads a whole number of at most 18 digits.
func (s *scanner) digits() ([]byte, bool) {
	s.space()
	i := 0
	for i < len(s.rest) && s.rest[i] >= '0' && s.rest[i] <= '9' {
		i++
	}
	text := s.rest[:i]
	if i == 0 || i > 19 || i > 1 && text[0] == '0' || i == len(s.rest) || s.rest[i] == '.' || s.rest[i] == 'e' ||
		s.rest[i] == 'E' {
		return nil, false
	}
	s.rest = s.rest[i:]
	return text, true
}

func (s *scanner) number(out *optional) bool {
	text, ok := s.digits()
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	*out = optional{n, err == nil}
	return out.known
}

// raw reads a text or a whole number as it stands.
func (s *scanner) raw(out *[]byte) bool {
	s.space()
	if len(s.rest) == 0 {
		return false
	}
	if s.rest[0] != '"' {
		text, ok := s.digits()
		*out = text
		return ok
	}
	before := s.rest
	if _, ok := s.quoted(); !ok {
		return false
	}
	*out = before[:len(before)-len(s.rest)]
	return true
}

// first reads a list of texts and numbers, and keeps the first.
func (s *scanner) first(out *[]byte) bool {
	if !s.readByte('[') {
		return false
	}
	*out = nil
	if s.readByte(']') {
		return true
	}
	for {
		var one []byte
		if !s.raw(&one) {
			return false
		}
		if *out == nil {
			*out = one
		}
		if s.readByte(']') {
			return true
		}
		if !s.readByte(',') {
			return false
		}
	}
}

// skip reads any plain value.
func (s *scanner) skip(depth int) bool {
	s.space()
	if len(s.rest) == 0 || depth > 8 {
		return false
	}
	switch s.rest[0] {
	case '{':
		s.rest = s.rest[1:]
		for n := 0; ; n++ {
			if _, more, ok := s.member(n); !ok || !more {
				return ok
			}
			if !s.skip(depth + 1) {
				return false
			}
		}
	case '[':
		s.rest = s.rest[1:]
		if s.readByte(']') {
			return true
		}
		for s.skip(depth + 1) {
			if s.readByte(']') {
				return true
			}
			if !s.readByte(',') {
				return false
			}
		}
		return false
	case '"':
		_, ok := s.quoted()
		return ok
	}
	if s.word("true") || s.word("false") || s.word("null") {
		return true
	}
	_, ok := s.digits()
	return ok
}
