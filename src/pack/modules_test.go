package pack

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

var worker = map[string]string{"worker.mjs": "import fillers from './fillers.mjs';\n" +
	strings.Repeat("export const a = 1;\n", 60),
	"fillers.mjs": "export default [];\n", "lib/core.cjs": strings.Repeat("exports.b = 2;\n", 40),
	"README.md": "left out", "data.bin": "own data"}

// modulesOf makes a package of the Worker, in a run of its own.
func modulesOf(t *testing.T, target bytesize.Size, change ...func(*run.Package)) (*run.Run, *run.Package) {
	t.Helper()
	p := &run.Package{Name: "w", Type: run.PackageModules, TargetBytes: target, Seed: 7,
		Path: filepath.Join(t.TempDir(), "packages", "w"),
		Source: &run.Source{Key: "w", BuildDir: folder(t, worker), Generated: true, Handler: "worker.mjs",
			Language: run.LanguageWorkers}}
	for _, f := range change {
		f(p)
	}
	return newRun(t, p), p
}

// counted adds up the files below a folder.
func counted(t *testing.T, dir string) (bytes bytesize.Size, names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		bytes, names = bytes+bytesize.Size(info.Size()), append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes, names
}

func TestModulesHaveTheSizeAskedFor(t *testing.T) {
	_, as := modulesOf(t, 0)
	if err := (Stage{}).Run(t.Context(), newRun(t, as)); err != nil {
		t.Fatal(err)
	}
	for _, target := range []bytesize.Size{as.Bytes, as.Bytes + 1, 20_000, 1 << 20, 3<<20 + 12345} {
		r, p := modulesOf(t, target)
		if err := (Stage{}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got, names := counted(t, p.Path); got != target || p.Bytes != target || p.CodeBytes != as.Bytes ||
			slices.Contains(names, "README.md") {
			t.Errorf("%d asked for: %d counted, %d told, %d of code, in %v", target, got, p.Bytes, p.CodeBytes, names)
		}
	}
}

func TestModulesAsBuilt(t *testing.T) {
	for _, read := range []bool{false, true} { // without filler there is nothing to read
		r, p := modulesOf(t, 0, func(p *run.Package) { p.ReadFiller = read })
		if err := (Stage{}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got, names := counted(t, p.Path)
		if want := []string{"data.bin", "fillers.mjs", "lib/core.cjs", "worker.mjs"}; got != p.Bytes ||
			p.Bytes != p.CodeBytes || !slices.Equal(names, want) || len(p.SHA256) != 64 {
			t.Errorf("%d counted, %d told, %d of code, hash %q, files %v", got, p.Bytes, p.CodeBytes, p.SHA256, names)
		}
		if rest, _ := filepath.Glob(p.Path + ".part-*"); len(rest) > 0 {
			t.Errorf("left behind: %v", rest)
		}
	}
}

// Equal inputs make equal modules; another seed makes others. Our Worker reads its filler if it is asked to; a user's
// own does not.
func TestModulesFiller(t *testing.T) {
	make := func(change ...func(*run.Package)) (*run.Package, string, []byte) {
		r, p := modulesOf(t, 50_000, change...)
		if err := (Stage{}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		list, err := os.ReadFile(filepath.Join(p.Path, fillersModule))
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := os.ReadFile(filepath.Join(p.Path, fillerName))
		if err != nil {
			t.Fatal(err)
		}
		return p, string(list), bytes
	}
	a, list, filler := make()
	b, _, again := make()
	_, _, other := make(func(p *run.Package) { p.Seed = 8 })
	if a.SHA256 != b.SHA256 || !bytes.Equal(filler, again) || bytes.Equal(filler, other) {
		t.Error("the seed decides the filler, and nothing else")
	}
	if list != worker["fillers.mjs"] {
		t.Errorf("filler that is not to be read is listed: %s", list)
	}
	read, list, _ := make(func(p *run.Package) { p.ReadFiller = true })
	if !strings.Contains(list, "./"+fillerName) || read.TargetBytes != read.Bytes {
		t.Errorf("filler to be read: %d bytes, list %s", read.Bytes, list)
	}
	if _, list, _ = make(func(p *run.Package) {
		p.ReadFiller, p.Source.Generated = true,
			false
	}); list != worker["fillers.mjs"] {
		t.Errorf("a user's own module was changed: %s", list)
	}
}

// The modules beside a main module in a folder are in the same folder, the filler too.
func TestModulesOfAFolder(t *testing.T) {
	r, p := modulesOf(t, 5000, func(p *run.Package) {
		p.Source.Generated, p.Source.Handler = false, "lib/main.js"
		p.Source.BuildDir = folder(t, map[string]string{"lib/main.js": "export default {};", "lib/a/b.txt": "b",
			"other.mjs": "outside"})
	})
	if err := (Stage{}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, names := counted(t, p.Path); got != 5000 ||
		!slices.Equal(names, []string{"lib/a/b.txt", "lib/main.js", "lib/" + fillerName}) {
		t.Errorf("%d counted, %d told, files %v", got, p.Bytes, names)
	}
}

func TestModulesErrors(t *testing.T) {
	for _, c := range []struct {
		target bytesize.Size
		change func(*run.Package)
		want   string
	}{
		{100, func(*run.Package) {}, "the code alone is"},
		{0, func(p *run.Package) { p.Source.Handler = "other.mjs" },
			"its main module other.mjs is not among its files"},
		{0, func(p *run.Package) { p.Pattern = "lib/**" }, "its main module worker.mjs is not among its files"},
		{5 << 30, func(*run.Package) {}, "above the limit of every Worker"},
	} {
		r, p := modulesOf(t, c.target, c.change)
		err := Stage{}.Run(t.Context(), r)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) || p.Bytes != 0 {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
