package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/filelock"
)

// aliveSuffix is what is behind the name of a platform's folder in the name of its lock file, which is beside the
// folder. Spawn and Detach lock it before there is a process, and the watcher and the platform inherit the lock. Where
// the lock can be taken, both have ended, even if the owner was killed while it started them.
const aliveSuffix = ".alive"

// markAlive locks the lock file of a platform that is about to start.
func markAlive(dir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	return filelock.Try(dir + aliveSuffix)
}

// inheritAlive takes over the lock that this process was started with: it lasts to this process's end, and its children
// do not inherit it.
func inheritAlive(fd int) bool {
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil || info.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return false
	}
	syscall.CloseOnExec(fd)
	return true
}

// copyAlive gives another file with the lock that this process was started with, for a child to inherit.
func copyAlive(fd int) (*os.File, error) {
	copied, err := syscall.Dup(fd)
	if err != nil {
		return nil, fmt.Errorf("a platform's lock file: %w", err)
	}
	syscall.CloseOnExec(copied)
	return os.NewFile(uintptr(copied), "alive"), nil
}

// RemoveDead waits until the processes of a platform that Spawn or Detach started have ended, and removes what they
// have left. Its owner has ended, or has ended it: the processes then do so too, in at most 10 s. That they do not
// within 15 s is an error (exit code 4). dir is the folder that the platform was to have, whether or not it ever had
// it.
func RemoveDead(ctx context.Context, dir string) error {
	if absent(filepath.Dir(dir)) {
		return nil // without the state root, none was started
	}
	wait, cancel := context.WithTimeout(ctx, closeTime+closeTime/2)
	defer cancel()
	lock, err := filelock.Await(wait, dir+aliveSuffix)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fail.With(fail.CodeLeftBehind, "local platform: a process of it still holds %s", dir+aliveSuffix).
			WithHint("end the processes that have %s among their arguments, and try again", dir)
	}
	if err != nil {
		return fail.With(fail.CodeLeftBehind, "local platform: %w", err)
	}
	defer lock.Close()
	end, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	if err := endLeft(end, dir); err != nil {
		return err
	}
	if !absent(dir) {
		return fail.With(fail.CodeLeftBehind, "local platform: folder %s is still there: %w", dir, os.ErrExist).
			WithHint("remove it by hand")
	}
	return dropAlive(dir)
}

// dropAlive removes the lock file of a platform that has ended.
func dropAlive(dir string) error {
	if err := os.Remove(dir + aliveSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail.With(fail.CodeLeftBehind, "local platform: %w", err)
	}
	return nil
}

// sweepAlive removes the lock file of a platform that has ended without a folder: its owner was killed while it
// started.
func sweepAlive(path string) error {
	if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < graceToOwn ||
		!absent(strings.TrimSuffix(path, aliveSuffix)) {
		return nil // a young one may not be locked yet
	}
	lock, err := filelock.Try(path)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("a platform's lock file: %w", err)
	}
	defer lock.Close()
	return dropAlive(strings.TrimSuffix(path, aliveSuffix))
}
