package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Writer writes latencies.csv. Rows gather in a buffer, and are written as it fills. Flush writes the rest and makes
// all durable with one fsync, so a burst of any size costs the disk once. A crash loses at most rows of the burst that
// was not flushed. It is not safe for concurrent use.
type Writer struct {
	out   io.Writer
	name  string // for messages
	cols  []column
	memos []memo // what each column remembers
	// the cells of reportColumns, the last ones, in a row that has none of them: a comma before each
	unreported string
	buf        []byte
	unsynced   int // bytes that were written since the last Flush
	rows       int64
	err        error // the first failure; everything after it answers the same
}

// NewWriter writes to out, header first. Flush syncs out where it has a Sync method.
func NewWriter(out io.Writer) *Writer {
	w := newWriter(out, "latencies")
	w.header()
	return w
}

func newWriter(out io.Writer, name string) *Writer {
	cols := columns()
	return &Writer{out: out, name: name, cols: cols, memos: make([]memo, len(cols)), buf: make([]byte, 0, 64<<10),
		unreported: strings.Repeat(",", len(reportColumns()))}
}

// Create makes a new file with the header in it, durably; a file that exists is an error, for results are never
// overwritten.
func Create(path string) (*Writer, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	w := newWriter(f, path)
	w.header()
	return w, w.establish(f, path)
}

// createNew makes a file that was not there.
func createNew(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fail.Input("%s exists already: results are never overwritten", path).
			WithHint("choose another output folder, or move the file away")
	}
	if err != nil {
		return nil, fmt.Errorf("create samples: %w", err)
	}
	return f, nil
}

// establish makes a new file's header and name durable; where that fails the file is closed.
func (w *Writer) establish(f *os.File, path string) error {
	if err := w.Flush(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return errors.Join(fmt.Errorf("create samples: %w", err), f.Close())
	}
	return nil
}

// Append continues a file that Create made. A last line that a crash tore is cut off first, and cut says how many bytes
// that took; a file with another header is an error.
func Append(path string) (w *Writer, cut int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("continue samples: %w", err)
	}
	w = newWriter(f, path)
	cut, err = w.resume(f)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("continue samples in %s: %w", path, err), f.Close())
	}
	return w, cut, nil
}

// resume checks the header, removes a torn last line and leaves the file's offset at its end. It reads the file through
// the Reader's own line rules, because a line break can stand inside a quoted cell.
func (w *Writer) resume(f *os.File) (cut int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	want := Header()
	lines := newLineReader(f)
	foreign := fail.Input("the first line is not the header of this version's samples")
	whole := int64(0)
	for n := 0; ; n++ {
		line, err := lines.next()
		if errors.Is(err, errTorn) && n == 0 && !strings.HasPrefix(want, string(line)) {
			return 0, foreign
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", lines.line, err)
		}
		if n == 0 && string(bytes.TrimRight(line, "\r\n")) != want {
			return 0, foreign
		}
		whole += int64(len(line))
	}
	cut = info.Size() - whole
	if cut > 0 {
		if err := f.Truncate(whole); err != nil {
			return 0, err
		}
	}
	if _, err := f.Seek(whole, io.SeekStart); err != nil {
		return 0, err
	}
	if whole == 0 {
		w.header()
	}
	return cut, w.Flush()
}

// Header is the first line of latencies.csv, without its line break.
func Header() string {
	cols := columns()
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	return strings.Join(names, ",")
}

func (w *Writer) header() {
	w.buf = append(append(w.buf, Header()...), '\n')
}

// AppendRow adds one row. It does not fail: Flush answers what went wrong. It allocates nothing once the buffer has its
// size.
func (w *Writer) AppendRow(s *Sample) {
	cols := w.cols
	if unreported(s) {
		cols = cols[:len(cols)-len(w.unreported)]
	}
	for i := range cols {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		cols[i].write(w, &w.memos[i], s)
	}
	if len(cols) < len(w.cols) {
		w.buf = append(w.buf, w.unreported...)
	}
	w.buf = append(w.buf, '\n')
	w.rows++
	if len(w.buf) >= pieceBytes {
		w.writeOut()
	}
}

// Rows is the number of rows appended so far.
func (w *Writer) Rows() int64 { return w.rows }

// pieceBytes is how much one write passes to the kernel. In one piece, ext4 takes 7 MB with six times the CPU time
// (Linux 6.18: 1.2 ms a MB in place of 0.2), which a sustained load would miss.
const pieceBytes = 256 << 10

// writeOut writes what has been appended; after a failure it is dropped.
func (w *Writer) writeOut() {
	if w.err == nil && len(w.buf) > 0 {
		n, err := w.out.Write(w.buf)
		w.unsynced += n
		if err == nil && n < len(w.buf) {
			err = io.ErrShortWrite
		}
		if err != nil {
			w.err = fmt.Errorf("write samples to %s: %w", w.name, errors.Join(err, w.removePartialBurst()))
		}
	}
	w.buf = w.buf[:0]
}

// Flush writes what has been appended and syncs it to disk. After a failure every further Flush answers the same error,
// because the file may end in half a row.
func (w *Writer) Flush() error {
	if w.writeOut(); w.err != nil {
		return w.err
	}
	if f, ok := w.out.(interface{ Sync() error }); ok {
		if err := f.Sync(); err != nil {
			w.err = fmt.Errorf("sync samples to %s: %w", w.name, err)
			return w.err
		}
	}
	w.unsynced = 0
	return nil
}

// removePartialBurst cuts off what there is of a burst that could not be written whole (a full disk), so that the file
// ends with a row.
func (w *Writer) removePartialBurst() error {
	f, ok := w.out.(interface {
		io.Seeker
		Truncate(size int64) error
	})
	if !ok || w.unsynced == 0 {
		return nil
	}
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	return f.Truncate(end - int64(w.unsynced))
}

// Close flushes, and closes the file that Create or Append opened.
func (w *Writer) Close() error {
	err := w.Flush()
	if f, ok := w.out.(io.Closer); ok {
		err = errors.Join(err, f.Close())
	}
	return err
}

// text writes a cell, quoted as RFC 4180 has it where it holds a comma, a quote or a line break.
func (w *Writer) text(cell string) {
	start := len(w.buf)
	w.buf = append(w.buf, cell...)
	for _, c := range w.buf[start:] {
		if c <= ',' && (c == ',' || c == '"' || c == '\r' || c == '\n') {
			w.buf = w.buf[:start]
			w.quote(cell)
			return
		}
	}
}

// repeated writes a cell that most often is that of the row before, whose text was looked through.
func (w *Writer) repeated(m *memo, cell string) {
	if cell == m.text {
		w.buf = append(w.buf, cell...)
		return
	}
	from := len(w.buf)
	if w.text(cell); len(w.buf)-from == len(cell) { // not quoted
		m.text = cell
	}
}

func (w *Writer) quote(cell string) {
	w.buf = append(w.buf, '"')
	for i := range len(cell) {
		if cell[i] == '"' {
			w.buf = append(w.buf, '"')
		}
		w.buf = append(w.buf, cell[i])
	}
	w.buf = append(w.buf, '"')
}

// time writes an instant in timeLayout. The minute is the standard library's text, kept for the instants that share it.
func (w *Writer) time(m *memo, t time.Time) {
	if t.IsZero() {
		return
	}
	second := t.Unix()
	if into := second - m.minute; !m.filled || into < 0 || into >= 60 {
		t = t.UTC()
		if y := t.Year(); y < 1 || y > 9999 {
			w.buf = t.AppendFormat(w.buf, timeLayout)
			return
		}
		m.filled, m.minute = true, second-int64(t.Second())
		t.AppendFormat(m.prefix[:0], toMinute)
	}
	into := byte(second - m.minute)
	w.buf = append(w.buf, m.prefix[:]...)
	w.buf = append(w.buf, '0'+into/10, '0'+into%10, '.')
	nanos := uint32(t.Nanosecond())
	w.thousandths(nanos / 1e6)
	w.thousandths(nanos / 1e3 % 1e3)
	w.thousandths(nanos % 1e3)
	w.buf = append(w.buf, 'Z')
}

// thousandths writes three digits.
func (w *Writer) thousandths(n uint32) {
	w.buf = append(w.buf, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// millis writes milliseconds with three decimals, rounded to the nearest microsecond.
func (w *Writer) millis(d time.Duration) {
	if d < 0 {
		return
	}
	us := wholeMicros(d)
	ms, rest := us/1000, uint32(us%1000)
	if ms < 10 { // most often
		w.buf = append(w.buf, byte('0'+ms), '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		return
	}
	w.buf = strconv.AppendInt(w.buf, ms, 10)
	w.buf = append(w.buf, '.')
	w.thousandths(rest)
}

// wholeMicros is a duration of 0 or more, rounded to the nearest microsecond.
func wholeMicros(d time.Duration) int64 {
	us := int64(d / time.Microsecond)
	if d%time.Microsecond >= 500 {
		us++
	}
	return us
}

func (w *Writer) count(n int64, zero bool) {
	if n != 0 || zero {
		w.buf = strconv.AppendInt(w.buf, n, 10)
	}
}

// cost writes an amount of money with as many decimals as it takes to read the same number back.
func (w *Writer) cost(usd float64) {
	if usd >= 0 { // neither NaN nor negative
		w.buf = strconv.AppendFloat(w.buf, usd, 'f', -1, 64)
	}
}

// duration writes a Go duration, whose text is kept: it rarely changes.
func (w *Writer) duration(m *memo, d time.Duration) {
	if d < 0 {
		return
	}
	if m.text == "" || d != m.span {
		m.span, m.text = d, d.String()
	}
	w.buf = append(w.buf, m.text...)
}

// syncDir makes a new file's name durable; the file's own fsync covers only its content.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
