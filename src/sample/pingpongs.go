package sample

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// PingPongFile is the name of the file of exchanges of network-ping-pong in a sub-experiment's folder.
const PingPongFile = "network-ping-pong.csv"

// PingPong is one exchange between a function and the driver, which is this tool. Client is the function and server the
// driver, whichever of them begins: over UDP the function does, over HTTP the driver. Instants that were not noted are
// zero.
type PingPong struct {
	Number     int       // of the exchange within its invocation, from 0
	ClientSend time.Time // the function's clock
	ServerRcv  time.Time // the driver's clock
	ServerSend time.Time // the driver's clock
	ClientRcv  time.Time // the function's clock
	Lost       Tri       // Unknown: the function gave no answer that says it

	Invocation int    // from 0
	RequestID  string // of the request that asked the function for the exchange, or of the exchange itself
	Endpoint   string
	InstanceID string
	Warmup     bool // it is in no statistics

	// Resolution is that of the function's clock, as far as its stamps show it. It widens the bound.
	Resolution time.Duration
}

// RTT is the round trip without the time that the function and the driver took between their instants, whatever the
// offset of their clocks. false: the exchange is not complete.
func (p *PingPong) RTT() (time.Duration, bool) {
	if !p.complete() {
		return 0, false
	}
	return p.ServerRcv.Sub(p.ClientSend) + p.ClientRcv.Sub(p.ServerSend), true
}

// Offset is the function's clock minus the driver's, as if both ways took the same time, and how far that can be off:
// by half the round trip where one way took no time at all. false: the exchange is not complete.
func (p *PingPong) Offset() (offset, bound time.Duration, ok bool) {
	rtt, ok := p.RTT()
	if !ok {
		return 0, 0, false
	}
	return (p.ClientSend.Sub(p.ServerRcv) + p.ClientRcv.Sub(p.ServerSend)) / 2, (max(rtt, 0)+1)/2 + p.Resolution, true
}

func (p *PingPong) complete() bool {
	return !p.ClientSend.IsZero() && !p.ServerRcv.IsZero() && !p.ServerSend.IsZero() && !p.ClientRcv.IsZero()
}

// pingPongColumns are those of SeBS, then what tells where a row comes from and what follows from it. Instants are Unix
// ns, durations ns.
func pingPongColumns() []string {
	return []string{"id", "client_send", "server_rcv", "server_send", "client_rcv", "rtt", "lost", "invocation",
		"request_id", "endpoint", "instance_id", "warmup", "offset", "offset_error", "resolution"}
}

// PingPongHeader is the first line of network-ping-pong.csv, without its line break.
func PingPongHeader() string { return strings.Join(pingPongColumns(), ",") }

// PingPongWriter writes network-ping-pong.csv. Rows gather until Flush makes them durable. It is not safe for
// concurrent use.
type PingPongWriter struct{ w Writer }

// CreatePingPongs makes a new file, durably; a file that exists is an error, for results are never overwritten.
func CreatePingPongs(path string) (*PingPongWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	p := &PingPongWriter{w: Writer{out: f, name: path}}
	p.w.buf = append(append(p.w.buf, PingPongHeader()...), '\n')
	return p, p.w.establish(f, path)
}

// Append adds a row to the buffer. What is not known is empty.
func (p *PingPongWriter) Append(v *PingPong) {
	w := &p.w
	w.count(int64(v.Number), true)
	for _, at := range []time.Time{v.ClientSend, v.ServerRcv, v.ServerSend, v.ClientRcv} {
		if w.comma(); !at.IsZero() {
			w.count(at.UnixNano(), true)
		}
	}
	rtt, ok := v.RTT()
	if w.comma(); ok {
		w.count(int64(rtt), true)
	}
	w.comma().tri(v.Lost)
	w.comma().count(int64(v.Invocation), true)
	w.comma().text(v.RequestID)
	w.comma().text(v.Endpoint)
	w.comma().text(v.InstanceID)
	w.comma().text(strconv.FormatBool(v.Warmup))
	offset, bound, ok := v.Offset()
	if w.comma(); ok {
		w.count(int64(offset), true)
	}
	if w.comma(); ok {
		w.count(int64(bound), true)
	}
	w.comma().count(int64(v.Resolution), true)
	w.buf = append(w.buf, '\n')
}

// Flush writes what has been appended and syncs it to disk.
func (p *PingPongWriter) Flush() error { return p.w.Flush() }

// Close flushes and closes the file.
func (p *PingPongWriter) Close() error { return p.w.Close() }

// ReadPingPongs reads the network-ping-pong.csv of a folder. A last line that a crash tore is left out.
func ReadPingPongs(dir string) ([]PingPong, error) {
	path := filepath.Join(dir, PingPongFile)
	lines, err := readLines(path, pingPongColumns())
	if err != nil {
		return nil, err
	}
	all := make([]PingPong, len(lines))
	for n, line := range lines {
		if err := all[n].read(line); err != nil {
			return nil, fail.Input("%s: row %d: %w", path, n+1, err)
		}
	}
	return all, nil
}

// read takes a row's cells. What follows from others is not read.
func (p *PingPong) read(line []string) error {
	p.RequestID, p.Endpoint, p.InstanceID = line[8], line[9], line[10]
	var errs [9]error
	p.Number, errs[0] = strconv.Atoi(line[0])
	for i, at := range []*time.Time{&p.ClientSend, &p.ServerRcv, &p.ServerSend, &p.ClientRcv} {
		*at, errs[1+i] = parseNanos(line[1+i])
	}
	p.Lost, errs[5] = parseTri(line[6])
	p.Invocation, errs[6] = strconv.Atoi(line[7])
	p.Warmup, errs[7] = strconv.ParseBool(line[11])
	var resolution int64
	resolution, errs[8] = strconv.ParseInt(line[14], 10, 64)
	p.Resolution = time.Duration(resolution)
	return errors.Join(errs[:]...)
}

// parseNanos reads an instant in Unix ns; an empty cell is none.
func parseNanos(cell string) (time.Time, error) {
	if cell == "" {
		return time.Time{}, nil
	}
	ns, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || ns < 0 || ns == math.MaxInt64 {
		return time.Time{}, fmt.Errorf("%q is not an instant in ns", clip(cell))
	}
	return time.Unix(0, ns).UTC(), nil
}
