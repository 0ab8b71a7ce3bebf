package pack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

var sourceFiles = map[string]string{"main.py": strings.Repeat("def f(x): return x + 1\n", 200),
	"requirements.txt": "# none\n",
	"lib/deep/a.py":    strings.Repeat("a = 1\n", 50)}

func sourcesOf(t *testing.T, target bytesize.Size, change ...func(*run.Package)) (*run.Run, *run.Package) {
	t.Helper()
	p := &run.Package{Name: "s", Type: run.PackageSource, TargetBytes: target, Seed: 7,
		Path:   filepath.Join(t.TempDir(), "packages", "s"),
		Source: &run.Source{Key: "s", BuildDir: folder(t, sourceFiles), Language: "python", Unbuilt: true}}
	for _, f := range change {
		f(p)
	}
	return newRun(t, p), p
}

// zipAsGcloud packs a folder like gcloud, with Python's zipfile, and returns the size
// (googlecloudsdk/core/util/archive.py).
const zipAsGcloud = `import os, sys, zipfile
src, dest = sys.argv[1:]
with zipfile.ZipFile(dest, "w", zipfile.ZIP_DEFLATED) as z:
    for root, _, names in os.walk(src):
        rel = os.path.normpath(os.path.relpath(root, src))
        if rel != os.curdir:
            z.write(root, rel)
        for name in names:
            z.write(os.path.join(root, name), os.path.join(rel, name))
print(os.path.getsize(dest))
`

func zippedByPython(t *testing.T, dir string) bytesize.Size {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "-c", zipAsGcloud, dir,
		filepath.Join(t.TempDir(), "fun.zip")).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bytesize.Size(n)
}

func TestSourcesHaveTheSizeAskedFor(t *testing.T) {
	for _, target := range []bytesize.Size{0, 2048, 20_000, 1 << 20, 9<<20 + 12345} {
		r, p := sourcesOf(t, target)
		if err := (Stage{}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if off := target - p.Bytes; target > 0 && (off < 0 || off > 16) {
			t.Errorf("%d asked for: %d told", target, p.Bytes)
		}
		if got := zippedByPython(t, p.Path); got-p.Bytes > max(64, got/1000) || p.Bytes-got > max(64, got/1000) {
			t.Errorf("%d told, Python makes %d of it", p.Bytes, got)
		}
		if p.CodeBytes <= 0 || p.CodeBytes >= 1000 || len(p.SHA256) != 64 || target == 0 && p.Bytes != p.CodeBytes {
			t.Errorf("%d bytes, %d of code, hash %q", p.Bytes, p.CodeBytes, p.SHA256)
		}
		for name, want := range sourceFiles {
			if text, err := os.ReadFile(filepath.Join(p.Path, name)); err != nil || string(text) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(p.Path), "*.part-*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// Equal inputs make equal packages; another seed makes another filler.
func TestSourcesFollowTheSeed(t *testing.T) {
	hash := func(seed int64) string {
		r, p := sourcesOf(t, 50_000, func(p *run.Package) { p.Seed = seed })
		if err := (Stage{}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return p.SHA256
	}
	if a, b, c := hash(1), hash(1), hash(2); a != b || a == c {
		t.Errorf("hashes %s %s %s", a, b, c)
	}
}

func TestSourcesThatAreTooLarge(t *testing.T) {
	r, p := sourcesOf(t, 100)
	err := (Stage{}).Run(t.Context(), r)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "the sources alone are") ||
		fail.Hint(err) == "" {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(p.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a package was written (%v)", err)
	}
}

func TestSourcesStopWithTheirContext(t *testing.T) {
	r, p := sourcesOf(t, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Stage{}).Run(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(p.Path), "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
