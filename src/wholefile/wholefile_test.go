package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, reader := filepath.Join(dir, "table.csv"), filepath.Join(dir, "reader")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := fmt.Fprint(w, s); return err }
	}
	if err := Replace(path, text("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, reader); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, text("two")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err := Replace(path, func(w io.Writer) error { return errors.Join(text("th")(w), full) })
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	for file, want := range map[string]string{path: "two", reader: "one"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v; want %q", file, got, err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("the folder has %v, %v", left, err)
	}
	under := filepath.Join(path, "x")
	err = Replace(under, text("x"))
	if inner, ok := errors.AsType[*fs.PathError](err); !ok || inner.Path != under {
		t.Errorf("a file under a file: %v", err)
	}
}
