//go:build unix

package run

import (
	"errors"
	"fmt"
	"syscall"
)

// lock takes the journal's lock. The kernel drops it when the owner dies, however it dies, so a lock that can be taken
// means that nobody works on the run.
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

// unlock gives the lock up although a copy of the open file may live a moment longer: a program that another goroutine
// is just starting has one until it is executed.
func unlock(f interface{ Fd() uintptr }) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
