package sample

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// EvictionsFile is the name of the file of waits in a sub-experiment's folder.
const EvictionsFile = "eviction.csv"

// Eviction is what a wait between two requests to one function told.
type Eviction struct {
	RequestID string // of the second request
	Endpoint  string
	Planned   time.Duration // the wait that was chosen
	Wait      time.Duration // from the last byte of the first response to the second request
	Lived     Tri           // whether the instance of the first request answered the second; Unknown: it is not known
	Before    string        // instance of the first request
	After     string        // instance of the second
	Cold      Tri
	SentAt    time.Time // the second request
	Err       Class
}

func evictionColumns() []string {
	return []string{"Request ID", "Endpoint", "Planned Wait (s)", "Wait (s)", "Lived", "Instance Before",
		"Instance After", "Cold", "Sent At", "Error"}
}

// EvictionsHeader is the first line of eviction.csv, without its line break.
func EvictionsHeader() string { return strings.Join(evictionColumns(), ",") }

// EvictionWriter writes eviction.csv. Rows gather until Flush makes them durable. It is not safe for concurrent use.
type EvictionWriter struct {
	w    Writer
	sent memo
}

// CreateEvictions makes a new file, durably; a file that exists is an error, for results are never overwritten.
func CreateEvictions(path string) (*EvictionWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	e := &EvictionWriter{w: Writer{out: f, name: path}}
	e.w.buf = append(append(e.w.buf, EvictionsHeader()...), '\n')
	return e, e.w.establish(f, path)
}

// Append adds a row to the buffer.
func (e *EvictionWriter) Append(v *Eviction) {
	w := &e.w
	w.text(v.RequestID)
	w.comma().text(v.Endpoint)
	w.comma().seconds(v.Planned)
	w.comma().seconds(v.Wait)
	w.comma().tri(v.Lived)
	w.comma().text(v.Before)
	w.comma().text(v.After)
	w.comma().tri(v.Cold)
	w.comma().time(&e.sent, v.SentAt)
	w.comma().text(string(v.Err))
	w.buf = append(w.buf, '\n')
}

// Flush writes what has been appended and syncs it to disk.
func (e *EvictionWriter) Flush() error { return e.w.Flush() }

// Close flushes and closes the file.
func (e *EvictionWriter) Close() error { return e.w.Close() }

// seconds writes seconds with six decimals.
func (w *Writer) seconds(d time.Duration) {
	if d >= 0 {
		w.buf = strconv.AppendFloat(w.buf, d.Seconds(), 'f', 6, 64)
	}
}

func (w *Writer) tri(t Tri) {
	switch t {
	case Yes:
		w.text("true")
	case No:
		w.text("false")
	}
}

// ReadEvictions reads the eviction.csv of a folder. A last line that a crash tore is left out.
func ReadEvictions(dir string) ([]Eviction, error) {
	path := filepath.Join(dir, EvictionsFile)
	lines, err := readLines(path, evictionColumns())
	if err != nil {
		return nil, err
	}
	var all []Eviction
	for n, line := range lines {
		v := Eviction{RequestID: line[0], Endpoint: line[1], Before: line[5], After: line[6], Err: Class(line[9])}
		var errs [5]error
		v.Planned, errs[0] = parseSeconds(line[2])
		v.Wait, errs[1] = parseSeconds(line[3])
		v.Lived, errs[2] = parseTri(line[4])
		v.Cold, errs[3] = parseTri(line[7])
		v.SentAt, errs[4] = (&memo{}).parseTime([]byte(line[8]))
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fail.Input("%s: row %d: %w", path, n+1, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// readLines reads a small file of known columns, without its header.
func readLines(path string, columns []string) (lines [][]string, err error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if err != nil || strings.Join(header, ",") != strings.Join(columns, ",") {
		return nil, fail.Input("%s: the first line is not %s", path, strings.Join(columns, ","))
	}
	for {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, fail.Input("%s: %w", path, err)
		}
		if len(line) != len(columns) {
			if _, err := in.Read(); errors.Is(err, io.EOF) {
				return lines, nil // a crash tore it
			}
			return nil, fail.Input("%s: a row has %d cells, the header %d", path, len(line), len(columns))
		}
		lines = append(lines, line)
	}
}

func parseSeconds(cell string) (time.Duration, error) {
	if cell == "" {
		return None, nil
	}
	s, err := strconv.ParseFloat(cell, 64)
	if err != nil || !(s >= 0) || s > maxMillis/1e3 {
		return None, fmt.Errorf("%q is not a number of seconds of 0 or more", clip(cell))
	}
	return time.Duration(s * float64(time.Second)), nil
}

func parseTri(cell string) (Tri, error) {
	switch cell {
	case "true":
		return Yes, nil
	case "false":
		return No, nil
	case "":
		return Unknown, nil
	}
	return Unknown, fmt.Errorf("%q is neither true, false nor empty", clip(cell))
}
