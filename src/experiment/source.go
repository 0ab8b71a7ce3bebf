package experiment

import (
	"sort"
	"strings"
)

// source is the text of a file and the way from an offset back to line and column.
type source struct {
	name  string
	data  []byte // without a byte order mark
	lines []int  // offset of each line's first byte
	marks []int  // characters that begin before each multiple of markEvery

	looked int // bytes that at has read so far
}

// markEvery is the distance of the marks in bytes. With them the place of a mistake costs as much at the end of a long
// line as at its beginning.
const markEvery = 1 << 10

func newSource(name string, data []byte) *source {
	s := &source{name: name, data: []byte(strings.TrimPrefix(string(data), "\uFEFF")), lines: []int{0}}
	characters := 0
	for i, b := range s.data {
		if i%markEvery == 0 {
			s.marks = append(s.marks, characters)
		}
		if begins(b) {
			characters++
		}
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.marks = append(s.marks, characters) // where the text ends on a multiple
	return s
}

// begins says whether a byte of UTF-8 is the first of a character.
func begins(b byte) bool { return b&0xC0 != 0x80 }

// at gives line and column of an offset, both from 1; a column is a character, not a byte.
func (s *source) at(off int) (line, column int) {
	off = min(max(off, 0), len(s.data))
	line = sort.SearchInts(s.lines, off+1)
	return line, 1 + s.characters(off) - s.characters(s.lines[line-1])
}

// characters counts those that begin before an offset.
func (s *source) characters(off int) int {
	mark := off / markEvery
	n := s.marks[mark]
	for _, b := range s.data[mark*markEvery : off] {
		if begins(b) {
			n++
		}
	}
	s.looked += off - mark*markEvery
	return n
}
