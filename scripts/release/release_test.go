package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testRelease is a release whose binary for Linux on amd64 is this test's.
func testRelease(t *testing.T) (release, target) {
	t.Helper()
	r := release{version: "v1.2.3", out: t.TempDir(), work: t.TempDir(), when: time.Unix(1e9, 0).UTC()}
	system := target{"linux", "amd64"}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(r.binary(system)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, r.binary(system)); err != nil {
		t.Fatal(err)
	}
	return r, system
}

// The list of what a binary is made of has the standard library and each module, each once, with a version.
func TestSBOM(t *testing.T) {
	r, system := testRelease(t)
	if err := r.writeSBOM(system); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.out, "stellar_v1.2.3_linux_amd64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range b.Components {
		if c.Version == "" || c.PURL != c.Ref || seen[c.Ref] || !strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@") {
			t.Errorf("component %+v", c)
		}
		seen[c.Ref] = true
	}
	if b.Spec != "1.5" || len(seen) < 2 || len(b.Depends[0].Depends) != len(seen) {
		t.Errorf("%d components, dependencies %v", len(seen), b.Depends)
	}
}

// The same files give the same archive; files of this machine's user and time do not show.
func TestTarIsReproducible(t *testing.T) {
	r, _ := testRelease(t)
	write := func(mode os.FileMode) []byte {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		entries := []entry{{name: "d/", mode: 0o755}, {name: "d/f", path: path, mode: 0o644}}
		if err := r.writeTar(&buf, entries); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	if !bytes.Equal(write(0o600), write(0o640)) {
		t.Error("two archives of the same files differ")
	}
}

// The formula has no place that was not filled in.
func TestFormula(t *testing.T) {
	t.Chdir("../..")
	r, _ := testRelease(t)
	hashes := map[target]string{{"linux", "amd64"}: "a1", {"linux", "arm64"}: "a2", {"darwin", "amd64"}: "a3"}
	if err := r.formula(hashes); err == nil || !strings.Contains(err.Error(), "@SHA256_DARWIN_ARM64@") {
		t.Errorf("without one system's archive: %v", err)
	}
	hashes[target{"darwin", "arm64"}] = "a4"
	if err := r.formula(hashes); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.out, "stellar.rb"))
	if err != nil || !strings.Contains(string(text), `version "1.2.3"`) || strings.Count(string(text), `sha256 "a`) != 4 {
		t.Errorf("%s, %v", text, err)
	}
}
