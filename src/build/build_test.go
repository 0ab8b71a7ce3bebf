package build

import (
	"archive/zip"
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// folder writes files, named by slash paths, into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	goMod  = "module function\n\ngo 1.21\n"
	goMain = "package main\n\nfunc main() { println(\"hello\") }\n"
)

func goSource(dir string) *run.Source {
	return &run.Source{Key: "go-amd64", Dir: dir, Language: "go", Runtime: "go", Architecture: runtime.GOARCH}
}

func TestGoBuildsTheSameBytesAnywhere(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod -tags=other") // the user's: they must not reach the build
	var first []byte
	for range 2 {
		dir, out := folder(t, map[string]string{"go.mod": goMod, "main.go": goMain,
			"other.go": "//go:build other\n\npackage main\n\nfunc main() {}\n"}), t.TempDir()
		if _, err := (Go{Options{Local: true}}).Build(t.Context(), goSource(dir), out); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(out, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && string(b) != string(first) {
			t.Error("two folders, two binaries")
		}
		first = b
		said, err := exec.Command(filepath.Join(out, "bootstrap")).CombinedOutput()
		if err != nil || string(said) != "hello\n" {
			t.Errorf("%q, %v", said, err)
		}
	}
}

func TestGoCrossCompiles(t *testing.T) {
	out := t.TempDir()
	src := goSource(folder(t, map[string]string{"go.mod": goMod, "main.go": goMain}))
	src.Architecture = "arm64"
	if _, err := (Go{}).Build(t.Context(), src, out); err != nil {
		t.Fatal(err)
	}
	bin, err := elf.Open(filepath.Join(out, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	if bin.Machine != elf.EM_AARCH64 {
		t.Errorf("built for %v", bin.Machine)
	}
}

func TestGoBadSources(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // in the error or its output
		hint  bool
	}{
		{"compile error", map[string]string{"go.mod": goMod,
			"main.go": "package main\n\nfunc main() { undefinedThing() }\n"},
			"main.go:3:15: undefined: undefinedThing", false},
		{"not main", map[string]string{"go.mod": goMod, "lib.go": "package lib\n"}, "package lib", false},
		{"no module", map[string]string{"main.go": goMain}, "not in a Go module", true},
		{"no files", map[string]string{"go.mod": goMod}, "no Go files", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			src := goSource(folder(t, tc.files))
			_, err := Go{}.Build(t.Context(), src, t.TempDir())
			var e *fail.Error
			if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(err.Error()+e.Output, tc.want) {
				t.Errorf("%v\n%+v", err, e)
			}
			if e != nil && tc.hint != (e.Hint != "") {
				t.Errorf("hint %q", e.Hint)
			}
			if err != nil && !strings.Contains(err.Error(), src.Dir) {
				t.Errorf("does not say where: %v", err)
			}
		})
	}
}

func TestGoInputsSeeLocalModules(t *testing.T) {
	root := folder(t, map[string]string{
		"fn/go.mod":  goMod + "\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n",
		"fn/main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.A) }\n",
		"lib/go.mod": "module example.com/lib\n\ngo 1.21\n", "lib/lib.go": "package lib\n\nconst A = 1\n",
	})
	src := goSource(filepath.Join(root, "fn"))
	key := func() string {
		t.Helper()
		in, err := (Go{}).Inputs(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		k, err := cacheKey(src, in)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := key()
	if before != key() {
		t.Error("the key changes by itself")
	}
	if err := os.WriteFile(filepath.Join(root, "lib", "lib.go"), []byte("package lib\n\nconst A = 2\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	if key() == before {
		t.Error("a change in a replaced module is not seen")
	}
	if _, err := (Go{}).Build(t.Context(), src, t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestGoCheck(t *testing.T) {
	if err := (Go{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct{ version, want string }{
		{"go1.20.1", "too old: go1.20.1"}, {"go1.26.8 X", ""}, {"devel +abc", ""},
	} {
		g := Go{Options{Runner: func(context.Context, shell.Command) (shell.Result, error) {
			return shell.Result{Stdout: tc.version + "\n\n"}, nil
		}}}
		err := g.Check(t.Context())
		if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", tc.version, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	var e *fail.Error
	if err := (Go{}).Check(t.Context()); !errors.As(err, &e) || e.Hint != goHint || e.Code != fail.CodeInput {
		t.Errorf("%v", err)
	}
}

func pythonSource(dir string) *run.Source {
	return &run.Source{Key: "py", Dir: dir, Language: "python", Runtime: "python3.13", Handler: "main.handler",
		Architecture: "amd64"}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	files, err := tree(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.rel)
	}
	return all
}

func TestPythonCopies(t *testing.T) {
	dir := folder(t, map[string]string{"main.py": "def handler(e, c): return 1\n", "pkg/mod.py": "x = 1\n",
		"data.txt": "d",
		"main.pyc": "old", "pkg/__pycache__/mod.cpython-311.pyc": "old", ".git/config": "c", "env/pyvenv.cfg": "",
		"env/lib/x.py": "("})
	if err := os.Chmod(filepath.Join(dir, "data.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("main.py", filepath.Join(dir, "alias.py")); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, err := (Python{}).Build(t.Context(), pythonSource(dir), out); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, out), []string{"alias.py", "data.txt", "main.py", "pkg/mod.py"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if info, err := os.Lstat(filepath.Join(out, "data.txt")); err != nil || info.Mode() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(filepath.Join(out, "alias.py")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "__pycache__")); err == nil {
		t.Error("the check left bytecode in the source")
	}
}

func TestPythonBadSources(t *testing.T) {
	for _, tc := range []struct{ name, dir, want string }{
		{"syntax", folder(t, map[string]string{"main.py": "x = 1\n", "a b/bad.py": "def f(:\n"}), "bad.py"},
		{"null bytes", folder(t, map[string]string{"main.py": "x = 1\x00\n"}), "main.py"},
		{"no sources", folder(t, map[string]string{"README": ""}), "no .py file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Python{Options{Local: true}}.Build(t.Context(), pythonSource(tc.dir), t.TempDir())
			var e *fail.Error
			if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(err.Error()+e.Output, tc.want) {
				t.Errorf("%v\n%+v", err, e)
			}
		})
	}
}

func TestPythonOlderInterpreterOnlyWarns(t *testing.T) {
	log := &runtest.Lines{}
	old := func(_ context.Context, c shell.Command) (shell.Result, error) {
		switch {
		case c.Name != "python3":
			return shell.Result{}, errors.New("command not found")
		case c.Args[0] == "--version":
			return shell.Result{Stdout: "Python 3.9.1\n"}, nil
		}
		e := fail.With(fail.CodeFailed, "exit code 1")
		e.Output = "main.py: SyntaxError: match"
		return shell.Result{ExitCode: 1}, e
	}
	src := pythonSource(folder(t, map[string]string{"main.py": "match x:\n case 1: pass\n"}))
	if _, err := (Python{Options{Runner: old, Log: log}}).Build(t.Context(), src, t.TempDir()); err != nil {
		t.Error(err)
	}
	if !log.Has("Python 3.9.1; they may compile with python3.13: main.py: SyntaxError") {
		t.Errorf("%q", log.All())
	}
	if _, err := (Python{Options{Runner: old, Local: true}}).Build(t.Context(), src, t.TempDir()); err == nil {
		t.Error("on this machine it cannot run, and that must be said")
	}
}

func TestPythonRequirements(t *testing.T) {
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		t.Skip("python3 has no pip: ", err)
	}
	for _, local := range []bool{true, false} {
		dir := folder(t, map[string]string{"main.py": "import dep\n",
			"requirements.txt": "--no-index\n--find-links wheels\ndep==1.0\n"})
		wheel(t, filepath.Join(dir, "wheels", "dep-1.0-py3-none-any.whl"))
		out := t.TempDir()
		if _, err := (Python{Options{Local: local}}).Build(t.Context(), pythonSource(dir), out); err != nil {
			t.Fatalf("local %t: %v", local, err)
		}
		got := names(t, out)
		if !slices.Contains(got, "dep/__init__.py") || !slices.Contains(got, "main.py") ||
			slices.ContainsFunc(got, func(n string) bool {
				return strings.HasSuffix(n, ".pyc") ||
					strings.HasPrefix(n, "bin/")
			}) {
			t.Errorf("local %t: %v", local, got)
		}
	}
	dir := folder(t, map[string]string{"main.py": "", "requirements.txt": "--no-index\nno-such-thing\n"})
	var e *fail.Error
	_, err := Python{}.Build(t.Context(), pythonSource(dir), t.TempDir())
	if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(e.Output, "no-such-thing") {
		t.Errorf("%v", err)
	}
}

// wheel writes a package that pip can install without a network.
func wheel(t *testing.T, path string) { wheelOf(t, path, "1.0") }

func wheelOf(t *testing.T, path, version string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for name, text := range map[string]string{
		"dep/__init__.py": "def run(): pass\n",
		"dep-" + version + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: dep\nVersion: " + version +
			"\n",
		"dep-" + version + ".dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: " +
			"true\nTag: py3-none-any\n",
		"dep-" + version + ".dist-info/entry_points.txt": "[console_scripts]\ndep = dep:run\n",
		"dep-" + version + ".dist-info/RECORD": "dep/__init__.py,,\ndep-" + version +
			".dist-info/METADATA,,\ndep-" + version + ".dist-info/WHEEL,,\ndep-" + version +
			".dist-info/entry_points.txt,,\ndep-" + version + ".dist-info/RECORD,,\n",
	} {
		e, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPythonCheck(t *testing.T) {
	if err := (Python{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	p := Python{Options{Runner: func(context.Context, shell.Command) (shell.Result, error) {
		return shell.Result{Stdout: "Python 3.7.2\n"}, nil
	}}}
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "too old: Python 3.7.2") {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	var e *fail.Error
	if err := (Python{}).Check(t.Context()); !errors.As(err, &e) || e.Hint != pythonHint {
		t.Errorf("%v", err)
	}
}
