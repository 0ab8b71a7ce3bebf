package experiment

import (
	"cmp"
	"strings"
)

// Position returns where the file gives a key of a sub-experiment: the value that a sweep picks, else the
// sub-experiment's own, else that of the whole file. It is the sub-experiment itself where the file does not give the
// key. A key of Platform is written Platform.Key. A negative index means the whole file.
func (l *Loaded) Position(sub int, key string) Position {
	off, path := l.spot(sub, key)
	line, column := l.found.src.at(off)
	return Position{l.found.src.name, line, column, path}
}

func (l *Loaded) spot(sub int, key string) (off int, path string) {
	outer, inner, _ := strings.Cut(key, ".")
	n, parent := l.top[outer], &node{}
	if sub >= 0 && sub < len(l.drafts) {
		parent = l.drafts[sub].at
		n = cmp.Or(l.drafts[sub].given[outer], n)
	}
	switch {
	case n == nil:
		return parent.off, childPath(parent.path, outer) + after(inner)
	case inner == "":
		return n.off, n.path
	}
	if m := n.find(inner); m != nil {
		return m.value.off, m.value.path
	}
	return n.off, childPath(n.path, inner)
}

func after(inner string) string {
	if inner == "" {
		return ""
	}
	return "." + inner
}

// Mistakes collects what others than the file's reading find wrong with it, beside what that has found. Each is told
// once, in the order of their places.
type Mistakes struct {
	of *Loaded
	*findings
}

// Mistakes begins a collection with those of the file's reading.
func (l *Loaded) Mistakes() *Mistakes { return &Mistakes{l, l.found} }

// Add records a mistake of a sub-experiment's key, or of the whole file's where the index is negative. A key whose
// value could not be read has been reported and takes no part.
func (m *Mistakes) Add(sub int, key, format string, args ...any) {
	outer, _, _ := strings.Cut(key, ".")
	if sub >= 0 && sub < len(m.of.drafts) {
		if dr := m.of.drafts[sub]; dr.given[outer] != nil && !dr.good[outer] {
			return
		}
	}
	if n := m.of.top[outer]; n != nil && n.bad {
		return
	}
	off, path := m.of.spot(sub, key)
	m.problem(off, path, format, args...)
}

// Note records something worth knowing about a key that is no mistake.
func (m *Mistakes) Note(sub int, key, format string, args ...any) {
	off, path := m.of.spot(sub, key)
	m.note(off, path, format, args...)
}

// Notes are those of the file's reading and those that were added.
func (m *Mistakes) Notes() []string { return m.noteTexts() }

// Err is nil, or all mistakes as one error of bad input that wraps *Problems.
func (m *Mistakes) Err() error {
	if p := m.err(); p != nil {
		return invalid(p)
	}
	return nil
}
