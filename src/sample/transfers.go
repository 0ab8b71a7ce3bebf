package sample

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// TransfersFile is the name of the file of transfers in a sub-experiment's folder.
const TransfersFile = "data-transfers.csv"

// Chain is what the functions of a chain reported about one request.
type Chain struct {
	Stamps []time.Time // of each function, the first one's first; zero: it did not say
	Hops   []Hop       // hop k leads from function k to function k+1
}

// Hop is a payload's way from one function to the next, and the reply's way back. A time that no function reported is
// zero.
type Hop struct {
	SentAt     time.Time // the sender's clock
	ReceivedAt time.Time // the receiver's clock: the whole payload was in
	RepliedAt  time.Time // the receiver's clock
	AnsweredAt time.Time // the sender's clock: the reply was in
	Bytes      int64     // of the payload; negative: not told
}

// Transfer is how long the payload took, by the two functions' clocks, uncorrected: it can be negative if the
// receiver's clock is behind. ok says whether both reported.
func (h Hop) Transfer() (d time.Duration, ok bool) {
	if h.SentAt.IsZero() || h.ReceivedAt.IsZero() {
		return 0, false
	}
	return h.ReceivedAt.Sub(h.SentAt), true
}

// Bandwidth is the payload over its transfer in Mb/s (10^6 bits a second); ok says whether there is such a number.
func (h Hop) Bandwidth() (mbps float64, ok bool) {
	d, ok := h.Transfer()
	if !ok || d <= 0 || h.Bytes <= 0 {
		return 0, false
	}
	return float64(h.Bytes) * 8 / 1e6 / d.Seconds(), true
}

// Offset is how far the receiver's clock is ahead of the sender's, from the exchange's four times by NTP's formula (RFC
// 5905, section 8), and how far that may be wrong: half of the exchange's time on the way. With a large payload, the
// two ways differ, and the bound is as large.
func (h Hop) Offset() (offset, bound time.Duration, ok bool) {
	forth, told := h.Transfer()
	if !told || h.RepliedAt.IsZero() || h.AnsweredAt.IsZero() {
		return 0, 0, false
	}
	back := h.AnsweredAt.Sub(h.RepliedAt)
	if forth+back < 0 { // a clock was set in between
		return 0, 0, false
	}
	return (forth - back) / 2, (forth + back) / 2, true
}

// TransfersHeader is the first line of data-transfers.csv of chains of so many functions, without its line break.
func TransfersHeader(functions int) string {
	names := []string{"Request ID", "Host", "Burst ID"}
	for k := range functions {
		names = append(names, fmt.Sprintf("Function %d Timestamp", k))
	}
	for k := range functions - 1 {
		for _, what := range []string{"Sent At", "Received At", "Payload Bytes", "Transfer (ms)",
			"Effective Bandwidth (Mb/s)",
			"Clock Offset (ms)", "Clock Offset Error (ms)"} {
			names = append(names, fmt.Sprintf("Hop %d %s", k, what))
		}
	}
	return strings.Join(names, ",")
}

// TransferWriter writes data-transfers.csv: a row for each request to a chain, failed ones too. Rows are collected
// until Flush makes them durable. It is not safe for concurrent use.
type TransferWriter struct {
	w         Writer
	functions int
	times     []memo // of each column of times
}

// NewTransferWriter writes to out, header first, for chains of so many functions.
func NewTransferWriter(out io.Writer, functions int) *TransferWriter {
	t := &TransferWriter{w: Writer{out: out, name: TransfersFile}, functions: functions,
		times: make([]memo, functions+2*(functions-1))}
	t.w.buf = append(append(t.w.buf, TransfersHeader(functions)...), '\n')
	return t
}

// CreateTransfers makes a new file, durably; an existing file is an error, because results are never overwritten.
func CreateTransfers(path string, functions int) (*TransferWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	t := NewTransferWriter(f, functions)
	t.w.name = path
	return t, t.w.establish(f, path)
}

// AppendRow adds a request's row to the buffer. Values that the functions did not report are empty.
func (t *TransferWriter) AppendRow(s *Sample) {
	w := &t.w
	w.text(s.RequestID)
	w.comma().text(s.Host)
	w.comma().count(int64(s.Burst), true)
	chain := s.Chain
	if chain == nil {
		chain = &Chain{}
	}
	for k := range t.functions {
		w.comma()
		if k < len(chain.Stamps) {
			w.time(&t.times[k], chain.Stamps[k])
		}
	}
	for k := range t.functions - 1 {
		h := Hop{Bytes: -1}
		if k < len(chain.Hops) {
			h = chain.Hops[k]
		}
		t.hop(h, t.times[t.functions+2*k:])
	}
	w.buf = append(w.buf, '\n')
}

func (t *TransferWriter) hop(h Hop, times []memo) {
	w := &t.w
	w.comma().time(&times[0], h.SentAt)
	w.comma().time(&times[1], h.ReceivedAt)
	if w.comma(); h.Bytes >= 0 {
		w.count(h.Bytes, true)
	}
	transfer, ok := h.Transfer()
	if w.comma(); ok {
		w.signed(transfer)
	}
	mbps, ok := h.Bandwidth()
	if w.comma(); ok {
		w.buf = strconv.AppendFloat(w.buf, mbps, 'f', 3, 64)
	}
	offset, bound, ok := h.Offset()
	if w.comma(); ok {
		w.signed(offset)
	}
	if w.comma(); ok {
		w.millis(bound)
	}
}

// signed writes milliseconds that may be negative.
func (w *Writer) signed(d time.Duration) {
	if d < 0 {
		w.buf = append(w.buf, '-')
		d = -d
	}
	w.millis(d)
}

// Flush writes the appended rows and syncs them to disk.
func (t *TransferWriter) Flush() error { return t.w.Flush() }

// Close flushes, and closes the file that CreateTransfers made.
func (t *TransferWriter) Close() error { return t.w.Close() }
