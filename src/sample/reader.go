package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// maxLine bounds one row of the file, line breaks inside quotes included; a real row is a few hundred bytes.
const maxLine = 1 << 20

var (
	errTorn    = errors.New("the line has no end")
	errTooLong = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// Reader reads latencies.csv row by row in bounded memory. It finds columns by their names, so it can read files of the
// original tool, which have only the first six: missing values are None, zero or Unknown.
//
// Ten million rows are read in seconds: cells come from one large buffer, and texts that repeat are made once.
type Reader struct {
	name  string
	lines *lineReader
	cols  []column // one per column of the file; a column of another tool has no read
	memos []memo   // what each of them remembers
	cells [][]byte
	blank Sample // what every row begins as: an empty cell leaves its field as it is
	old   bool
	torn  int
}

// NewReader reads the header. The name is that of the file, for messages. An empty file is an error.
func NewReader(in io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, lines: newLineReader(in), blank: Empty()}
	line, err := r.lines.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fail.Input("%s: the file is empty: it has no header", name)
	case errors.Is(err, errTorn) && len(line) <= maxLine:
		// A header that ends with the file is still a header: the crash came before the first row.
	case err != nil:
		return nil, r.located(err)
	}
	if r.cells, err = split(line, r.lines.quoted, r.cells); err != nil {
		return nil, r.located(err)
	}
	return r, r.match()
}

// match finds the reader of each of the file's columns.
func (r *Reader) match() error {
	known := columns()
	if len(r.cells) > 10*len(known) {
		return r.located(fmt.Errorf("%d columns are not a file of samples", len(r.cells)))
	}
	names := make([]string, len(r.cells))
	for i, cell := range r.cells {
		names[i] = string(cell)
	}
	names[0] = strings.TrimPrefix(names[0], "\ufeff") // spreadsheets save one
	for i, want := range known[:olderColumns] {
		if i >= len(names) || names[i] != want.name {
			return fail.Input("%s:1: column %d must be %q: this is not a file of samples", r.name, i+1, want.name)
		}
	}
	for i, name := range names {
		if slices.Index(names, name) != i {
			return fail.Input("%s:1: column %q appears twice", r.name, clip(name))
		}
		at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		if at < 0 {
			r.cols = append(r.cols, column{name: name})
			continue
		}
		r.cols = append(r.cols, known[at])
	}
	r.memos = make([]memo, len(r.cols))
	r.old = len(r.cols) == olderColumns
	return nil
}

// OmitRequestIDs makes further rows come without RequestID. It is different in nearly every row, and statistics do not
// need it: without it reading allocates nothing.
func (r *Reader) OmitRequestIDs() {
	for i := range r.cols {
		if r.cols[i].unique {
			r.cols[i].read = nil
		}
	}
}

// Read fills s with the next row, or returns io.EOF. Errors name file, line and column. A last line that was torn by a
// crash is not an error: it is left out, and Torn returns its number.
func (r *Reader) Read(s *Sample) error {
	for {
		line, err := r.lines.next()
		if errors.Is(err, errTorn) {
			return r.last(line, s)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			return r.located(err)
		}
		if line[0] <= '\r' && len(bytes.TrimRight(line, "\r\n")) == 0 {
			continue
		}
		return r.row(line, s)
	}
}

// last handles a last line that has no line break. Files of this tool always end in one, so the line is torn even if it
// can be parsed; files of the original tool may lack it.
func (r *Reader) last(line []byte, s *Sample) error {
	if r.old && r.row(line, s) == nil {
		return nil
	}
	*s = Sample{}
	r.torn = r.lines.line
	return io.EOF
}

// Torn is the number of the torn last line, from 1, known after Read has returned io.EOF; 0 if there is none.
func (r *Reader) Torn() int { return r.torn }

func (r *Reader) row(line []byte, s *Sample) error {
	cells, err := split(line, r.lines.quoted, r.cells)
	r.cells = cells
	if err != nil {
		return r.located(err)
	}
	if len(cells) != len(r.cols) {
		return r.located(fmt.Errorf("%d cells where the header has %d columns", len(cells), len(r.cols)))
	}
	*s = r.blank
	for i, cell := range cells {
		c := &r.cols[i]
		if len(cell) == 0 || c.read == nil {
			continue
		}
		if err := c.read(&r.memos[i], s, cell); err != nil {
			return r.located(fmt.Errorf("column %q: %w", c.name, err))
		}
	}
	return nil
}

// located adds the position of a defect in the file; an error of the disk is not the file's fault and keeps its own
// exit code.
func (r *Reader) located(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s:%d: %w", r.name, r.lines.line, err)
	}
	return fail.Input("%s:%d: %w", r.name, r.lines.line, err)
}

// ReadFile reads a whole file. torn is the number of a torn last line that was left out, 0 if there is none. After an
// error, the rows before it are returned as well.
func ReadFile(path string) (rows []Sample, torn int, err error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read samples: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := NewReader(f, path)
	if err != nil {
		return nil, 0, err
	}
	for {
		var s Sample
		err := r.Read(&s)
		if errors.Is(err, io.EOF) {
			return rows, r.Torn(), nil
		}
		if err != nil {
			return rows, 0, err
		}
		rows = append(rows, s)
	}
}
