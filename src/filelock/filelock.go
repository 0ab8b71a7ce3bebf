// Package filelock locks files for as long as a process lasts. The kernel releases a lock when the last process that
// has the open file ends, however it ends (flock(2)): a lock that can be taken means that its owner has ended.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	fileMode = os.FileMode(0o600)
	pause    = 20 * time.Millisecond // between two attempts to take a lock that another process has
)

// Try makes a file where there is none, and takes its lock. Where another process has the lock, the error is
// syscall.EWOULDBLOCK. Closing the file releases the lock, unless a child process has inherited the file. A symbolic
// link is refused: it could lead to a file that others have put there.
func Try(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// Await waits for a lock until ctx ends. The error is then both syscall.EWOULDBLOCK and that of ctx.
func Await(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := Try(path)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}
