package local

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// A panic on one of the platform's goroutines ends it in order: its functions and its folder are gone, and the error
// is a defect, exit code 1. Here the goroutine that makes cells panics, because it has no control groups.
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
	getOK(t, deployTo(t, client.New(p.ControlURL(), testToken), nil))
	if _, err := sandbox.NewPool(nil, t.TempDir(), p.defect); err != nil {
		t.Fatal(err)
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
	if all := strings.Join(said, "\n"); !strings.Contains(all, "pool.go") {
		t.Errorf("it has said %q; want the stack", all)
	}
}
