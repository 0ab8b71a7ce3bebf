// Package export writes a run's tables and metrics in formats that other programs read.
package export

import (
	"bufio"
	"fmt"
	"io"

	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Table is a table to write: its columns, and its rows one by one, however many there are.
type Table struct {
	Fields []sample.Field
	// Each passes every row to do, with a cell for each field. The row is valid until do returns. Each ends with do's
	// error, or with its own.
	Each func(do func(row []sample.Value) error) error
}

// flushAt is the number of bytes that are collected before they are written.
const flushAt = 256 << 10

// lines is a table's text on its way out.
type lines struct {
	out io.Writer
	buf []byte
}

// end ends a row, and writes what has been collected if that is enough.
func (l *lines) end() error {
	if l.buf = append(l.buf, '\n'); len(l.buf) < flushAt {
		return nil
	}
	return l.flush()
}

func (l *lines) flush() error {
	if _, err := l.out.Write(l.buf); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	l.buf = l.buf[:0]
	return nil
}

// CSV writes a table as CSV (RFC 4180 with line feeds): a header, numbers and instants as the run's own tables have
// them, nothing in an empty cell. The error is the writer's, or that of reading the rows.
func CSV(w io.Writer, t Table) error {
	l := &lines{out: w}
	for i, f := range t.Fields {
		l.comma(i)
		l.cell(append(l.buf, f.Name...))
	}
	if err := l.end(); err != nil {
		return err
	}
	if err := t.Each(func(row []sample.Value) error {
		for i, f := range t.Fields {
			l.comma(i)
			l.cell(f.AppendText(l.buf, row[i]))
		}
		return l.end()
	}); err != nil {
		return err
	}
	return l.flush()
}

func (l *lines) comma(column int) {
	if column > 0 {
		l.buf = append(l.buf, ',')
	}
}

// cell takes the buffer with a cell appended, which is quoted where it holds a comma, a quote or a line break.
func (l *lines) cell(appended []byte) {
	start := len(l.buf)
	l.buf = appended
	for _, c := range appended[start:] {
		if c == ',' || c == '"' || c == '\r' || c == '\n' {
			text := string(appended[start:])
			l.buf = append(l.buf[:start], '"')
			for i := range len(text) {
				if text[i] == '"' {
					l.buf = append(l.buf, '"')
				}
				l.buf = append(l.buf, text[i])
			}
			l.buf = append(l.buf, '"')
			return
		}
	}
}

// JSON writes a table as a JSON array, a line for each row: an object whose members have the names of the columns.
// Numbers are numbers, instants texts in RFC 3339, empty cells null. The error is the writer's, or that of reading the
// rows.
func JSON(w io.Writer, t Table) error {
	l := &lines{out: w, buf: []byte("[\n")}
	names := make([][]byte, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = append(appendJSONText(nil, f.Name), ':')
	}
	first := true
	if err := t.Each(func(row []sample.Value) error {
		if !first {
			l.buf = append(l.buf, ',')
			if err := l.end(); err != nil {
				return err
			}
		}
		first = false
		l.buf = append(l.buf, '{')
		for i, f := range t.Fields {
			l.comma(i)
			l.buf = append(l.buf, names[i]...)
			l.buf = appendJSONValue(l.buf, f, row[i])
		}
		l.buf = append(l.buf, '}')
		return nil
	}); err != nil {
		return err
	}
	if !first {
		l.buf = append(l.buf, '\n')
	}
	l.buf = append(l.buf, "]\n"...)
	return l.flush()
}

func appendJSONValue(b []byte, f sample.Field, v sample.Value) []byte {
	switch {
	case !v.Known:
		return append(b, "null"...)
	case f.Kind == sample.TextKind:
		return appendJSONText(b, v.Text)
	case f.Kind == sample.TimeKind:
		return append(f.AppendText(append(b, '"'), v), '"')
	}
	return f.AppendText(b, v)
}

// Markdown writes a table as a table of GitHub's Markdown. Columns without any value are left out; numbers are on the
// right. All rows are held in memory.
func Markdown(w io.Writer, t Table) error {
	var rows [][]string
	filled := make([]bool, len(t.Fields))
	if err := t.Each(func(row []sample.Value) error {
		cells := make([]string, len(row))
		for i, f := range t.Fields {
			cells[i] = report.Markdown(string(f.AppendText(nil, row[i])))
			filled[i] = filled[i] || row[i].Known
		}
		rows = append(rows, cells)
		return nil
	}); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	line := func(cell func(i int) string) {
		for i := range t.Fields {
			if filled[i] {
				fmt.Fprintf(out, "| %s ", cell(i))
			}
		}
		fmt.Fprintln(out, "|")
	}
	line(func(i int) string { return report.Markdown(t.Fields[i].Name) })
	line(func(i int) string {
		if k := t.Fields[i].Kind; k == sample.NumberKind || k == sample.IntegerKind {
			return "--:"
		}
		return "---"
	})
	for _, cells := range rows {
		line(func(i int) string { return cells[i] })
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}
