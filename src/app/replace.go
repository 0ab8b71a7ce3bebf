package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// ReplaceFile writes a file anew, in one step: after an error or a crash it is what it was. The error is that of write,
// or of the file system.
func ReplaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
