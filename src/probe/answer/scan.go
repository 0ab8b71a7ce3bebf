package answer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
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
	s := scanner{text: body}
	if s.answer(r) && len(bytes.TrimSpace(body[s.at:])) == 0 {
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
type scanner struct {
	text []byte
	at   int // the next byte
}

func (s *scanner) answer(r *report) bool {
	if !s.next('{') {
		return false
	}
	for n := 0; ; n++ {
		key, more, ok := s.member(n)
		if !ok || !more {
			return ok
		}
		switch string(key) {
		case "RequestID":
			ok = s.quotedTo(&r.requestID)
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
	if !s.next('{') {
		return false
	}
	for n := 0; ; n++ {
		key, more, ok := s.member(n)
		if !ok || !more {
			return ok
		}
		switch string(key) {
		case "ID":
			ok = s.quotedTo(&r.instanceID)
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

// next reads one character past white space, which there hardly is: it is inlined.
func (s *scanner) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return s.spaced(c)
}

// spaced reads one character past white space.
func (s *scanner) spaced(c byte) bool {
	if s.peek() != c || s.at == len(s.text) {
		return false
	}
	s.at++
	return true
}

// peek passes over white space; it returns the character behind it, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) word(w string) bool {
	s.peek()
	if end := s.at + len(w); end <= len(s.text) && string(s.text[s.at:end]) == w {
		s.at = end
		return true
	}
	return false
}

// member reads the name of an object's member, of which n are read; without more, the object is at its end. There is no
// function that is given each member: what it sets would be allocated.
func (s *scanner) member(n int) (key []byte, more, ok bool) {
	if n > 0 && s.next(',') {
		key, ok = s.quoted()
		return key, true, ok && s.next(':')
	}
	if s.next('}') {
		return nil, false, true
	}
	if n > 0 {
		return nil, false, false
	}
	key, ok = s.quoted()
	return key, true, ok && s.next(':')
}

// quoted reads a text without escapes and beyond-ASCII characters.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	rest := s.text[s.at:]
	i := plainLength(rest)
	if i == len(rest) || rest[i] != '"' {
		return nil, false
	}
	s.at += i + 1
	return rest[:i], true
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

func (s *scanner) quotedTo(out *[]byte) (ok bool) {
	*out, ok = s.quoted()
	return ok
}

// digits reads a whole number of at most 19 digits, which a uint64 holds.
func (s *scanner) digits() (text []byte, n uint64, ok bool) {
	s.peek()
	rest := s.text[s.at:]
	i := 0
	for ; i < len(rest) && rest[i]-'0' <= 9; i++ {
		n = n*10 + uint64(rest[i]-'0')
	}
	if i == 0 || i > 19 || i > 1 && rest[0] == '0' || i == len(rest) || rest[i] == '.' || rest[i]|0x20 == 'e' {
		return nil, 0, false
	}
	s.at += i
	return rest[:i], n, true
}

func (s *scanner) number(out *optional) bool {
	_, n, ok := s.digits()
	*out = optional{int64(n), ok && n <= math.MaxInt64}
	return out.known
}

// raw reads a text or a whole number as it stands.
func (s *scanner) raw(out *[]byte) (ok bool) {
	if s.peek() != '"' {
		*out, _, ok = s.digits()
		return ok
	}
	from := s.at
	if _, ok := s.quoted(); !ok {
		return false
	}
	*out = s.text[from:s.at]
	return true
}

// first reads a list of texts and numbers, and keeps the first.
func (s *scanner) first(out *[]byte) bool {
	if !s.next('[') {
		return false
	}
	*out = nil
	if s.next(']') {
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
		if s.next(']') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

// skip reads any plain value.
func (s *scanner) skip(depth int) bool {
	if depth > 8 {
		return false
	}
	switch s.peek() {
	case '{':
		s.at++
		for n := 0; ; n++ {
			if _, more, ok := s.member(n); !ok || !more {
				return ok
			}
			if !s.skip(depth + 1) {
				return false
			}
		}
	case '[':
		s.at++
		if s.next(']') {
			return true
		}
		for s.skip(depth + 1) {
			if s.next(']') {
				return true
			}
			if !s.next(',') {
				return false
			}
		}
		return false
	case '"':
		_, ok := s.quoted()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	_, _, ok := s.digits()
	return ok
}
