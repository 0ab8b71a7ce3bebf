package storage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stellar/src/acceptance/lab"
	"stellar/src/fail"
	"stellar/src/objectstore"
	"stellar/src/objectstore/embedded"
)

// TestAStoreOfARun: a store that a process has as its own ends with it and leaves nothing, however either of them ends.
// A later process finds the folder of one that was killed, and waits for one that is alive.
func TestAStoreOfARun(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	spawn := func(name string) *embedded.Child {
		t.Helper()
		c, err := embedded.Spawn(t.Context(), lab.Binary(t), embedded.Options{Dir: embedded.RunDir(root, name),
			Keys: embedded.NewKeys()}, func(line string) { t.Log(line) })
		if err != nil {
			t.Fatal(err)
		}
		b, err := objectstore.Open(objectstore.Place{Endpoint: c.URL, Region: embedded.Region, Bucket: "payloads"},
			objectstore.Keys{ID: c.Keys.ID, Secret: c.Keys.Secret}, nil)
		if err == nil {
			err = b.Make(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	gone := func(what string, c *embedded.Child) {
		t.Helper()
		if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: folder %s is left: %v", what, c.Dir, err)
		}
		if err := syscall.Kill(c.PID, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s: process %d is left: %v", what, c.PID, err)
		}
	}
	closed := spawn("closed")
	if err := closed.Died(); err != nil {
		t.Errorf("died while it runs: %v", err)
	}
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(closed.PID), file))
		if err == nil && strings.Contains(string(text), closed.Keys.Secret) { // without /proc, nobody reads it there
			t.Errorf("%s shows the secret: %q", file, text)
		}
	}
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Error(err)
	}
	gone("closed", closed)

	killed := spawn("killed")
	if err := syscall.Kill(killed.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-killed.Done()
	if err := killed.Died(); err == nil || fail.Code(err) != fail.CodeFailed {
		t.Errorf("killed, and said to have died of %v", err)
	}
	if err := embedded.RemoveDead(t.Context(), killed.Dir); err != nil { // as `clean` does
		t.Error(err)
	}
	gone("killed", killed)

	// A store that is alive is waited for, and ends when its owner does.
	alive := spawn("alive")
	removed := make(chan error, 1)
	fail.Go(func(err error) { removed <- err }, func() { removed <- embedded.RemoveDead(t.Context(), alive.Dir) })
	select {
	case err := <-removed:
		t.Errorf("a store that is alive was removed: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
	gone("alive", alive)
	if _, err := embedded.Spawn(t.Context(), "/bin/false", embedded.Options{Dir: embedded.RunDir(root, "false"),
		Keys: embedded.NewKeys()}, nil); err == nil {
		t.Error("a program that is none was started")
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
