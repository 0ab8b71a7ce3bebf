//go:build linux

package main

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// row is one request as the server saw it; instants count from the server's start, on the monotonic clock.
type row struct {
	conn, index int32 // which connection, and which request of that connection, both from 1
	arrived     int64 // ns: the read that completed the request had returned
	handled     int64 // ns from there to the return of the write that took the answer; 0 until then
}

// ledger keeps the stamps of all requests since the last reset. The number of a request goes on over resets, so an
// answer that belongs to an earlier client finds no row and is dropped.
type ledger struct {
	mu    sync.Mutex
	start time.Time
	base  int64
	rows  []row
}

func newLedger() *ledger {
	return &ledger{start: time.Now(), rows: make([]row, 0, 1<<17)}
}

// now is the monotonic clock in ns since the server's start.
func (l *ledger) now() int64 { return int64(time.Since(l.start)) }

func (l *ledger) arrive(conn, index int32, at int64) (seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, row{conn, index, at, 0})
	return l.base + int64(len(l.rows)) - 1
}

func (l *ledger) answered(seq, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := seq - l.base; i >= 0 && i < int64(len(l.rows)) {
		l.rows[i].handled = at - l.rows[i].arrived
	}
}

func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base += int64(len(l.rows))
	l.rows = l.rows[:0]
}

// stats is the answer of GET /stats: spread is the last minus the first arrival, the rest is the handling of those
// requests that have been answered.
type stats struct {
	Count    int   `json:"count"`
	Spread   int64 `json:"spread_ns"`
	Answered int   `json:"answered"`
	Min      int64 `json:"handling_min_ns"`
	P50      int64 `json:"handling_p50_ns"`
	P99      int64 `json:"handling_p99_ns"`
	Max      int64 `json:"handling_max_ns"`
}

func (l *ledger) stats() stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := stats{Count: len(l.rows)}
	if len(l.rows) == 0 {
		return out
	}
	first, last := l.rows[0].arrived, l.rows[0].arrived
	var handling []int64
	for _, r := range l.rows {
		first, last = min(first, r.arrived), max(last, r.arrived)
		if r.handled > 0 {
			handling = append(handling, r.handled)
		}
	}
	out.Spread, out.Answered = last-first, len(handling)
	if n := len(handling); n > 0 {
		slices.Sort(handling)
		out.Min, out.P50, out.P99, out.Max = handling[0], handling[n/2], handling[n*99/100], handling[n-1]
	}
	return out
}

// csv is the answer of GET /rows: seq,conn,index,arrived_ns,handled_ns, a request a line.
func (l *ledger) csv() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []byte("seq,conn,index,arrived_ns,handled_ns\n")
	for i, r := range l.rows {
		for _, n := range []int64{l.base + int64(i), int64(r.conn), int64(r.index), r.arrived} {
			out = append(strconv.AppendInt(out, n, 10), ',')
		}
		out = append(strconv.AppendInt(out, r.handled, 10), '\n')
	}
	return out
}
