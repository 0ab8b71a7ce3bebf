package sandbox

import (
	"testing"

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
