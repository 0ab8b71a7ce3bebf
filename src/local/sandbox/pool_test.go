package sandbox

import (
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Who waits for a cell's thread that panics is told, and so is the platform: it is a defect.
func TestPanicOnTheThreadOfACell(t *testing.T) {
	defects := make(chan error, 1)
	defect := func(err error) { defects <- err }
	joined := make(chan error, 1)
	broken := &Cell{ended: make(chan struct{})} // without a group, as no cell is
	fail.Go(defect, func() { broken.thread(joined, defect) }, func() { notJoined(joined) })
	if err := <-joined; err == nil {
		t.Error("who waits for the cell is not told")
	}
	if d := fail.DefectIn(<-defects); d == nil {
		t.Error("the panic is not reported")
	}
}

// New cells are made for those that are taken.
func TestRestock(t *testing.T) {
	p, err := NewPool(OpenGroups("stellar-test-restock", false, false), t.TempDir(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	full := func(what string) {
		t.Helper()
		if !WaitUntil(t.Context(), time.Millisecond, func() bool { return len(p.stock) == SpareCells }) {
			t.Fatalf("%s: %d cells", what, len(p.stock))
		}
	}
	take := func() {
		t.Helper()
		c, err := p.Acquire()
		if err == nil {
			err = c.Discard()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	full("at first")
	take()
	full("one taken")
	for range SpareCells {
		take()
	}
	full("all taken")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
