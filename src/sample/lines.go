package sample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// lineReader cuts a file into rows: a line break inside quotes does not end a row.
type lineReader struct {
	in         io.Reader
	buf        []byte
	start, end int   // what of buf has been read from the file and not been given out
	err        error // why there is no more to read
	line       int   // number of the row's first line, from 1
	seen       int   // line breaks read
	quoted     bool  // the row holds a quote
}

// lineBuffer is the number of bytes that are read at once: large enough that the system calls do not matter, small
// enough for a processor's cache.
const lineBuffer = 256 << 10

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: in, buf: make([]byte, lineBuffer)}
}

// next returns the next row with its line break, valid until the next call. A last row without a line break comes with
// errTorn.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.seen + 1
	quotes, scanned := 0, 0 // of the row: quotes in it, and bytes looked at
	for {
		rest := l.buf[l.start+scanned : l.end]
		i := bytes.IndexByte(rest, '\n')
		if i >= 0 {
			rest = rest[:i+1]
			l.seen++
		}
		quotes += bytes.Count(rest, []byte{'"'})
		scanned += len(rest)
		switch {
		case scanned > maxLine:
			return l.consume(scanned, quotes), errTooLong
		case i >= 0 && quotes%2 == 0:
			return l.consume(scanned, quotes), nil
		case i >= 0:
			continue
		case l.err == nil:
			l.fill()
		case errors.Is(l.err, io.EOF) && scanned == 0:
			return nil, io.EOF
		case errors.Is(l.err, io.EOF):
			return l.consume(scanned, quotes), errTorn
		default:
			return l.consume(scanned, quotes), l.err
		}
	}
}

// consume returns the first n bytes and moves past them.
func (l *lineReader) consume(n, quotes int) []byte {
	row := l.buf[l.start : l.start+n]
	l.start += n
	l.quoted = quotes > 0
	return row
}

// fill reads more of the file, after making room for it; the buffer grows only for a row that is longer than it.
func (l *lineReader) fill() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	// A reader may answer nothing for a while, but not for ever.
	for range 100 {
		n, err := l.in.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

// split cuts a row into its cells by RFC 4180, reusing the slice. Cells that are not quoted are in the row itself.
func split(line []byte, quoted bool, cells [][]byte) ([][]byte, error) {
	cells = cells[:0]
	rest := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
	if !quoted {
		return commas(rest, cells), nil
	}
	for {
		var cell []byte
		if len(rest) > 0 && rest[0] == '"' {
			var err error
			if cell, rest, err = unquote(rest[1:]); err != nil {
				return cells, fmt.Errorf("cell %d: %w", len(cells)+1, err)
			}
		} else {
			end := bytes.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			cell, rest = rest[:end], rest[end:]
			if bytes.IndexByte(cell, '"') >= 0 {
				return cells, fmt.Errorf("cell %d: a quote inside a cell that is not quoted", len(cells)+1)
			}
		}
		cells = append(cells, cell)
		if len(rest) == 0 {
			return cells, nil
		}
		rest = rest[1:] // the comma
	}
}

// commas cuts a row without quotes, as nearly all are, at its commas. Cells are short, so a call per cell to find the
// next comma would be slower than comparing eight bytes at once.
func commas(row []byte, cells [][]byte) [][]byte {
	const low7, eight = 0x7f7f7f7f7f7f7f7f, ',' * 0x0101010101010101
	start, i := 0, 0
	for ; i+8 <= len(row); i += 8 {
		x := binary.LittleEndian.Uint64(row[i:]) ^ eight // a byte that is a comma is now 0
		// The high bit of each byte that is 0: the sum carries into it from any of the others, and never beyond it.
		for hit := ^(((x & low7) + low7) | x | low7); hit != 0; hit &= hit - 1 {
			at := i + bits.TrailingZeros64(hit)/8
			cells = append(cells, row[start:at])
			start = at + 1
		}
	}
	for ; i < len(row); i++ {
		if row[i] == ',' {
			cells = append(cells, row[start:i])
			start = i + 1
		}
	}
	return append(cells, row[start:])
}

// unquote reads a cell after its opening quote and returns the text after the closing one: nothing, or a comma.
func unquote(text []byte) (cell, rest []byte, err error) {
	for {
		end := bytes.IndexByte(text, '"')
		if end < 0 {
			return nil, nil, errors.New("the closing quote is missing")
		}
		cell = append(cell, text[:end]...)
		text = text[end+1:]
		switch {
		case len(text) == 0 || text[0] == ',':
			return cell, text, nil
		case text[0] == '"':
			cell = append(cell, '"')
			text = text[1:]
		default:
			return nil, nil, errors.New("text after the closing quote")
		}
	}
}
