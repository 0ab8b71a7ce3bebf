package pack

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// programLike is data that compresses about as well as a program.
func programLike(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		if i%2 == 0 {
			b[i] = byte(r.Uint32())
		}
	}
	return string(b)
}

// newRun makes a run with one function per package.
func newRun(t testing.TB, packages ...*run.Package) *run.Run {
	t.Helper()
	r := &run.Run{WorkDir: t.TempDir(), Log: &runtest.Lines{}}
	for i, p := range packages {
		r.Functions = append(r.Functions, &run.Function{Name: fmt.Sprintf("f%d-0", i), PackageType: "Zip", Package: p})
	}
	return r
}

var python = map[string]string{"main.py": strings.Repeat("def handler(e, c):\n    return e\n", 40),
	"pkg/a.py":     "a = 1\n",
	"pkg/empty.py": "", "pkg/sub/ü.txt": "ü", "bootstrap": "#!/bin/sh\n"}

// contents reads an archive with Go's reader, which checks every CRC.
func contents(t *testing.T, path string) (names []string, files map[string][]byte) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		names, files[f.Name] = append(names, f.Name), b
		want := os.FileMode(0o644)
		if f.Name == "bootstrap" {
			want = 0o755
		}
		if f.Mode() != want || f.Flags&8 != 0 {
			t.Errorf("%s: mode %v, flags %#x", f.Name, f.Mode(), f.Flags)
		}
	}
	return names, files
}

// unpackers lets the other programs on this machine test archives.
func unpackers(t *testing.T, paths ...string) {
	t.Helper()
	const py = "import sys, zipfile\nfor p in sys.argv[1:]:\n  assert zipfile.ZipFile(p).testzip() is None, p"
	if out, err := exec.Command("python3", append([]string{"-c", py}, paths...)...).
		CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Log("python3 is not on the PATH")
	} else if err != nil {
		t.Errorf("python3: %v\n%s", err, out)
	}
	for _, path := range paths {
		if out, err := exec.Command("unzip", "-tqq", path).CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
			t.Log("unzip is not on the PATH")
			return
		} else if err != nil {
			t.Errorf("unzip -t %s: %v\n%s", path, err, out)
		}
	}
}

func TestPlacements(t *testing.T) {
	sorted := []string{"bootstrap", "main.py", "pkg/a.py", "pkg/empty.py", "pkg/sub/ü.txt"}
	src := &run.Source{Key: "py", BuildDir: folder(t, python)}
	dir := t.TempDir()
	for _, tc := range []struct {
		name, placement string
		target          bytesize.Size
		want            []string
	}{
		{"as built", "back", 0, sorted},
		{"back", "back", 3 << 20, append(slices.Clone(sorted), fillerName)},
		{"default", "", 3<<20 + 1, append(slices.Clone(sorted), fillerName)},
		{"front", "front", 3<<20 + 7, append([]string{fillerName}, sorted...)},
		{"spread", "spread", 3<<20 + 11, []string{"stellar-filler-0.bin", "stellar-filler-1.bin", "bootstrap",
			"stellar-filler-2.bin",
			"main.py", "stellar-filler-3.bin", "stellar-filler-4.bin", "pkg/a.py", "stellar-filler-5.bin",
			"pkg/empty.py",
			"stellar-filler-6.bin", "pkg/sub/ü.txt", "stellar-filler-7.bin"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &run.Package{Name: tc.name, Source: src, Path: filepath.Join(dir, tc.name, "p.zip"),
				TargetBytes: tc.target,
				Placement:   tc.placement, Seed: 7}
			if err := (Stage{}).Run(t.Context(), newRun(t, p)); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(p.Path)
			if err != nil || info.Size() != int64(p.Bytes) || (tc.target != 0 && p.Bytes != tc.target) || info.Mode().
				Perm() != 0o644 {
				t.Errorf("%v, %v, Bytes %d, want %d", info, err, p.Bytes, tc.target)
			}
			names, files := contents(t, p.Path)
			if !slices.Equal(names, tc.want) {
				t.Errorf("order %v", names)
			}
			var code []string
			for _, n := range names {
				if !isFiller(n) {
					code = append(code, n)
					if string(files[n]) != python[n] {
						t.Errorf("%s holds %q", n, files[n])
					}
				}
			}
			if !slices.Equal(code, sorted) {
				t.Errorf("code %v", code)
			}
			unpackers(t, p.Path)
		})
	}
}

// TestEverySizeFromTheCodeUp checks the main property: the size is exact to the byte, for every gap.
func TestEverySizeFromTheCodeUp(t *testing.T) {
	src := &run.Source{Key: "py", BuildDir: folder(t, python)}
	dir := t.TempDir()
	bare := &run.Package{Name: "bare", Source: src, Path: filepath.Join(dir, "bare.zip")}
	if err := (Stage{}).Run(t.Context(), newRun(t, bare)); err != nil {
		t.Fatal(err)
	}
	if bare.Bytes != bare.CodeBytes || bare.Bytes == 0 {
		t.Fatalf("%+v", bare)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	gaps := make([]bytesize.Size, 0, 400)
	for g := range bytesize.Size(301) {
		gaps = append(gaps, g)
	}
	for range 60 {
		gaps = append(gaps, bytesize.Size(rnd.Int64N(300_000)))
	}
	for _, placement := range []string{"back", "front", "spread"} {
		var packages []*run.Package
		for i, g := range gaps {
			packages = append(packages, &run.Package{Name: fmt.Sprint(i), Source: src, TargetBytes: bare.Bytes + g,
				Seed:      int64(i),
				Placement: placement, Path: filepath.Join(dir, placement, fmt.Sprintf("%d.zip", i))})
		}
		if err := (Stage{}).Run(t.Context(), newRun(t, packages...)); err != nil {
			t.Fatal(err)
		}
		for _, p := range packages {
			info, err := os.Stat(p.Path)
			if err != nil || info.Size() != int64(p.TargetBytes) || p.CodeBytes != bare.Bytes {
				t.Errorf("%s, gap %d: %v, %v, code %d", placement, p.TargetBytes-bare.Bytes, info, err, p.CodeBytes)
			}
			if names, _ := contents(t, p.Path); len(names) < len(python) {
				t.Errorf("%s, gap %d: %v", placement, p.TargetBytes-bare.Bytes, names)
			}
		}
		var some []string // for other programs: those around the smallest filler, and larger ones
		for _, g := range []int{0, 1, 115, 127, 128, 129, 130, 131, 132, 133, 134, 255, 300, 310} {
			some = append(some, packages[g].Path)
		}
		unpackers(t, some...)
	}
}

// TestGolden pins the bytes: two runs with the same seed, on any machine, deploy the same package.
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		placement string
		target    bytesize.Size
		want      string
	}{
		{"back", 0, "a1a1a21c6f4662eb0cbc97399a52b60a9b57a1b84e1508a5a06895813d62fd10"},
		{"back", 1 << 20, "47ac51c40f274374e48ec52596c44d382cb1f503f8088ee2cfa095ad0375fbdf"},
		{"spread", 1<<20 + 12345, "70f96b251c18c742d10b0d20c87b09721543832fd27f1a439df38e8178297b95"},
	} {
		dir := t.TempDir()
		p := &run.Package{Name: "p", Source: &run.Source{Key: "py", BuildDir: folder(t, python)},
			Path:        filepath.Join(dir, "p.zip"),
			TargetBytes: tc.target, Placement: tc.placement, Seed: 42}
		for range 2 {
			if err := (Stage{}).Run(t.Context(), newRun(t, p)); err != nil {
				t.Fatal(err)
			}
			if p.SHA256 != tc.want {
				t.Errorf("%s %d: SHA-256 %s, want %s", tc.placement, tc.target, p.SHA256, tc.want)
			}
			if got := fileSum(t, p.Path); got != p.SHA256 {
				t.Errorf("the file's is %s", got)
			}
		}
		other := *p
		other.Seed, other.Path = 43, filepath.Join(dir, "q.zip")
		if err := (Stage{}).Run(t.Context(), newRun(t, &other)); err != nil {
			t.Fatal(err)
		}
		if (other.SHA256 != p.SHA256) != (tc.target != 0) {
			t.Errorf("another seed: %s, %s", other.SHA256, p.SHA256)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 2 {
			t.Errorf("left beside the packages: %v, %v", left, err)
		}
	}
}

func TestFillerIsIncompressibleAndHasItsCRC(t *testing.T) {
	for _, size := range []uint64{4, 5, 16, chunkBytes - 1, chunkBytes + 4, 3*chunkBytes + 9} {
		var seen [][]byte
		for number := range 2 {
			var out bytes.Buffer
			p := newPipe(t.Context(), &out)
			if err := fillerEntry(fillerName, size, 1, number).body.writeTo(p); err != nil {
				t.Fatal(err)
			}
			if _, err := p.close(); err != nil {
				t.Fatal(err)
			}
			b := out.Bytes()
			if uint64(len(b)) != size || crc32.ChecksumIEEE(b) != fillerCRC {
				t.Errorf("%d bytes of %d, CRC %08x", len(b), size, crc32.ChecksumIEEE(b))
			}
			seen = append(seen, b)
		}
		if size > 8 && bytes.Equal(seen[0], seen[1]) {
			t.Error("two fillers of a package are equal: a platform could store them once")
		}
		if size < 1000 {
			continue
		}
		var packed bytes.Buffer
		z := zip.NewWriter(&packed)
		w, err := z.Create("x")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(seen[0])
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if uint64(packed.Len()) < size {
			t.Errorf("%d bytes compress to %d", size, packed.Len())
		}
	}
}

func TestPatternOfTheOriginal(t *testing.T) {
	src := &run.Source{Key: "py", BuildDir: folder(t, python), Generated: true}
	p := &run.Package{Name: "p", Source: src, Path: filepath.Join(t.TempDir(), "p.zip"),
		Pattern: "hellopy/lambda_function.py"}
	r := newRun(t, p)
	if err := (Stage{}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if names, _ := contents(t, p.Path); len(names) != len(python) ||
		!r.Log.(*runtest.Lines).Has("hellopy/lambda_function.py") {
		t.Errorf("%v", names)
	}
	p.Pattern = "pkg/**"
	if err := (Stage{}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if names, _ := contents(t, p.Path); len(names) != 3 {
		t.Errorf("%v", names)
	}
}
