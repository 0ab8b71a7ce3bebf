// Package wholefile reads files that are named by users or runs, and writes files of results in one step: a reader sees
// the old file or the new one, never half of one.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Replace writes a file anew, in one step: after an error or a crash it is what it was. The error is that of write,
// or of the file system, or of CreateBeside.
func Replace(path string, write func(io.Writer) error) error {
	f, err := CreateBeside(path)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// CreateBeside makes a file in the folder of another one, with the rights that the user's umask gives new files. What
// is at path and is no regular file, such as /dev/stdout or a FIFO, is an error of bad input: the new file must not
// take its place.
func CreateBeside(path string) (*os.File, error) {
	if err := checkOutput(path); err != nil {
		return nil, err
	}
	name := fmt.Sprintf(".%s-%016x", filepath.Base(path), rand.Uint64())
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		inner.Path = path // which the user has named
	}
	return f, err
}

// checkOutput is an error of bad input for a path at which a new file would take the place of what is no file, or of
// the link to one of a process's descriptors.
func checkOutput(path string) error {
	if ownDescriptor.MatchString(filepath.Clean(path)) {
		return fail.Input("%w", &fs.PathError{Op: "write", Path: path,
			Err: errors.New("it is an open file of this process, which cannot be replaced")})
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fail.Input("%w", &fs.PathError{Op: "write", Path: path, Err: notRegular(info.Mode())})
	}
	return nil
}
