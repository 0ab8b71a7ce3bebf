package shell

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

const (
	keepBytes   = 4 << 20  // of each stream, the last of it
	longestLine = 64 << 10 // a longer line is passed on in pieces
	lastLines   = 20       // of output in an error
	lastWidth   = 500      // bytes of each of those lines
	mask        = "***"
)

// stream reads one of a program's output streams: it removes secrets, keeps the tail and passes lines on.
type stream struct {
	red  redactor
	tail tail
	part []byte // the beginning of a line that is not complete yet
	sink *lineSink
}

func newStream(secrets []string, sink *lineSink) *stream {
	return &stream{red: newRedactor(secrets), sink: sink}
}

// Write never fails: a program must not die of a broken pipe because of its reader.
func (s *stream) Write(p []byte) (int, error) {
	s.emitLines(s.red.next(p, false))
	return len(p), nil
}

// finish passes on what was held back and returns the stream's tail. The program has ended already.
func (s *stream) finish() string {
	s.emitLines(s.red.next(nil, true))
	if len(s.part) > 0 {
		s.sink.line(s.part)
		s.part = nil
	}
	return s.tail.String()
}

// emitLines adds text without secrets to the tail, and passes complete lines on.
func (s *stream) emitLines(clean []byte) {
	s.tail.add(clean)
	for len(clean) > 0 {
		i := bytes.IndexByte(clean, '\n')
		if i < 0 {
			s.part = append(s.part, clean...)
			break
		}
		s.part = append(s.part, clean[:i]...)
		s.sink.line(bytes.TrimSuffix(s.part, []byte("\r")))
		s.part, clean = s.part[:0], clean[i+1:]
	}
	for len(s.part) > longestLine {
		s.sink.line(s.part[:longestLine])
		s.part = append(s.part[:0], s.part[longestLine:]...)
	}
}

// lineSink gets the lines of both streams, one at a time, and keeps the last ones.
type lineSink struct {
	mu     sync.Mutex
	emit   func(string)
	recent []string
}

func (l *lineSink) line(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := string(b)
	if l.emit != nil {
		l.emit(text)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	if len(text) > lastWidth {
		text = strings.ToValidUTF8(text[:lastWidth], "") + "…"
	}
	if len(l.recent) == lastLines {
		l.recent = append(l.recent[:0], l.recent[1:]...)
	}
	l.recent = append(l.recent, text)
}

func (l *lineSink) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.recent, "\n")
}

// tail keeps the last keepBytes of what is added.
type tail struct{ b []byte }

func (t *tail) add(p []byte) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*keepBytes { // moved only sometimes, so that each byte is copied about twice
		t.b = append(t.b[:0], t.b[len(t.b)-keepBytes:]...)
	}
}

func (t *tail) String() string {
	return string(t.b[max(0, len(t.b)-keepBytes):])
}

// redactor replaces secrets in a stream that arrives in chunks. A possible beginning of a secret is held back until the
// next chunk decides.
type redactor struct {
	secrets [][]byte
	pending []byte
	masked  int // leading bytes of pending that belong to a secret whose mask has been written already
}

func newRedactor(secrets []string) redactor {
	var r redactor
	for _, s := range secrets {
		if s != "" {
			r.secrets = append(r.secrets, []byte(s))
		}
	}
	return r
}

// next adds a chunk and returns the text that is certain; if final is true, all of it.
func (r *redactor) next(p []byte, final bool) []byte {
	if len(r.secrets) == 0 {
		return p
	}
	r.pending = append(r.pending, p...)
	hold := len(r.pending)
	if !final {
		hold -= r.unsure()
	}
	var out []byte
	at := 0
	covered := r.matches()
	if r.masked > 0 { // its mask has been written: skip to its end, or to the end of what overlaps it
		at = r.masked
		for len(covered) > 0 && covered[0].from < at {
			at = max(at, covered[0].to)
			covered = covered[1:]
		}
		r.masked = 0
	}
	for _, m := range covered {
		if m.from >= hold {
			break
		}
		out = append(append(out, r.pending[at:m.from]...), mask...)
		at = m.to
	}
	if at > hold {
		r.masked = at - hold
	} else {
		out = append(out, r.pending[at:hold]...)
	}
	r.pending = append(r.pending[:0], r.pending[hold:]...)
	return out
}

// unsure is the length of the longest suffix of pending that is the beginning of a secret.
func (r *redactor) unsure() int {
	longest := 0
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(r.pending)); n > longest; n-- {
			if bytes.HasSuffix(r.pending, s[:n]) {
				longest = n
				break
			}
		}
	}
	return longest
}

type interval struct{ from, to int }

// matches finds all secrets in pending, overlapping ones joined, in order.
func (r *redactor) matches() []interval {
	var all []interval
	for _, s := range r.secrets {
		for from := 0; ; {
			i := bytes.Index(r.pending[from:], s)
			if i < 0 {
				break
			}
			all = append(all, interval{from + i, from + i + len(s)})
			from += i + 1
		}
	}
	slices.SortFunc(all, func(a, b interval) int { return a.from - b.from })
	var joined []interval
	for _, m := range all {
		if n := len(joined); n > 0 && m.from < joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, m.to)
			continue
		}
		joined = append(joined, m)
	}
	return joined
}

// redact replaces the secrets of a whole text.
func redact(text string, secrets []string) string {
	r := newRedactor(secrets)
	return string(r.next([]byte(text), true))
}
