// Package goldentest compares what tests make with golden files; `go test ./src/report -update` rewrites a package's.
package goldentest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Check compares a text with the golden file testdata/<test's name>.golden, where a subtest's slash is a dash.
func Check(t *testing.T, got string) {
	t.Helper()
	CheckFile(t, filepath.Join("testdata", strings.ReplaceAll(t.Name(), "/", "-")+".golden"), got)
}

// CheckFile compares a text with a golden file.
func CheckFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite with -update if that is meant)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
