package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reader reads a file line by line; only the counts of the functions that are asked for are kept.
type reader struct {
	path  string
	file  *os.File
	lines *bufio.Scanner
	text  []byte // the line that is looked at, without its end
	line  int    // its number, from 1
	cells [][]byte
	names []string // of the functions met, as many as an error message names
	more  bool     // there are functions after those that were read
}

func newReader(path string, from io.Reader) *reader {
	r := &reader{path: path, lines: bufio.NewScanner(from)}
	r.lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return r
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close() //nolint:errcheck // only read from
	}
}

// next goes to the next line and parts it into cells. Empty lines may stand at the file's end only.
func (r *reader) next() (bool, error) {
	empty := 0
	for r.lines.Scan() {
		r.line++
		r.text = r.lines.Bytes()
		if r.line == 1 {
			r.text = bytes.TrimPrefix(r.text, []byte("\uFEFF"))
		}
		if len(bytes.TrimSpace(r.text)) == 0 {
			if empty == 0 {
				empty = r.line
			}
			continue
		}
		if empty > 0 {
			return false, fmt.Errorf("%s:%d:1: found an empty line; want a line for each slot or function", r.path,
				empty)
		}
		r.cells = r.cells[:0]
		for rest, found := r.text, true; found; {
			var cell []byte
			cell, rest, found = bytes.Cut(rest, []byte(","))
			r.cells = append(r.cells, cell)
		}
		return true, nil
	}
	return false, r.broken()
}

// broken is why no further line could be read; nil at the file's end.
func (r *reader) broken() error {
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d:1: the line is longer than %d bytes", r.path, r.line+1, maxLine)
	case err != nil:
		return fmt.Errorf("reading the trace %s: %w", r.path, err)
	}
	return nil
}

// cell is the text of a cell, without spaces and quotation marks around it.
func (r *reader) cell(i int) string { return string(bare(r.cells[i])) }

func bare(cell []byte) []byte {
	cell = bytes.TrimSpace(cell)
	if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
		cell = cell[1 : len(cell)-1]
	}
	return cell
}

// wrong is an error about a cell: where it is, what was found, what is allowed. A column is a character of the line.
func (r *reader) wrong(i int, want string, args ...any) error {
	before := 0
	for _, c := range r.cells[:i] {
		before += len(c) + 1
	}
	found := r.cell(i)
	if len(found) > 40 {
		found = found[:40] + "…"
	}
	return fmt.Errorf("%s:%d:%d: found %q; want %s", r.path, r.line, utf8.RuneCount(r.text[:before])+1, found,
		fmt.Sprintf(want, args...))
}

// number reads a count.
func (r *reader) number(i int) (int64, error) {
	text := bare(r.cells[i])
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' || n > MaxCount {
			n = -1
			break
		}
		n = 10*n + int64(c-'0')
	}
	if len(text) == 0 || n < 0 || n > MaxCount {
		return 0, r.wrong(i, "a count from 0 to %d", MaxCount)
	}
	return n, nil
}

// width checks the number of cells of a line.
func (r *reader) width(want int) error {
	if len(r.cells) == want {
		return nil
	}
	return fmt.Errorf("%s:%d:1: found %d columns; want %d as in the line before it", r.path, r.line, len(r.cells), want)
}

func (r *reader) tooMany() error {
	return fmt.Errorf("%s:%d:1: more than %d counts to keep; want fewer slots, or fewer functions at once", r.path,
		r.line, maxKept)
}

// read gives the first n functions, or the one of that name.
func (r *reader) read(n int, name string) ([]Function, error) {
	ok, err := r.next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the trace %s is empty", r.path)
	}
	if labels, slot, err := r.wideHeading(); err != nil {
		return nil, err
	} else if slot > 0 {
		return r.wide(n, name, labels, slot)
	}
	return r.tall(n, name)
}

// known lists the functions that a file has, for who asked for one that it has not.
func (r *reader) known() string {
	if len(r.names) == 0 {
		return ": its functions have no names"
	}
	return "; its functions are " + strings.Join(r.names, ", ")
}

// met remembers some names for an error message.
func (r *reader) met(name string) {
	const some = 5
	if len(r.names) < some {
		r.names = append(r.names, name)
	} else if len(r.names) == some {
		r.names = append(r.names, "…")
	}
}

// slotHeading reads the heading of a wide file's column: 1, 1m or 1s.
func slotHeading(text string) (n int, slot time.Duration) {
	slot = time.Minute
	switch {
	case strings.HasSuffix(text, "s"):
		text, slot = text[:len(text)-1], time.Second
	case strings.HasSuffix(text, "m"):
		text = text[:len(text)-1]
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, 0
	}
	return n, slot
}

// wideHeading says which columns of a heading are labels and how long the slots of the others are; slot is 0 where the
// line is no heading of a wide file: that begins with a word and ends with a slot.
func (r *reader) wideHeading() (labels int, slot time.Duration, err error) {
	if c := r.cell(0); c == "" || c[0] >= '0' && c[0] <= '9' {
		return 0, 0, nil
	}
	if _, last := slotHeading(r.cell(len(r.cells) - 1)); last == 0 {
		return 0, 0, nil
	}
	if word := strings.ToLower(r.cell(0)); word == "second" || word == "minute" {
		return 0, 0, nil // a tall file whose functions have numbers for names
	}
	for ; slot == 0; labels++ {
		_, slot = slotHeading(r.cell(labels))
	}
	labels--
	for i := labels; i < len(r.cells); i++ {
		if n, s := slotHeading(r.cell(i)); n != i-labels+1 || s != slot {
			return 0, 0, r.wrong(i, "the slots 1, 2, 3, … in order (1s, 2s, … for seconds)")
		}
	}
	if time.Duration(len(r.cells)-labels)*slot > MaxSpan {
		return 0, 0, fmt.Errorf("%s:1:1: %d slots of %s are over a year", r.path, len(r.cells)-labels, slot)
	}
	return labels, slot, nil
}

// wide reads functions from lines of their own.
func (r *reader) wide(n int, name string, labels int, slot time.Duration) ([]Function, error) {
	at := -1
	for i := range labels {
		if h := strings.ToLower(r.cell(i)); h == "function" || h == "hashfunction" {
			at = i
		}
	}
	if at < 0 {
		return nil, r.wrong(0, "a column headed function (or HashFunction, as in the Azure trace) before the slots")
	}
	width := len(r.cells)
	var all []Function
	lines := map[string]int{} // of the functions in all
	for {
		ok, err := r.next()
		if err == nil && ok {
			err = r.width(width)
		}
		switch {
		case err != nil:
			return nil, err
		case !ok && len(all) == 0 && len(r.names) == 0:
			return nil, fmt.Errorf("the trace %s has a heading and no functions", r.path)
		case !ok:
			return all, nil
		}
		found := r.cell(at)
		r.met(found)
		if err := r.again(at, lines); err != nil {
			return nil, err
		}
		if len(all) == n {
			r.more = true
			return all, r.onlyOnce(at, lines)
		}
		if name != "" && name != found {
			continue
		}
		if (len(all)+1)*(width-labels) > maxKept {
			return nil, r.tooMany()
		}
		one := Function{found, Trace{slot, make([]int64, width-labels)}}
		for i := range one.Counts {
			if one.Counts[i], err = r.number(labels + i); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
		lines[found] = r.line
		if name != "" {
			return all, r.onlyOnce(at, lines)
		}
	}
}

// again is an error where the line is about a function that an earlier line was about: which of the two is meant, or
// whether they add up, only the user can know.
func (r *reader) again(at int, lines map[string]int) error {
	if first := lines[r.cell(at)]; first > 0 && r.cell(at) != "" {
		return r.wrong(at, "each function on one line: it is on line %d already; add their counts up, or give each a "+
			"name of its own", first)
	}
	return nil
}

// onlyOnce reads the rest of the file for lines of the functions that were read. Nothing else of it is looked at.
func (r *reader) onlyOnce(at int, lines map[string]int) error {
	for r.lines.Scan() {
		r.line++
		r.text, r.cells = r.lines.Bytes(), r.cells[:0]
		for rest, found := r.text, true; found && len(r.cells) <= at; {
			var cell []byte
			cell, rest, found = bytes.Cut(rest, []byte(","))
			r.cells = append(r.cells, cell)
		}
		if len(r.cells) <= at {
			continue
		}
		if err := r.again(at, lines); err != nil {
			return err
		}
	}
	return r.broken()
}
