package answer

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// readAnswer reads a function's answer. The functions of this tool write plain JSON, which is scanned in a tenth of the
// time of encoding/json; other JSON is left to that. A sustained load makes a hundred thousand rows a second while it
// runs.
func readAnswer(body []byte) (a answer, ok bool) {
	if len(body) == 0 || body[0] != '{' {
		return a, false
	}
	s := scanner{rest: body}
	if s.answer(&a) && len(bytes.TrimSpace(s.rest)) == 0 {
		return a, true
	}
	a = answer{}
	return a, json.Unmarshal(body, &a) == nil
}

// scanner reads plain JSON: no escapes in texts, whole numbers where one is wanted, keys in our case only. Each of its
// functions returns false if it finds anything else, and encoding/json then reads the whole text.
type scanner struct{ rest []byte }

func (s *scanner) answer(a *answer) bool {
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "RequestID":
			return s.text(&a.RequestID)
		case "TimestampChain":
			return s.first(&a.TimestampChain)
		case "Instance":
			return s.instance(a)
		case "ReceivedAt":
			return s.raw((*[]byte)(&a.ReceivedAt))
		case "SpinNs":
			return s.number(&a.SpinNs)
		}
		return !likely(key, "RequestID", "TimestampChain", "Instance", "ReceivedAt", "SpinNs") && s.skip(0)
	})
}

func (s *scanner) instance(a *answer) bool {
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "ID":
			return s.text(&a.Instance.ID)
		case "Cold":
			var yes bool
			switch {
			case s.word("true"):
				yes = true
			case !s.word("false"):
				return false
			}
			a.Instance.Cold = &yes
			return true
		case "Invocation":
			n := &a.Instance.Invocation
			return s.number(&n)
		case "InitNs":
			return s.number(&a.Instance.InitNs)
		}
		return !likely(key, "ID", "Cold", "Invocation", "InitNs") && s.skip(0)
	})
}

// likely reports whether encoding/json would accept a key as one of ours, as it does in any case of letters.
func likely(key []byte, names ...string) bool {
	for _, name := range names {
		if bytes.EqualFold(key, []byte(name)) {
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

// object reads an object, member by member.
func (s *scanner) object(member func(key []byte) bool) bool {
	if !s.readByte('{') {
		return false
	}
	if s.readByte('}') {
		return true
	}
	for {
		key, ok := s.quoted()
		if !ok || !s.readByte(':') || !member(key) {
			return false
		}
		if s.readByte('}') {
			return true
		}
		if !s.readByte(',') {
			return false
		}
	}
}

// quoted reads a text without escapes and beyond-ASCII characters.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.readByte('"') {
		return nil, false
	}
	for i, c := range s.rest {
		switch {
		case c == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text, true
		case c < ' ' || c == '\\' || c >= 0x7f:
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) text(out *string) bool {
	text, ok := s.quoted()
	*out = string(text)
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

func (s *scanner) number(out **int64) bool {
	text, ok := s.digits()
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return false
	}
	if *out == nil {
		*out = new(int64)
	}
	**out = n
	return true
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
func (s *scanner) first(out *[]json.RawMessage) bool {
	if !s.readByte('[') {
		return false
	}
	*out = nil
	if s.readByte(']') {
		*out = []json.RawMessage{}
		return true
	}
	for {
		var one []byte
		if !s.raw(&one) {
			return false
		}
		if len(*out) == 0 {
			*out = append(*out, one)
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
		return s.object(func([]byte) bool { return s.skip(depth + 1) })
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
