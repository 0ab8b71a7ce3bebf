package local

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stellar/src/fail"
)

// A panic on one of the platform's goroutines ends it in order: its functions and its folder are gone, and the error
// is a defect, exit code 1. Here the thread of a cell that is made for a second instance panics.
func TestPanicEndsThePlatform(t *testing.T) {
	var mu sync.Mutex
	var said []string
	dir := filepath.Join(t.TempDir(), "state")
	p, err := New(Options{Dir: dir, Token: testToken, CPU: CPUOff, Warnf: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf(format, args...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	fail.Go(func(err error) { served <- err }, func() { served <- p.Serve(t.Context()) })
	getOK(t, deployTo(t, NewClient(p.ControlURL(), testToken), nil))
	joined := make(chan error, 1)
	broken := &cell{ended: make(chan struct{})} // without a group, as no cell is
	fail.Go(p.defect, func() { broken.thread(joined, p.defect) }, func() { notJoined(joined) })
	if err := <-joined; err == nil {
		t.Error("who waits for the cell is not told")
	}
	select {
	case err = <-served:
	case <-time.After(30 * time.Second):
		t.Fatal("the platform goes on")
	}
	if d := fail.DefectIn(err); d == nil || fail.Code(err) != fail.CodeFailed {
		t.Errorf("error %v", err)
	}
	if !absent(dir) {
		t.Error("its folder is still there")
	}
	if left := groupsOf(p.id); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(said, "\n"); !strings.Contains(all, "sandbox.go") {
		t.Errorf("it has said %q; want the stack", all)
	}
}
