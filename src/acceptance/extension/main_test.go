// Package extension_test adds an experiment type and a provider to the sources, as a contributor would, and uses the
// program that is built of them. It proves the table of docs/architecture.md on what an addition touches.
package extension_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"stellar/src/acceptance/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// edit inserts a text behind one that is in a file exactly once.
type edit struct{ file, behind, insert string }

// addition is what is added to the sources.
type addition struct {
	files map[string]string // new files: path in the module to path in testdata
	edits []edit            // of files that are there
}

// packages are the folders that the addition touches.
func (a addition) packages() map[string]bool {
	all := map[string]bool{}
	for file := range a.files {
		all[path.Dir(file)] = true
	}
	for _, e := range a.edits {
		all[path.Dir(e.file)] = true
	}
	return all
}

// build builds the program with the addition. The compiler reads the sources through an overlay, so that they stay as
// they are and every package that is not touched comes from the build cache.
func (a addition) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	edited := map[string]string{}
	for file, from := range a.files {
		text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(from)))
		if err != nil {
			t.Fatal(err)
		}
		edited[file] = string(text)
	}
	for _, e := range a.edits {
		text, ok := edited[e.file]
		if !ok {
			data, err := os.ReadFile(filepath.Join(lab.Repo(), filepath.FromSlash(e.file)))
			if err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		if n := strings.Count(text, e.behind); n != 1 {
			t.Fatalf("%s has %d times:\n%s", e.file, n, e.behind)
		}
		edited[e.file] = strings.Replace(text, e.behind, e.behind+e.insert, 1)
	}
	for file, text := range edited {
		scratch := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(scratch, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(lab.Repo(), filepath.FromSlash(file))] = scratch
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile, bin := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "stellar")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "build", "-overlay", overlayFile, "-o", bin, "./src")
	c.Dir = lab.Repo()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}
