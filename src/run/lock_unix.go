//go:build unix

package run

import (
	"errors"
	"fmt"
	"syscall"
)

// lock takes the journal's lock. The kernel releases it when the owner ends, however that happens, so a lock that can
// be taken means that no process works on the run.
func lock(f interface{ Fd() uintptr }) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLive
	}
	if err != nil {
		return fmt.Errorf("lock the run's journal: %w", err)
	}
	return nil
}

// unlock releases the lock although a copy of the open file may exist for a moment longer: a program that another
// goroutine is starting has a copy until exec.
func unlock(f interface{ Fd() uintptr }) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
