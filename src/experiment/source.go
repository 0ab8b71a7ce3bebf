package experiment

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// source is the text of a file and the way from an offset back to line and column.
type source struct {
	name  string
	data  []byte // without a byte order mark
	lines []int  // offset of each line's first byte
}

func newSource(name string, data []byte) *source {
	s := &source{name: name, data: []byte(strings.TrimPrefix(string(data), "\uFEFF")), lines: []int{0}}
	for i, b := range s.data {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// at gives line and column of an offset, both from 1; a column is a character, not a byte.
func (s *source) at(off int) (line, column int) {
	off = min(max(off, 0), len(s.data))
	line = sort.SearchInts(s.lines, off+1)
	return line, 1 + utf8.RuneCount(s.data[s.lines[line-1]:off])
}
