package build

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// backend is a build backend without dependencies: it packs one module, and leaves in the folder what setuptools would
// leave. An editable installation is a line that leads to the folder, as with setuptools.
const backend = `import os, zipfile
def build_wheel(out, config_settings=None, metadata_directory=None, editable=False):
    name = os.environ.get("NAME_OF_LIB", "lib") + "-0.1-py3-none-any.whl"
    os.makedirs("build/lib", exist_ok=True)
    with zipfile.ZipFile(os.path.join(out, name), "w") as z:
        if editable:
            z.writestr("__editable__.lib-0.1.pth", os.getcwd() + "\n")
        for f in sorted(os.listdir("lib")):
            if f.endswith(".py") and not editable:
                z.write("lib/" + f)
        d = "lib-0.1.dist-info/"
        z.writestr(d + "METADATA", "Metadata-Version: 2.1\nName: lib\nVersion: 0.1\n")
        z.writestr(d + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(d + "RECORD", "lib/__init__.py,,\n" + d + "METADATA,,\n" + d + "WHEEL,,\n" + d + "RECORD,,\n")
    return name
def build_editable(out, config_settings=None, metadata_directory=None):
    return build_wheel(out, editable=True)
`

func project(at string) map[string]string {
	return map[string]string{at + "/backend.py": backend, at + "/lib/__init__.py": `x = "one"` + "\n",
		at + "/pyproject.toml": "[project]\nname = \"lib\"\nversion = \"0.1\"\n[build-system]\nrequires = " +
			"[]\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n"}
}

func with(files map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

// runStage builds one source with the stage and returns the files' contents, as a run would.
func runStage(t *testing.T, stage Stage, store string, src *run.Source) (map[string]string, *run.Source) {
	t.Helper()
	r, _ := newRun(store, src)
	if err := stage.Run(t.Context(), r); err != nil {
		t.Fatal(err, fail.Output(err))
	}
	files := map[string]string{}
	for _, name := range names(t, src.BuildDir) {
		text, err := os.ReadFile(filepath.Join(src.BuildDir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files, src
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// A folder that requirements.txt names is built in its present state, wherever it is. Nothing is written into it, and
// its path is nowhere in the package.
func TestPythonFoldersAreBuiltAsTheyAre(t *testing.T) {
	store := t.TempDir()
	stage := Stage{Local: true}
	root := folder(t, with(project("outer"), "fn/main.py", "", "fn/requirements.txt", "--no-index\n../outer\n"))
	src := func() *run.Source { return pythonSource(filepath.Join(root, "fn")) }
	if got, made := runStage(t, stage, store, src()); got["lib/__init__.py"] != "x = \"one\"\n" ||
		!slices.Equal(made.Installed, []run.Installed{{Name: "lib", Version: "0.1"}}) {
		t.Errorf("first: %q, installed %v", got["lib/__init__.py"], made.Installed)
	}
	put(t, filepath.Join(root, "outer", "lib", "__init__.py"), "x = \"two\"\n")
	got, _ := runStage(t, stage, store, src())
	if got["lib/__init__.py"] != "x = \"two\"\n" {
		t.Errorf("old code: %q", got["lib/__init__.py"])
	}
	for name, text := range got {
		if strings.Contains(name, "direct_url") || strings.Contains(text, root) ||
			strings.Contains(text, "direct_url") || strings.Contains(text, "stellar-pip-") {
			t.Errorf("%s tells where the folder lay: %q", name, text)
		}
	}
	if exists(filepath.Join(root, "outer", "build")) {
		t.Error("the build wrote into the user's folder")
	}
}

// An editable requirement is installed as a copy, in every way to write it.
func TestPythonEditableIsACopy(t *testing.T) {
	for _, line := range []string{"-e ./libs/x", "--editable=libs/x  # mine", "-e file:libs/x",
		"--no-index -e libs/x"} {
		dir := folder(t, with(project("libs/x"), "main.py", "", "requirements.txt", "--no-index\n"+line+"\n"))
		got := built(t, Python{Options{Local: true}}, pythonSource(dir))
		if got["lib/__init__.py"] != "x = \"one\"\n" ||
			slices.ContainsFunc(fileNames(got), func(n string) bool { return strings.HasSuffix(n, ".pth") }) {
			t.Errorf("%q: files %v", line, fileNames(got))
		}
	}
	dir := folder(t, map[string]string{"main.py": "", "requirements.txt": "\n\n-e ./libs/gone\n"})
	refused(t, Python{Options{Local: true}}, pythonSource(dir),
		"requirements.txt:3 names ./libs/gone, which does not exist")
	if set, err := readRequirements(folder(t,
		map[string]string{"requirements.txt": "-e git+https://example.com/x@main#egg=x\n"})); err != nil ||
		set.loose == "" || !set.changed() {
		t.Errorf("a repository: %+v, %v", set, err)
	} else if name, err := set.staged(t.TempDir()); err != nil || !strings.HasPrefix(read(t, name),
		"git+https://example.com/x@main#egg=x") {
		t.Errorf("a repository: %v %q", err, read(t, name))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fakePip answers what builders ask of Python, and installs nothing.
func fakePip(config *string) shell.Runner {
	return func(_ context.Context, c shell.Command) (shell.Result, error) {
		switch {
		case c.Args[0] == "--version":
			return shell.Result{Stdout: "Python 3.13.1\n"}, nil
		case slices.Contains(c.Args, "config"):
			return shell.Result{Stdout: *config}, nil
		}
		return shell.Result{}, nil
	}
}

// The key of a build changes with every file that pip reads, however it is named, and with pip's settings.
func TestPythonKeySeesAllThatPipReads(t *testing.T) {
	for _, c := range []struct {
		name, requirements, common, changes string
	}{
		{"further requirements", "-r ../common.txt", "a==1", "common.txt"},
		{"written together", "-r../common.txt", "a==1", "common.txt"},
		{"constraints", "a==1\n-c ../common.txt", "b==1", "common.txt"},
		{"constraints of requirements", "--requirement=../common.txt", "--constraint constraints.txt\na",
			"constraints.txt"},
		{"over two lines", "-r \\\n ../common.txt", "a==1", "common.txt"},
		{"address of a file", "x @ file:../outer ; python_version > '3'", "", "outer/lib/__init__.py"},
		{"folder of further requirements", "-r ../common.txt", "../outer[extra]", "outer/lib/__init__.py"},
		{"editable", "-e ../outer", "", "outer/lib/__init__.py"},
		{"archive", "../wheels/a-1-py3-none-any.whl", "", "wheels/a-1-py3-none-any.whl"},
		{"wheels", "-f ../wheels --no-index\na", "", "wheels/a-1-py3-none-any.whl"},
		{"wheels of further requirements", "-r ../common.txt", "--find-links=wheels", "wheels/a-1-py3-none-any.whl"},
		{"constraints by pip's settings", "a", "", "constraints.txt"},
	} {
		root := folder(t, with(project("outer"), "fn/main.py", "", "fn/requirements.txt", c.requirements+"\n",
			"common.txt", c.common+"\n",
			"constraints.txt", "", "wheels/a-1-py3-none-any.whl", "1"))
		config := "global.constraint='" + filepath.Join(root, "constraints.txt") + "'\n"
		p := Python{Options{Runner: fakePip(&config)}}
		key := func() string {
			in, err := p.Inputs(t.Context(), pythonSource(filepath.Join(root, "fn")))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			k, err := cacheKey(pythonSource(filepath.Join(root, "fn")), in)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return k
		}
		before := key()
		if before != key() {
			t.Errorf("%s: the key changes by itself", c.name)
		}
		put(t, filepath.Join(root, c.changes), "b==2\n")
		after := key()
		if after == before {
			t.Errorf("%s: a change of %s is not seen", c.name, c.changes)
		}
		config += "global.index-url='https://other'\n"
		if key() == after {
			t.Errorf("%s: another index is not seen", c.name)
		}
	}
}

// A provider that builds the sources itself gets only the function's folder.
func TestPythonShippedLeadsNowhereElse(t *testing.T) {
	root := folder(t, with(project("outer"), "fn/main.py", "", "fn/requirements.txt", "../outer\n"))
	config := ""
	src := pythonSource(filepath.Join(root, "fn"))
	src.Unbuilt = true
	_, err := Python{Options{Runner: fakePip(&config)}}.Inputs(t.Context(), src)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "leads outside the function's folder") {
		t.Error(err)
	}
}

// index is a package index with the named wheels of dep.
func index(t *testing.T) (url string, add func(version string)) {
	t.Helper()
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	page := ""
	return server.URL + "/simple", func(version string) {
		name := "dep-" + version + "-py3-none-any.whl"
		wheelOf(t, filepath.Join(dir, name), version)
		page += `<a href="/` + name + `">` + name + "</a>\n"
		put(t, filepath.Join(dir, "simple", "dep", "index.html"), page)
	}
}

// An unpinned requirement is resolved again for each run; a pinned one comes from the cache. run.json lists what was
// installed.
func TestPythonUnpinnedIsResolvedAnew(t *testing.T) {
	url, add := index(t)
	add("1.0")
	store := t.TempDir()
	loose := folder(t, map[string]string{"main.py": "", "requirements.txt": "--index-url " + url + "\ndep\n"})
	pinned := folder(t, map[string]string{"main.py": "", "requirements.txt": "--index-url " + url + "\ndep==1.0\n"})
	version := func(dir string) (string, *run.Source) {
		_, src := runStage(t, Stage{Local: true}, store, pythonSource(dir))
		if len(src.Installed) != 1 || src.Installed[0].Name != "dep" {
			t.Fatalf("installed %v", src.Installed)
		}
		return src.Installed[0].Version, src
	}
	_, first := version(loose)
	version(pinned)
	add("2.0")
	if v, src := version(loose); v != "2.0" || src.FromCache || src.Build == first.Build {
		t.Errorf("unpinned: %s, from the cache %t, build %s after %s", v, src.FromCache, src.Build, first.Build)
	}
	if v, src := version(pinned); v != "1.0" || !src.FromCache {
		t.Errorf("pinned: %s, from the cache %t", v, src.FromCache)
	}
}

// With --rebuild, nothing comes from the cache, and the next run uses the new result.
func TestRebuild(t *testing.T) {
	store, made := t.TempDir(), &atomic.Int64{}
	dir := folder(t, map[string]string{"main.go": "1"})
	_, first := runStage(t, Stage{Builders: []Builder{copier{lang: "go", made: made}}}, store, goSource(dir))
	fresh := Stage{Rebuild: true, Builders: []Builder{writer{copier{lang: "go", made: made}}}}
	got, src := runStage(t, fresh, store, goSource(dir))
	if made.Load() != 2 || src.FromCache || got["main.go"] != "anew" || src.Build != first.Build {
		t.Errorf("%d builds, from the cache %t, %v", made.Load(), src.FromCache, got)
	}
	got, src = runStage(t, Stage{Builders: []Builder{copier{lang: "go", made: made}}}, store, goSource(dir))
	if made.Load() != 2 || !src.FromCache || got["main.go"] != "anew" {
		t.Errorf("afterwards: %d builds, from the cache %t, %v", made.Load(), src.FromCache, got)
	}
}

// writer is a builder whose result differs from what the cache has.
type writer struct{ copier }

func (w writer) Build(_ context.Context, _ *run.Source, out string) (Made, error) {
	w.made.Add(1)
	return Made{}, os.WriteFile(filepath.Join(out, "main.go"), []byte("anew"), 0o644)
}

// A build that nothing pins is made once per run and again for the next run; each result has a name of its own.
func TestFloatingBuilds(t *testing.T) {
	store, made := t.TempDir(), &atomic.Int64{}
	stage := Stage{Builders: []Builder{copier{lang: "go", made: made,
		says: Made{Floating: "nothing pins x", Installed: []run.Installed{{Name: "x", Version: "1"}}}}}}
	dir := folder(t, map[string]string{"main.go": "1"})
	same := folder(t, map[string]string{"main.go": "1"})
	r, log := newRun(store, goSource(dir), goSource(same))
	if err := stage.Run(t.Context(), r); err != nil || made.Load() != 1 ||
		!log.Has("built again for each run: nothing pins x") {
		t.Errorf("%d builds in one run, %v, %v", made.Load(), err, log.All())
	}
	_, src := runStage(t, stage, store, goSource(dir))
	if made.Load() != 2 || src.FromCache || src.Build != r.Functions[0].Source.Build || len(src.Installed) != 1 {
		t.Errorf("the next run: %d builds, from the cache %t, %q after %q", made.Load(), src.FromCache, src.Build,
			r.Functions[0].Source.Build)
	}
}

// A disk that is full while a function is built is not bad input: exit code 1, and the error holds a path on that disk.
func TestFullDiskIsNoBadInput(t *testing.T) {
	said := &fail.Error{Code: fail.CodeFailed, Err: errors.New("pip: exit code 1"),
		Output: "ERROR: [Errno 28] No space left on device: '" + t.TempDir() + "/x'"}
	for name, cause := range map[string]error{
		"a file of ours":       &fs.PathError{Op: "write", Path: "/cache/x", Err: syscall.ENOSPC},
		"what a program said":  said,
		"refused as bad input": fail.Input("building: %w", said),
	} {
		store := t.TempDir()
		r, _ := newRun(store, goSource(folder(t, map[string]string{"main.go": "1"})))
		err := Stage{Builders: []Builder{failing{copier{lang: "go"}, cause}}}.Run(t.Context(), r)
		var at *fs.PathError
		if fail.Code(err) != fail.CodeFailed || !errors.As(err, &at) || !errors.Is(at, syscall.ENOSPC) ||
			at.Path == "" {
			t.Errorf("%s: exit code %d, %v", name, fail.Code(err), err)
		}
		if name != "a file of ours" && fail.Output(err) != said.Output {
			t.Errorf("%s: output %q", name, fail.Output(err))
		}
		if left, err := os.ReadDir(filepath.Join(store, "builds")); err != nil || len(left) != 0 {
			t.Errorf("%s: left in the cache: %v, %v", name, left, err)
		}
	}
}

type failing struct {
	copier
	err error
}

func (f failing) Build(_ context.Context, _ *run.Source, out string) (Made, error) {
	return Made{}, errors.Join(os.WriteFile(filepath.Join(out, "half"), nil, 0o644), f.err)
}
