package sample

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// OverheadFile is the name of the file of invocations of invocation-overhead in a sub-experiment's folder.
const OverheadFile = "invocation-overhead.csv"

// Overhead is an invocation of invocation-overhead.
type Overhead struct {
	Type       string // code or payload: what has Size
	Size       int64  // of the package or of the request body, in bytes
	Repetition int    // from 0: the value that it was to give
	Wanted     Tri    // Yes: a cold start, No: a warm instance
	Cold       Tri    // what the function says

	Start      time.Time     // of the request, on this machine's clock
	Connection time.Duration // from Start until the request is sent: name, connection, TLS; None: not known
	Finish     time.Time     // when the function had the request, on the function's clock; zero: not known
	RequestID  string
	Endpoint   string
	InstanceID string

	Clock       bool          // the function's clock is known: the fields below have a value
	Offset      time.Duration // the function's clock minus this machine's
	OffsetError time.Duration // Offset is off by this much at most
	RTT         time.Duration // the smallest round trip
	Mean, SD    time.Duration // of the offsets of all exchanges
	Exchanges   int           // that are complete

	Err Class
}

// Invocation is the time from the moment at which the request is sent until the function has it, without the offset of
// the function's clock: Finish − Start − Connection − Offset. It is off by OffsetError at most, and negative where it
// is shorter than that. false: an instant is not known.
func (o *Overhead) Invocation() (time.Duration, bool) {
	if o.Err != OK || !o.Clock || o.Start.IsZero() || o.Finish.IsZero() || o.Connection < 0 {
		return 0, false
	}
	return o.Finish.Sub(o.Start) - o.Connection - o.Offset, true
}

// Obtained says whether the invocation was cold or warm as wanted, and has a time.
func (o *Overhead) Obtained() bool {
	_, ok := o.Invocation()
	return ok && o.Cold == o.Wanted && o.Wanted != Unknown
}

// overheadColumns are those of SeBS with the error of each row, then what tells where a row comes from. Instants are
// Unix ns, durations ns.
func overheadColumns() []string {
	return []string{"type", "size", "repetition", "is_cold", "connection_time", "start_timestamp", "finish_timestamp",
		"request_id", "clock_offset", "clock_offset_error", "rtt_min", "invocation_time", "wanted_cold", "obtained",
		"endpoint", "instance_id", "clock_offset_mean", "clock_offset_sd", "exchanges", "error"}
}

// OverheadHeader is the first line of invocation-overhead.csv, without its line break.
func OverheadHeader() string { return strings.Join(overheadColumns(), ",") }

// OverheadWriter writes invocation-overhead.csv. Rows gather until Flush makes them durable. It is not safe for
// concurrent use.
type OverheadWriter struct{ w Writer }

// CreateOverheads makes a new file, durably; a file that exists is an error, for results are never overwritten.
func CreateOverheads(path string) (*OverheadWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	o := &OverheadWriter{w: Writer{out: f, name: path}}
	o.w.buf = append(append(o.w.buf, OverheadHeader()...), '\n')
	return o, o.w.establish(f, path)
}

// Append adds a row to the buffer. What is not known is empty.
func (o *OverheadWriter) Append(v *Overhead) {
	w := &o.w
	w.text(v.Type)
	w.comma().count(v.Size, true)
	w.comma().count(int64(v.Repetition), true)
	w.comma().tri(v.Cold)
	w.comma().nanos(v.Connection, v.Connection >= 0)
	for _, at := range []time.Time{v.Start, v.Finish} {
		if w.comma(); !at.IsZero() {
			w.count(at.UnixNano(), true)
		}
	}
	w.comma().text(v.RequestID)
	w.comma().nanos(v.Offset, v.Clock)
	w.comma().nanos(v.OffsetError, v.Clock)
	w.comma().nanos(v.RTT, v.Clock)
	took, ok := v.Invocation()
	w.comma().nanos(took, ok)
	w.comma().tri(v.Wanted)
	w.comma().text(strconv.FormatBool(v.Obtained()))
	w.comma().text(v.Endpoint)
	w.comma().text(v.InstanceID)
	w.comma().nanos(v.Mean, v.Clock)
	w.comma().nanos(v.SD, v.Clock)
	w.comma().count(int64(v.Exchanges), true)
	w.comma().text(string(v.Err))
	w.buf = append(w.buf, '\n')
}

// nanos writes a duration in ns, or nothing.
func (w *Writer) nanos(d time.Duration, known bool) {
	if known {
		w.count(int64(d), true)
	}
}

// Flush writes what has been appended and syncs it to disk.
func (o *OverheadWriter) Flush() error { return o.w.Flush() }

// Close flushes and closes the file.
func (o *OverheadWriter) Close() error { return o.w.Close() }

// ReadOverheads reads the invocation-overhead.csv of a folder. A last line that a crash tore is left out.
func ReadOverheads(dir string) ([]Overhead, error) {
	path := filepath.Join(dir, OverheadFile)
	lines, err := readLines(path, overheadColumns())
	if err != nil {
		return nil, err
	}
	all := make([]Overhead, len(lines))
	for n, line := range lines {
		if err := all[n].read(line); err != nil {
			return nil, fail.Input("%s: row %d: %w", path, n+1, err)
		}
	}
	return all, nil
}

// read takes a row's cells. What follows from others is not read.
func (o *Overhead) read(line []string) error {
	o.Type, o.RequestID, o.Endpoint, o.InstanceID, o.Err = line[0], line[7], line[14], line[15], Class(line[19])
	o.Connection, o.Clock = None, line[8] != ""
	var errs [13]error
	o.Size, errs[0] = strconv.ParseInt(line[1], 10, 64)
	o.Repetition, errs[1] = strconv.Atoi(line[2])
	o.Cold, errs[2] = parseTri(line[3])
	o.Start, errs[3] = parseNanos(line[5])
	o.Finish, errs[4] = parseNanos(line[6])
	o.Wanted, errs[5] = parseTri(line[12])
	o.Exchanges, errs[6] = strconv.Atoi(line[18])
	for i, d := range []struct {
		into *time.Duration
		cell string
	}{{&o.Connection, line[4]}, {&o.Offset, line[8]}, {&o.OffsetError, line[9]}, {&o.RTT, line[10]},
		{&o.Mean, line[16]}, {&o.SD, line[17]}} {
		if d.cell == "" {
			continue
		}
		var ns int64
		ns, errs[7+i] = strconv.ParseInt(d.cell, 10, 64)
		*d.into = time.Duration(ns)
	}
	return errors.Join(errs[:]...)
}
