package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestLock: one open file has the lock, the next one waits for it, and a link is not followed.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the lock was taken twice: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Await(ctx, path); !errors.Is(err, syscall.EWOULDBLOCK) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited for a lock that is not released: %v", err)
	}
	released := make(chan error, 1)
	time.AfterFunc(time.Millisecond, func() { released <- first.Close() })
	second, err := Await(t.Context(), path)
	if err := errors.Join(err, <-released); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Try(link); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link was followed: %v", err)
	}
	if _, err := Try(filepath.Join(path, "below")); err == nil {
		t.Error("a file below a file was locked")
	}
}
