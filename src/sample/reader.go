package sample

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"stellar/src/fail"
)

// maxLine bounds one row of the file, line breaks inside quotes included; a real row is a few hundred bytes.
const maxLine = 1 << 20

var (
	errTorn    = errors.New("the line has no end")
	errTooLong = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// Reader reads latencies.csv row by row in bounded memory. Columns are found by their names, so files of the original
// tool, which have only the first six, read too: what they lack is None, zero or Unknown.
type Reader struct {
	name  string
	lines lineReader
	cols  []column // one per column of the file; a column of another tool has no read
	cells []string
	old   bool
	torn  int
}

// NewReader reads the header. The name is that of the file, for messages. An empty file is an error.
func NewReader(in io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, lines: lineReader{in: bufio.NewReaderSize(in, 64<<10)}}
	line, err := r.lines.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fail.Input("%s: the file is empty: it has no header", name)
	case errors.Is(err, errTorn) && len(line) <= maxLine:
		// A header that ends with the file is still a header: the crash came before the first row.
	case err != nil:
		return nil, r.located(err)
	}
	if r.cells, err = split(line, r.cells); err != nil {
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
	r.cells[0] = strings.TrimPrefix(r.cells[0], "\ufeff") // spreadsheets save one
	for i, want := range known[:olderColumns] {
		if i >= len(r.cells) || r.cells[i] != want.name {
			return fail.Input("%s:1: column %d must be %q: this is not a file of samples", r.name, i+1, want.name)
		}
	}
	for i, name := range r.cells {
		if slices.Index(r.cells, name) != i {
			return fail.Input("%s:1: column %q stands there twice", r.name, clip(name))
		}
		at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		if at < 0 {
			r.cols = append(r.cols, column{name: name})
			continue
		}
		r.cols = append(r.cols, known[at])
	}
	r.old = len(r.cols) == olderColumns
	return nil
}

// Read fills s with the next row, or answers io.EOF. Errors name file, line and column. A last line that a crash tore is
// not an error: it is left out, and Torn says where it was.
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
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			continue
		}
		return r.row(line, s)
	}
}

// last deals with a last line that has no line break. Files written here always end in one, so the line is torn even
// where it happens to parse; the original's files may lack it.
func (r *Reader) last(line []byte, s *Sample) error {
	if r.old && r.row(line, s) == nil {
		return nil
	}
	*s = Sample{}
	r.torn = r.lines.line
	return io.EOF
}

// Torn is the number of the torn last line, from 1, known once Read has answered io.EOF; 0 where there is none.
func (r *Reader) Torn() int { return r.torn }

func (r *Reader) row(line []byte, s *Sample) error {
	cells, err := split(line, r.cells)
	r.cells = cells
	if err != nil {
		return r.located(err)
	}
	if len(cells) != len(r.cols) {
		return r.located(fmt.Errorf("%d cells where the header has %d columns", len(cells), len(r.cols)))
	}
	*s = Empty()
	for i, cell := range cells {
		if r.cols[i].read == nil {
			continue
		}
		if err := r.cols[i].read(s, cell); err != nil {
			return r.located(fmt.Errorf("column %q: %w", r.cols[i].name, err))
		}
	}
	return nil
}

// located names the place of a defect of the file; a failing disk is not the file's fault and keeps its own exit code.
func (r *Reader) located(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s:%d: %w", r.name, r.lines.line, err)
	}
	return fail.Input("%s:%d: %w", r.name, r.lines.line, err)
}

// ReadFile reads a whole file. torn is the number of a torn last line that was left out, 0 where there is none. On an
// error the rows before it are returned with it.
func ReadFile(path string) (rows []Sample, torn int, err error) {
	f, err := os.Open(path)
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

// lineReader cuts a file into rows: a line break inside quotes does not end one.
type lineReader struct {
	in   *bufio.Reader
	buf  []byte
	line int // number of the row's first line, from 1
	seen int // line breaks read
}

// next returns the next row with its line break, valid until the next call. A last row without one comes with errTorn.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	l.line = l.seen + 1
	quotes := 0
	for {
		part, err := l.in.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		quotes += bytes.Count(part, []byte{'"'})
		switch {
		case len(l.buf) > maxLine:
			return l.buf, errTooLong
		case err == nil:
			l.seen++
			if quotes%2 == 0 {
				return l.buf, nil
			}
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buf) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return l.buf, errTorn
		default:
			return l.buf, err
		}
	}
}

// split cuts a row into its cells by RFC 4180, reusing the slice.
func split(line []byte, cells []string) ([]string, error) {
	cells = cells[:0]
	rest := string(line)
	rest = strings.TrimSuffix(rest, "\n")
	rest = strings.TrimSuffix(rest, "\r")
	for {
		var cell string
		if strings.HasPrefix(rest, `"`) {
			var err error
			if cell, rest, err = unquote(rest[1:]); err != nil {
				return cells, fmt.Errorf("cell %d: %w", len(cells)+1, err)
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			cell, rest = rest[:end], rest[end:]
			if strings.IndexByte(cell, '"') >= 0 {
				return cells, fmt.Errorf("cell %d: a quote inside a cell that is not quoted", len(cells)+1)
			}
		}
		cells = append(cells, cell)
		if rest == "" {
			return cells, nil
		}
		rest = rest[1:] // the comma
	}
}

// unquote reads a cell after its opening quote and returns what follows the closing one: nothing, or a comma.
func unquote(text string) (cell, rest string, err error) {
	var out strings.Builder
	for {
		end := strings.IndexByte(text, '"')
		if end < 0 {
			return "", "", errors.New("the closing quote is missing")
		}
		out.WriteString(text[:end])
		text = text[end+1:]
		switch {
		case text == "" || text[0] == ',':
			return out.String(), text, nil
		case text[0] == '"':
			out.WriteByte('"')
			text = text[1:]
		default:
			return "", "", errors.New("text after the closing quote")
		}
	}
}
