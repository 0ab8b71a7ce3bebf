package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// A full disk is no bad input, wherever it is: exit code 1, which disk, how much is free.
func TestFullDiskIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "builds", "x")
	full := &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	program := &fail.Error{Code: fail.CodeInput, Err: errors.New("exit code 1"),
		Output: "Error: ENOSPC: no space left on device, write '" + path + "'"}
	elsewhere := &fail.Error{Code: fail.CodeInput, Err: errors.New("exit code 1"),
		Output: "write /not/here/x: no space left on device"}
	for name, c := range map[string]struct {
		err  error
		want string
		code int
	}{
		"cache": {fail.Input("build: %w", fmt.Errorf("copy: %w", full)),
			"the disk is full: that of " + path + ", with ", 1},
		"joined": {errors.Join(errors.New("other"), fail.Input("%w", full)),
			"the disk is full: that of " + path, 1},
		"quota": {fail.Input("%w", &fs.PathError{Op: "write", Path: path, Err: syscall.EDQUOT}),
			"the disk quota is used up: that of " + path, 1},
		"left behind": {fail.With(fail.CodeLeftBehind, "%w", full), "that of " + path, 4},
		"no path":     {fail.Input("%w", syscall.ENOSPC), "the disk is full: whole rows", 1},
		"a program":   {fail.Input("docker build: %w", program), "the disk is full: that of " + path + ", with ", 1},
		"its text": {fail.Input("docker build: write %s: disk quota exceeded", path),
			"the disk is full: that of " + path, 1},
		"no such path": {fail.Input("%w", elsewhere), "a disk that the program above writes to is full", 1},
		"another":      {fail.Input("no such key"), "", 2},
	} {
		var out bytes.Buffer
		code := newCommand(Process{Stderr: &out, Stdout: &out}).report(context.Background(), c.err)
		if code != c.code || !strings.Contains(out.String(), c.want) ||
			c.want == "" && strings.Contains(out.String(), "disk") {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, c.code, out.String())
		}
	}
}
