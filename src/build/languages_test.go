package build

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

func sourceOf(language, rt, dir string) *run.Source {
	return &run.Source{Key: language, Dir: dir, Language: language, Runtime: rt, Architecture: runtime.GOARCH}
}

// built builds into a new folder and returns its files' contents by name.
func built(t *testing.T, b Builder, src *run.Source) map[string]string {
	t.Helper()
	out := t.TempDir()
	if _, err := b.Build(t.Context(), src, out); err != nil {
		t.Fatal(err, outputOf(err))
	}
	files := map[string]string{}
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(out, name)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func outputOf(err error) string {
	var e *fail.Error
	if errors.As(err, &e) {
		return e.Output
	}
	return ""
}

func fileNames(files map[string]string) []string {
	var all []string
	for n := range files {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// refused builds a source that does not build. It wants the cause in the error or its output, and exit code 2.
func refused(t *testing.T, b Builder, src *run.Source, want string) {
	t.Helper()
	_, err := b.Build(t.Context(), src, t.TempDir())
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error()+outputOf(err), want) {
		t.Errorf("%s: exit code %d, %v, want %q\n%s", src.Language, fail.Code(err), err, want, outputOf(err))
	}
}

func TestNodeBuilds(t *testing.T) {
	node := Node{Options{Local: true}}
	dir := folder(t, map[string]string{"main.js": "exports.handler = async () => require('dep')",
		"package.json":            `{"name": "f", "version": "1.0.0", "dependencies": {"dep": "file:./vendor-dep"}}`,
		"vendor-dep/package.json": `{"name": "dep", "version": "1.0.0", "main": "i.js"}`,
		"vendor-dep/i.js":         "module.exports = 7",
		"node_modules/stale/x.js": "syntax error ("})
	first := built(t, node, sourceOf("nodejs", "nodejs22.x", dir))
	for name := range first {
		if strings.Contains(name, "stale") || strings.Contains(name, ".bin") {
			t.Errorf("the package holds %s", name)
		}
	}
	if _, ok := first["main.js"]; !ok {
		t.Errorf("files %v", fileNames(first))
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "dep")); err == nil {
		t.Error("npm wrote into the user's folder")
	}
	plain := built(t, node, sourceOf("nodejs", "nodejs22.x",
		folder(t, map[string]string{"main.mjs": "export const handler = 1", "node_modules/own/i.js": "1"})))
	if got := fileNames(plain); !slices.Equal(got, []string{"main.mjs", "node_modules/own/i.js"}) {
		t.Errorf("without dependencies: %v", got)
	}
	refused(t, node, sourceOf("nodejs", "nodejs22.x", folder(t, map[string]string{"main.js": "exports.handler = ("})),
		"SyntaxError")
	refused(t, node, sourceOf("nodejs", "nodejs22.x",
		folder(t, map[string]string{"main.js": "1", "package.json": "{"})), "package.json")
	refused(t, node, sourceOf("nodejs", "nodejs22.x", folder(t, map[string]string{"readme": "x"})), "no source file")
}

func TestRubyBuilds(t *testing.T) {
	ruby := Ruby{Options{Local: true}}
	files := built(t, ruby, sourceOf("ruby", "ruby3.4",
		folder(t, map[string]string{"main.rb": "def handler(event:, context:) = 1\n", "lib/a.rb": "A = 1\n"})))
	if got := fileNames(files); !slices.Equal(got, []string{"lib/a.rb", "main.rb"}) {
		t.Errorf("files %v", got)
	}
	refused(t, ruby, sourceOf("ruby", "ruby3.4", folder(t, map[string]string{"main.rb": "def handler(\n"})),
		"syntax error")
	withGems := folder(t, map[string]string{"main.rb": "1\n", "Gemfile": "source 'https://rubygems.org'\n"})
	var asked []string
	fake := func(ctx context.Context, c shell.Command) (shell.Result, error) {
		asked = append(asked, c.Name+" "+strings.Join(c.Args, " "))
		if c.Name == "bundle" {
			return shell.Result{}, exec.ErrNotFound
		}
		return shell.Run(ctx, c)
	}
	_, err := Ruby{Options{Local: true, Runner: fake}}.Build(t.Context(), sourceOf("ruby", "ruby3.4", withGems),
		t.TempDir())
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "bundle is not on the PATH") ||
		!strings.Contains(fail.Hint(err), "gem install bundler") {
		t.Errorf("%v, hint %q, after %v", err, fail.Hint(err), asked)
	}
}

const rustMain = `fn main() { println!("hello"); }`

func TestRustBuilds(t *testing.T) {
	rust := Rust{Options{Local: true}}
	var first string
	for range 2 { // from two folders: the same bytes
		dir := folder(t, map[string]string{"Cargo.toml": "[package]\nname = \"mine\"\nversion = \"1.0.0\"\nedition " +
			"= \"2021\"\n", "src/main.rs": rustMain})
		out := t.TempDir()
		if _, err := rust.Build(t.Context(), sourceOf("rust", "rust", dir), out); err != nil {
			t.Fatal(err, outputOf(err))
		}
		text, err := os.ReadFile(filepath.Join(out, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		if first != "" && first != string(text) {
			t.Error("another folder makes other bytes")
		}
		first = string(text)
		if said, err := exec.Command(filepath.Join(out, "bootstrap")).
			Output(); err != nil || string(said) != "hello\n" {
			t.Errorf("it says %q, %v", said, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Errorf("cargo wrote into the user's folder: %v", left)
		}
		static(t, filepath.Join(out, "bootstrap"))
	}
	refused(t, rust, sourceOf("rust", "rust", folder(t,
		map[string]string{"Cargo.toml": "[package]\nname = \"mine\"\nversion = \"1.0.0\"\n",
			"src/main.rs": "fn main() { nothing }"})), "nothing")
	refused(t, rust, sourceOf("rust", "rust", folder(t,
		map[string]string{"Cargo.toml": "[package]\nname = \"mine\"\nversion = \"1.0.0\"\n",
			"src/lib.rs": "pub fn f() {}"})), "no program")
	refused(t, rust, sourceOf("rust", "rust", folder(t,
		map[string]string{"Cargo.toml": "[package]\nname = \"mine\"\nversion = \"1.0.0\"\n",
			"src/bin/a.rs": rustMain, "src/bin/b.rs": rustMain})), "2 programs")
}

// static wants a program without an interpreter, which runs in an image that contains nothing else.
func static(t *testing.T, name string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
}

const javaMain = "package mine;\npublic class Main { public String handle(java.util.Map<String, Object> e) { return " +
	"\"hi\"; } }\n"

func TestJavaBuilds(t *testing.T) {
	java := Java{Options{Local: true}}
	dir := folder(t, map[string]string{"src/mine/Main.java": javaMain, "resource.txt": "r",
		"src/mine/With.java": "package mine;\npublic class With { public void handle(java.io.InputStream i, " +
			"java.io.OutputStream o, com.amazonaws.services.lambda.runtime.Context c) {} }\n"})
	files := built(t, java, sourceOf("java", "java21", dir))
	if got := fileNames(files); !slices.Equal(got, []string{"mine/Main.class", "mine/With.class", "resource.txt"}) {
		t.Errorf("files %v", got)
	}
	refused(t, java, sourceOf("java", "java21", folder(t,
		map[string]string{"Main.java": "class Main { int x = \"s\"; }"})), "incompatible types")
	refused(t, java, sourceOf("java", "java21", folder(t, map[string]string{"readme": ""})), "no .java file")
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>mine</groupId><artifactId>mine</artifactId><version>1</version>
<properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties></project>`

// toolRunner stands in for a build tool: it reads the arguments and writes the files that the tool would write.
func toolRunner(t *testing.T, tool string, made map[string][]byte, calls *[]string) shell.Runner {
	return func(ctx context.Context, c shell.Command) (shell.Result, error) {
		if c.Name != tool {
			return shell.Run(ctx, c)
		}
		*calls = append(*calls, strings.Join(c.Args, " "))
		for name, data := range made {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(c.Dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(c.Dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return shell.Result{}, nil
	}
}

// The tools themselves download plugins at their first use. These tests check the commands and the use of their
// results.
func TestJavaBuildTools(t *testing.T) {
	jar := zipOf(t, map[string]string{"mine/Main.class": "class", "META-INF/MANIFEST.MF": "Created-By: now",
		"META-INF/maven/x/pom.properties": "#date"})
	for _, c := range []struct {
		tool, file string
		made       map[string][]byte
		want       []string
		asked      string
	}{
		{"mvn", "pom.xml", map[string][]byte{"target/mine-1.jar": jar, "target/original-x.txt": nil,
			"target/stellar-lib/dep.jar": jar},
			[]string{"lib/dep.jar", "mine/Main.class"},
			"-DskipTests package dependency:copy-dependencies -DincludeScope=runtime"},
		{"mvn", "pom.xml", map[string][]byte{"target/mine-1.jar": jar, "target/original-mine-1.jar": jar,
			"target/stellar-lib/dep.jar": jar},
			[]string{"mine/Main.class"}, "package"},
		{"gradle", "build.gradle", map[string][]byte{"build/libs/mine.jar": jar, "build/libs/mine-plain.jar": jar,
			"build/stellar-lib/dep.jar": jar},
			[]string{"lib/dep.jar", "mine/Main.class"}, "build -x test"},
		{"gradle", "build.gradle.kts", map[string][]byte{"build/libs/mine-all.jar": jar, "build/libs/mine.jar": jar},
			[]string{"mine/Main.class"}, "build -x test"},
	} {
		var calls []string
		java := Java{Options{Local: true, Runner: toolRunner(t, c.tool, c.made, &calls)}}
		files := built(t, java, sourceOf("java", "java21",
			folder(t, map[string]string{c.file: "x", "src/main/java/mine/Main.java": javaMain})))
		if got := fileNames(files); !slices.Equal(got, c.want) ||
			!strings.Contains(strings.Join(calls, "\n"), c.asked) {
			t.Errorf("%s: files %v, want %v; asked %q", c.tool, got, c.want, calls)
		}
	}
	zip := map[string][]byte{"build/distributions/mine.zip": zipOf(t,
		map[string]string{"mine/Main.class": "c", "lib/dep.jar": "j"})}
	var calls []string
	java := Java{Options{Local: true, Runner: toolRunner(t, "gradle", zip, &calls)}}
	files := built(t, java, sourceOf("java", "java21",
		folder(t, map[string]string{"build.gradle": "task buildZip(type: Zip) {}"})))
	if got := fileNames(files); !slices.Equal(got, []string{"lib/dep.jar", "mine/Main.class"}) ||
		!strings.Contains(calls[0], " buildZip ") {
		t.Errorf("buildZip: %v after %q", got, calls)
	}
	two := map[string][]byte{"build/libs/a.jar": jar, "build/libs/b.jar": jar}
	refused(t, Java{Options{Local: true, Runner: toolRunner(t, "gradle", two, &calls)}},
		sourceOf("java", "java21", folder(t, map[string]string{"build.gradle": "x"})), "made 2 jars")
	missing := func(ctx context.Context, c shell.Command) (shell.Result, error) {
		if c.Name == "mvn" {
			return shell.Result{}, exec.ErrNotFound
		}
		return shell.Run(ctx, c)
	}
	_, err := Java{Options{Local: true, Runner: missing}}.Build(t.Context(),
		sourceOf("java", "java21", folder(t, map[string]string{"pom.xml": pom})), t.TempDir())
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "mvn, which is not on the PATH") ||
		!strings.Contains(fail.Hint(err), "apt install maven") {
		t.Errorf("%v, hint %q", err, fail.Hint(err))
	}
}

// Maven itself, on a project of its own.
func TestMavenItself(t *testing.T) {
	if _, err := exec.LookPath("mvn"); err != nil {
		t.Fatal("Maven is not installed: scripts/test-setup.sh does it")
	}
	files := built(t, Java{Options{Local: true}}, sourceOf("java", "java17",
		folder(t, map[string]string{"pom.xml": pom, "src/main/java/mine/Main.java": javaMain})))
	if got := fileNames(files); !slices.Equal(got, []string{"mine/Main.class"}) {
		t.Errorf("files %v", got)
	}
}

func TestLoops(t *testing.T) {
	for _, b := range Builders(Options{Local: true}) {
		l, ok := b.(Looper)
		if !ok {
			if !slices.Contains([]string{"go", "rust", run.LanguageWorkers}, b.Language()) {
				t.Errorf("%s has no loop for images", b.Language())
			}
			continue
		}
		out := t.TempDir()
		if err := l.Loop(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"python": "bootstrap.py", "nodejs": "bootstrap.js", "ruby": "bootstrap.rb",
			"java": "stellar/bootstrap/Bootstrap.class"}[b.Language()]
		if _, err := os.Stat(filepath.Join(out, want)); err != nil {
			t.Errorf("%s: %v", b.Language(), err)
		}
	}
}

// The error of every missing toolchain says how to install it.
func TestMissingToolchains(t *testing.T) {
	none := func(context.Context, shell.Command) (shell.Result, error) { return shell.Result{}, exec.ErrNotFound }
	old := func(_ context.Context, c shell.Command) (shell.Result, error) {
		return shell.Result{Stdout: map[string]string{"node": "v12.1.0", "ruby": "ruby 2.5.1p57",
			"javac": "javac 8"}[c.Name]}, nil
	}
	for _, b := range Builders(Options{Runner: none}) {
		err := b.Check(t.Context())
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "not on the PATH") ||
			!strings.Contains(fail.Hint(err), "install") {
			t.Errorf("%s: %v, hint %q", b.Language(), err, fail.Hint(err))
		}
	}
	for _, b := range Builders(Options{Runner: old}) {
		if slices.Contains([]string{"nodejs", "ruby", "java", run.LanguageWorkers}, b.Language()) {
			if err := b.Check(t.Context()); fail.Code(err) != fail.CodeInput ||
				!strings.Contains(err.Error(), "too old") {
				t.Errorf("%s: %v", b.Language(), err)
			}
		}
	}
}

// The error of a toolchain that is there and fails, such as rustup without a toolchain, says how to install one that
// works, and keeps what the program wrote.
func TestBrokenToolchains(t *testing.T) {
	fails := func(_ context.Context, c shell.Command) (shell.Result, error) {
		e := fail.With(fail.CodeFailed, "%s: exit code 1", c.Name)
		e.Output = "no default is configured"
		return shell.Result{}, e
	}
	for _, b := range Builders(Options{Runner: fails}) {
		err := b.Check(t.Context())
		if fail.Code(err) != fail.CodeFailed || !strings.Contains(fail.Hint(err), "install") ||
			fail.Output(err) != "no default is configured" {
			t.Errorf("%s: %v, hint %q, output %q", b.Language(), err, fail.Hint(err), fail.Output(err))
		}
	}
}

// zipOf makes a ZIP file in memory.
func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range fileNames(files) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
