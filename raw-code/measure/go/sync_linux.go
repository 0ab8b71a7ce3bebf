package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// createSynced makes a file whose every write is on the disk when it returns.
func createSynced() (*os.File, error) {
	return os.OpenFile(filepath.Join(os.TempDir(), "stellar-io-"+randomUUID()),
		os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_DSYNC, 0o600)
}

// syncData waits until a file's data is on the disk.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
