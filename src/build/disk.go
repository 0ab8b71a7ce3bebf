package build

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"stellar/src/fail"
)

// noSpace is how compilers and package managers say that a disk is full.
var noSpace = regexp.MustCompile(`(?i)no space left on device|os error 28|\bENOSPC\b|disk quota exceeded`)

// rootedPath is a path in what a program prints.
var rootedPath = regexp.MustCompile(`/[^\s'":,]+`)

// onFullDisk tells a full disk from a source that does not build: it is no bad input, and the error holds an *fs.PathError
// with a path on that disk. Where the program that failed named none it is the cache's.
func onFullDisk(err error, cacheDir string) error {
	full := func(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
	var at *fs.PathError
	switch {
	case err == nil, !full(err) && !noSpace.MatchString(fail.Output(err)+err.Error()):
		return err
	case !errors.As(err, &at) || !full(at):
		at = &fs.PathError{Op: "write", Path: pathIn(fail.Output(err), cacheDir), Err: syscall.ENOSPC}
		e := fail.With(fail.CodeFailed, "%w: %w", at, err)
		e.Output = fail.Output(err)
		return e
	}
	e := fail.With(fail.CodeFailed, "%w", err)
	e.Output = fail.Output(err)
	return e
}

// pathIn finds the path that a program could not write to: one that exists, or whose folder does, in a line about the disk.
func pathIn(output, otherwise string) string {
	for line := range strings.Lines(output) {
		if !noSpace.MatchString(line) {
			continue
		}
		for _, path := range rootedPath.FindAllString(line, -1) {
			if _, err := os.Stat(filepath.Dir(path)); err == nil {
				return path
			}
		}
	}
	return otherwise
}
