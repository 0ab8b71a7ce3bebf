package sample

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// BurstsFile is the name of the file of bursts in a sub-experiment's folder.
const BurstsFile = "bursts.csv"

// BurstLine is the line of one burst in bursts.csv. Durations that do not exist are None, times zero.
type BurstLine struct {
	Burst      int
	Endpoint   string
	Round      int
	BurstSize  int // as planned
	Warmup     bool
	PlannedAt  time.Time
	ReleasedAt time.Time
	Lateness   time.Duration // of the burst's first request
	Spread     time.Duration // from its first request's first byte to its last one's; None with fewer than two
	Errors     int
	Suspect    string        // every word of its rows, joined by "+"
	Median     time.Duration // of the successful requests, nearest rank
	Max        time.Duration
	NewConns   int // requests that opened a connection within their latency, without those sent twice
}

// burstColumns lists bursts.csv in order.
func burstColumns() []string {
	return []string{"Burst ID", "Endpoint", "Round", "Burst Size", "Warmup", "Planned At", "Released At",
		"Lateness (ms)", "Spread (ms)",
		"Errors", "Suspect", "Median (ms)", "Max (ms)", "New Connections"}
}

// BurstsHeader is the first line of bursts.csv, without its line break.
func BurstsHeader() string { return strings.Join(burstColumns(), ",") }

// BurstWriter writes bursts.csv. Lines are written in large pieces. The file can be made again from latencies.csv, so
// it is not synced to disk. It is not safe for concurrent use.
type BurstWriter struct {
	w                 Writer
	planned, released memo
}

// NewBurstWriter writes to out, header first.
func NewBurstWriter(out io.Writer) *BurstWriter {
	b := &BurstWriter{w: Writer{out: out, name: BurstsFile}}
	b.w.buf = append(append(b.w.buf, BurstsHeader()...), '\n')
	return b
}

// flushAt is the number of bytes that are collected before they are written.
const flushAt = 256 << 10

// Append adds a line. The error is that of the disk; after an error, every further call returns the same one.
func (b *BurstWriter) Append(l *BurstLine) error {
	w := &b.w
	if w.err != nil {
		return w.err
	}
	w.count(int64(l.Burst), true)
	w.comma().text(l.Endpoint)
	w.comma().count(int64(l.Round), true)
	w.comma().count(int64(l.BurstSize), false)
	if l.Warmup {
		w.comma().text("true")
	} else {
		w.comma().text("false")
	}
	w.comma().time(&b.planned, l.PlannedAt)
	w.comma().time(&b.released, l.ReleasedAt)
	w.comma().millis(l.Lateness)
	w.comma().millis(l.Spread)
	w.comma().count(int64(l.Errors), true)
	w.comma().text(l.Suspect)
	w.comma().millis(l.Median)
	w.comma().millis(l.Max)
	w.comma().count(int64(l.NewConns), true)
	w.buf = append(w.buf, '\n')
	if len(w.buf) < flushAt {
		return nil
	}
	return b.Flush()
}

func (w *Writer) comma() *Writer {
	w.buf = append(w.buf, ',')
	return w
}

// Flush writes the rest. The error is that of the disk.
func (b *BurstWriter) Flush() error {
	w := &b.w
	if w.err == nil && len(w.buf) > 0 {
		if _, err := w.out.Write(w.buf); err != nil {
			w.err = fmt.Errorf("write bursts to %s: %w", w.name, err)
		}
	}
	w.buf = w.buf[:0]
	return w.err
}
