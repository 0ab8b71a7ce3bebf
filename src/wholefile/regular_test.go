package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// oddFiles makes one entry of each kind that is no regular file, and gives their paths. A link leads to each kind, too.
func oddFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)                           // paths of sockets are short
	l, err := net.Listen("unix", "socket") //nolint:noctx // a local socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := errors.Join(os.Mkdir("folder", 0o755), syscall.Mkfifo("pipe", 0o600), os.Symlink("/dev/zero", "device"),
		os.Symlink("pipe", "link"), os.Symlink("loop", "loop")); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range []string{"folder", "pipe", "device", "link", "loop", "socket"} {
		out[name] = filepath.Join(dir, name)
	}
	return out
}

// What is no regular file is an error of bad input at once, for reading and for writing, and is still there later.
func TestOddFiles(t *testing.T) {
	for name, path := range oddFiles(t) {
		if f, err := Open(path); fail.Code(err) != fail.CodeInput {
			t.Errorf("open the %s: %v, %v", name, f, err)
		}
		if _, err := ReadFile(path); fail.Code(err) != fail.CodeInput {
			t.Errorf("read the %s: %v", name, err)
		}
		if name == "loop" {
			continue // a link without a target is replaced
		}
		before, _ := os.Lstat(path)
		err := Replace(path, func(w io.Writer) error { _, err := w.Write([]byte("x")); return err })
		if fail.Code(err) != fail.CodeInput {
			t.Errorf("replace the %s: %v", name, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("the %s was replaced: %v", name, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path, large := filepath.Join(dir, "a"), filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.WriteFile(large, nil, 0o600),
		os.Truncate(large, MaxText+1)); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
	_, err := ReadFile(filepath.Join(dir, "none"))
	if !errors.Is(err, fs.ErrNotExist) || fail.Code(err) == fail.CodeInput {
		t.Errorf("none: %v", err)
	}
	if _, err := ReadFile(large); fail.Code(err) != fail.CodeInput {
		t.Errorf("a large file: %v", err)
	}
	if os.Getuid() == 0 {
		return // may read everything
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); fail.Code(err) != fail.CodeInput {
		t.Errorf("without the right to read: %v", err)
	}
}

// A shell's process substitution gives the name of a descriptor, which is a pipe.
func TestOwnDescriptor(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	defer in.Close() //nolint:errcheck // only read from
	if text, err := ReadFile("/dev/fd/" + strconv.Itoa(int(in.Fd()))); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

// An output does not take the place of /dev/stdout, which is a link to a regular file where output is redirected.
func TestOwnDescriptorIsNoOutput(t *testing.T) {
	for _, path := range []string{"/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/1", "/dev/../dev/stdout"} {
		// Replace itself would do harm if it failed.
		err := checkOutput(path)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "open file of this process") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := checkOutput(filepath.Join(t.TempDir(), "stdout")); err != nil {
		t.Error(err)
	}
}
