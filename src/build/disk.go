package build

import (
	"cmp"
	"errors"
	"io/fs"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// onFullDisk distinguishes a full disk from a source that does not build: a full disk is not bad input, and the error
// holds an *fs.PathError with a path on that disk. If the failed program named no path, it is the cache's.
func onFullDisk(err error, cacheDir string) error {
	full := func(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
	path, says := fail.SaysDiskFull(err)
	var at *fs.PathError
	switch {
	case err == nil, !full(err) && !says:
		return err
	case !errors.As(err, &at) || !full(at):
		at = &fs.PathError{Op: "write", Path: cmp.Or(path, cacheDir), Err: syscall.ENOSPC}
		e := fail.With(fail.CodeFailed, "%w: %w", at, err)
		e.Output = fail.Output(err)
		return e
	}
	e := fail.With(fail.CodeFailed, "%w", err)
	e.Output = fail.Output(err)
	return e
}
