package sample

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// fullDisk takes half of what comes once it is full.
type fullDisk struct {
	*os.File
	full bool
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if !d.full {
		return d.File.Write(p)
	}
	n, err := d.File.Write(p[:len(p)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

func TestAFullDiskLeavesWholeRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullDisk{File: f}
	w := NewWriter(disk)
	row := Empty()
	row.RequestID = "kept"
	w.AppendRow(&row)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	disk.full = true
	for range 3 {
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
