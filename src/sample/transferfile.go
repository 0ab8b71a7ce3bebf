package sample

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

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
	hop := func(k int) Hop {
		if k < len(chain.Hops) {
			return chain.Hops[k]
		}
		return Hop{Bytes: -1}
	}
	for k := range t.functions - 1 {
		t.hop(hop(k), t.times[t.functions+2*k:])
	}
	for k := range t.functions - 1 {
		t.further(hop(k))
	}
	w.comma().text(chain.SHA256)
	w.comma().text(chain.Check)
	w.comma().text(strconv.FormatBool(s.Warmup))
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

func (t *TransferWriter) further(h Hop) {
	w := &t.w
	corrected, ok := h.Corrected()
	if w.comma(); ok {
		w.signed(corrected)
	}
	for _, d := range []time.Duration{h.Put, h.FirstByte, h.Get} {
		if w.comma(); d > 0 {
			w.millis(d)
		}
	}
	w.comma().text(h.InstanceID)
	if w.comma(); h.Cold != Unknown {
		w.tri(h.Cold)
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

// Transfer is a row of data-transfers.csv as statistics need it.
type Transfer struct {
	RequestID string
	Hops      []TransferHop
	SHA256    string
	Check     string
	Warmup    bool
}

// TransferHop is a hop of a row. Durations that are not known are None; those that are corrected by an offset can be
// below zero, so that a flag says whether they are known.
type TransferHop struct {
	Known     bool // of Corrected and Bound
	Corrected time.Duration
	Bound     time.Duration // of the error of Corrected
	Bytes     int64         // -1: not told
	Put       time.Duration
	FirstByte time.Duration
	Get       time.Duration
}

// ReadTransfers reads the data-transfers.csv of a folder, of chains of so many functions. A last line that a crash tore
// is left out.
func ReadTransfers(dir string, functions int) ([]Transfer, error) {
	path := filepath.Join(dir, TransfersFile)
	lines, err := readTransferLines(path, functions)
	if err != nil {
		return nil, err
	}
	all := make([]Transfer, len(lines))
	for n, line := range lines {
		if err := all[n].read(line, functions); err != nil {
			return nil, fail.Input("%s: row %d: %w", path, n+1, err)
		}
	}
	return all, nil
}

// readTransferLines reads the cells of a file. Files of older versions end with the columns of the hops; their rows get
// empty cells in the others.
func readTransferLines(path string, functions int) ([][]string, error) {
	columns := transferColumns(functions)
	lines, err := readLines(path, columns)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return lines, err
	}
	older := 3 + functions + (functions-1)*len(hopColumns())
	lines, olderErr := readLines(path, columns[:older])
	if olderErr != nil {
		return nil, err
	}
	for i := range lines {
		lines[i] = append(lines[i], make([]string, len(columns)-older)...)
		lines[i][len(columns)-1] = strconv.FormatBool(false)
	}
	return lines, nil
}

// read takes a row's cells.
func (t *Transfer) read(line []string, functions int) error {
	hops := functions - 1
	first := 3 + functions
	further := first + hops*len(hopColumns())
	end := further + hops*len(furtherColumns())
	t.RequestID, t.SHA256, t.Check = line[0], line[end], line[end+1]
	var errs []error
	millis := func(cell string) time.Duration {
		d, err := parseSigned(cell)
		errs = append(errs, err)
		return d
	}
	for k := range hops {
		told, more := line[first+k*len(hopColumns()):], line[further+k*len(furtherColumns()):]
		h := TransferHop{Bytes: -1, Known: more[0] != "", Put: None, FirstByte: None, Get: None}
		if told[2] != "" {
			n, err := strconv.ParseInt(told[2], 10, 64)
			h.Bytes = n
			errs = append(errs, err)
		}
		if h.Known {
			h.Corrected, h.Bound = millis(more[0]), millis(told[6])
		}
		for i, d := range []*time.Duration{&h.Put, &h.FirstByte, &h.Get} {
			if more[1+i] != "" {
				*d = millis(more[1+i])
			}
		}
		t.Hops = append(t.Hops, h)
	}
	var err error
	t.Warmup, err = strconv.ParseBool(line[end+2])
	return errors.Join(append(errs, err)...)
}

// parseSigned reads milliseconds that may be negative.
func parseSigned(cell string) (time.Duration, error) {
	negative := len(cell) > 1 && cell[0] == '-'
	if negative {
		cell = cell[1:]
	}
	d, err := parseMillis([]byte(cell))
	if negative {
		d = -d
	}
	return d, err
}
