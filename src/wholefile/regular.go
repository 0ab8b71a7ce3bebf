package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// MaxText is the size in bytes over which ReadFile reads no file: what is read whole is text of at most megabytes.
const MaxText = int64(64 * bytesize.MiB)

// Open opens a regular file for reading, and never waits: a folder, FIFO, socket or device is an error of bad input,
// and so is a file that this user may not read. Of a file that is not there, the error is fs.ErrNotExist. The name of
// one of the process's own descriptors (/dev/stdin, /dev/fd/63 of a shell's process substitution) opens whatever it is.
func Open(path string) (*os.File, error) {
	if ownDescriptor.MatchString(path) {
		return os.Open(path) //nolint:wrapcheck // names the path
	}
	// To open some devices has effects of its own, so the kind is known before. It is checked once more afterwards,
	// because the file may have been replaced meanwhile; without O_NONBLOCK, a FIFO would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			inner.Op = "open" // which was asked for
		}
		return nil, unreadable(err)
	}
	if err := checkRegular(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(err)
	}
	if info, err = f.Stat(); err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadFile reads a file that Open opens as a whole. One of more than MaxText bytes is an error of bad input.
func ReadFile(path string) (text []byte, err error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size <= MaxText {
		text, err = io.ReadAll(io.LimitReader(f, MaxText+1)) // it may grow meanwhile
		size = int64(len(text))
	}
	if err == nil && size > MaxText {
		return nil, fail.Input("%w", &fs.PathError{Op: "read", Path: path,
			Err: fmt.Errorf("the file is larger than %s", bytesize.Size(MaxText))})
	}
	return text, err
}

// ownDescriptor matches the names of a process's own descriptors; compiled once, never changed.
var ownDescriptor = regexp.MustCompile(`^/(dev/std(in|out|err)|dev/fd/[0-9]+|proc/self/fd/[0-9]+)$`)

// unreadable gives an error of opening the exit code of bad input, unless it is that the file is not there,
// which callers tell apart, or that this process has too many files open.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return err
	}
	return fail.Input("%w", err)
}

// checkRegular is an error of bad input for what is no regular file.
func checkRegular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fail.Input("%w", &fs.PathError{Op: "open", Path: path, Err: notRegular(info.Mode())})
}

// notRegular is the cause of an error: what a file is that should be a regular one.
func notRegular(mode fs.FileMode) error {
	kind := "something else"
	switch {
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("it is %s, not a regular file", kind)
}
