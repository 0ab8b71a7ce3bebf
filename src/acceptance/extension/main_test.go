// Package extension_test adds an experiment type and a provider to the sources, as a contributor would, and uses the
// program that is built of them. It proves the table of docs/architecture.md on what an addition touches.
package extension_test

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
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

// build builds the program with the addition, in a copy of the sources. With -trimpath, every package that is not
// touched comes from the build cache.
func (a addition) build(t *testing.T) string {
	t.Helper()
	dir := copySources(t)
	for file, from := range a.files {
		text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(from)))
		if err != nil {
			t.Fatal(err)
		}
		added := filepath.Join(dir, filepath.FromSlash(file))
		if err := errors.Join(os.Mkdir(filepath.Dir(added), 0o755), os.WriteFile(added, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range a.edits {
		file := filepath.Join(dir, filepath.FromSlash(e.file))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), e.behind); n != 1 {
			t.Fatalf("%s has %d times:\n%s", e.file, n, e.behind)
		}
		edited := strings.Replace(string(text), e.behind, e.behind+e.insert, 1)
		if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(t.TempDir(), "stellar")
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", bin)
	if above := os.Getenv("STELLAR_TEST_PROGRAMS"); above != "" { // where nothing has changed, nothing is linked again
		kept := filepath.Join(above, t.Name())
		if err := os.MkdirAll(kept, 0o755); err != nil {
			t.Fatal(err)
		}
		c.Args = append(c.Args, "-toolexec="+filepath.Join(lab.Repo(), "scripts", "suite", "keeplink.sh"))
		c.Env = append(os.Environ(), "KEPT_PROGRAMS="+kept)
	}
	c.Args, c.Dir = append(c.Args, "./src"), dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// copySources copies what the program is built of into a folder of the test.
func copySources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"src", "raw-code"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(lab.Repo(), name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(lab.Repo(), name))
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
