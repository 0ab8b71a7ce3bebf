package sample

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// fullDisk has so much space left.
type fullDisk struct {
	*os.File
	left int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n, err := d.File.Write(p[:min(len(p), d.left)])
	d.left -= n
	if n < len(p) {
		err = errors.Join(err, syscall.ENOSPC)
	}
	return n, err
}

// TestAFullDiskLeavesWholeRows: of a burst that does not fit, nothing stays, however many writes it took.
func TestAFullDiskLeavesWholeRows(t *testing.T) {
	for _, c := range []struct{ rows, left int }{
		{rows: 3, left: 100}, {rows: 3, left: 0}, {rows: 20_000, left: pieceBytes},
		{rows: 20_000, left: 3*pieceBytes + 100},
	} {
		t.Run(fmt.Sprintf("%d rows, %d bytes", c.rows, c.left), func(t *testing.T) { fillDisk(t, c.rows, c.left) })
	}
}

func fillDisk(t *testing.T, burst, left int) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullDisk{File: f, left: 1 << 20}
	w := NewWriter(disk)
	row := Empty()
	row.RequestID = "kept"
	w.AppendRow(&row)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	disk.left = left
	for range burst {
		w.AppendRow(&row)
	}
	if err := w.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error at the end is %v", err)
	}
	rows, torn, err := ReadFile(path)
	if err != nil || torn != 0 || len(rows) != 1 {
		t.Errorf("%d rows, torn line %d, %v; want the burst that was flushed, whole", len(rows), torn, err)
	}
}

// TestRowsAreOfRegularFiles: a FIFO as a file of rows is refused, and not waited for.
func TestRowsAreOfRegularFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "latencies.csv")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"ReadFile":      func() error { _, _, err := ReadFile(fifo); return err },
		"JoinPerfCosts": func() error { _, err := JoinPerfCosts(nil, fifo); return err },
		"readLines":     func() error { _, err := readLines(fifo, nil); return err },
		"readMillis":    func() error { _, err := readMillis(fifo, nil); return err },
		"Rewrite":       func() error { return rewrite(fifo, func(*Sample) {}) },
	} {
		if err := read(); fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestABurstNeedsLittleMemory: a burst of any size is written as the buffer fills, and durable after Flush.
func TestABurstNeedsLittleMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	row := full()
	for range 20_000 {
		w.AppendRow(&row)
	}
	if cap(w.buf) > 2*pieceBytes {
		t.Errorf("the buffer has %d bytes", cap(w.buf))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows, torn, err := ReadFile(path)
	if err != nil || torn != 0 || len(rows) != 20_000 {
		t.Errorf("%d rows, torn line %d, %v", len(rows), torn, err)
	}
}
