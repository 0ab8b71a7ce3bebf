package build

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// keyOf is the key that a build of the source would have now.
func keyOf(t *testing.T, b Builder, src *run.Source) string {
	t.Helper()
	in, err := b.Inputs(t.Context(), src)
	if err != nil {
		t.Fatal(err, fail.Output(err))
	}
	key, err := cacheKey(src, in)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// leadsOut wants a source refused before anything is built or taken from the cache.
func leadsOut(t *testing.T, b Builder, src *run.Source, want string) {
	t.Helper()
	_, err := b.Inputs(t.Context(), src)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), want) || fail.Hint(err) == "" {
		t.Errorf("%s: exit code %d, %v, hint %q; want %q", src.Language, fail.Code(err), err, fail.Hint(err), want)
	}
}

// fakeNpm leaves the files that npm would leave, but downloads nothing.
func fakeNpm(node Options) Node {
	node.Runner = func(ctx context.Context, c shell.Command) (shell.Result, error) {
		if c.Name == "npm" {
			return shell.Result{Stdout: "{}"}, nil
		}
		return shell.Result{Stdout: "v22.1.0\n"}, nil
	}
	return Node{node}
}

// Packages by a path: those within the folder are in the package as copies, with their own dependencies; others are
// refused.
func TestNodePackagesByPath(t *testing.T) {
	lib := func(name, deps string) string {
		return `{"name": "` + name + `", "version": "1.2.3", "main": "i.js", "dependencies": {` + deps + `}}`
	}
	dir := folder(t, map[string]string{"main.js": "exports.handler = async () => require('a')",
		"package.json":        lib("f", `"a": "file:libs/a"`),
		"libs/a/package.json": lib("a", `"b": "file:../b"`), "libs/a/i.js": "module.exports = require('b')",
		"libs/b/package.json": lib("b", ""), "libs/b/i.js": "module.exports = 7"})
	src := sourceOf("nodejs", "nodejs22.x", dir)
	if err := os.Symlink("../libs/a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, src := runStage(t, Stage{Local: true}, t.TempDir(), src)
	if got["node_modules/a/i.js"] != "module.exports = require('b')" || got["node_modules/a/node_modules/b/i.js"]+
		got["node_modules/b/i.js"] == "" {
		t.Errorf("files %v", fileNames(got))
	}
	if _, err := (shell.Run(t.Context(), shell.Command{Name: "node",
		Args: []string{"-e", "if (require('a') !== 7) process.exit(3)"}, Dir: src.BuildDir})); err != nil {
		t.Error(err, fail.Output(err))
	}
	if !slices.Contains(src.Installed, run.Installed{Name: "a", Version: "1.2.3"}) {
		t.Errorf("installed %v", src.Installed)
	}

	root := folder(t, map[string]string{"f/package.json": lib("f", `"near": "file:../near"`), "f/main.js": "1",
		"near/package.json": lib("near", ""),
		"g/package.json":    lib("g", `"a": "file:./a"`), "g/a/package.json": lib("a", `"near": "../../near"`),
		"ws/package.json": `{"workspaces": ["packages/*"]}`, "ws/packages/f/package.json": lib("f", `"utils": "*"`),
		"ws/packages/u/package.json": lib("utils", "")})
	at := func(name string) *run.Source { return sourceOf("nodejs", "nodejs22.x", filepath.Join(root, name)) }
	leadsOut(t, fakeNpm(Options{}), at("f"),
		"package.json depends on near by a path that leads outside the function's folder: file:../near (line 1)")
	leadsOut(t, fakeNpm(Options{}), at("g"), "a/package.json depends on near by a path")
	leadsOut(t, fakeNpm(Options{}), at("ws/packages/f"), "utils, which is packages/u of the npm workspace")
}

// Links that npm leaves become copies; links that lead out of the package, and cycles, are refused.
func TestLinksBecomeCopies(t *testing.T) {
	link := func(root, target, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	root := folder(t, map[string]string{"a/i.js": "a", "b/i.js": "b"})
	link(root, "../a", "node_modules/a")
	link(root, "../../b", "a/node_modules/b")
	if err := replaceLinks(root); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node_modules/a/i.js", "node_modules/a/node_modules/b/i.js",
		"a/node_modules/b/i.js"} {
		if info, err := os.Lstat(filepath.Join(root, name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := inventory(filepath.Dir(mustRename(t, root))); err != nil {
		t.Error(err)
	}
	out := folder(t, map[string]string{"a/i.js": "a"})
	link(out, t.TempDir(), "node_modules/x")
	if err := replaceLinks(out); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "leads out of the package: node_modules/x") {
		t.Error(err)
	}
	ring := folder(t, map[string]string{"a/i.js": "a", "b/i.js": "b"})
	link(ring, "../../b", "a/node_modules/b")
	link(ring, "../../a", "b/node_modules/a")
	if err := replaceLinks(ring); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "depend on each other") {
		t.Error(err)
	}
}

// mustRename gives a build's folder the name that an entry's files have.
func mustRename(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filesName)
	if err := os.Rename(dir, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// Without a lock file, npm resolves again for each run; its own record lists what it installed.
func TestNodeWithoutLockFloats(t *testing.T) {
	for lock, floats := range map[string]bool{"": true, "package-lock.json": false, "npm-shrinkwrap.json": false} {
		dir := folder(t, map[string]string{"main.js": "1", "package.json": `{"dependencies": {"dep": "^1"}}`})
		if lock != "" {
			put(t, filepath.Join(dir, lock), "{}")
		}
		node := fakeNpm(Options{Local: true})
		fake := node.Runner
		node.Runner = func(ctx context.Context, c shell.Command) (shell.Result, error) {
			if c.Name == "npm" && (c.Args[0] == "ci" || c.Args[0] == "install") {
				put(t, filepath.Join(c.Dir, "node_modules", ".package-lock.json"),
					`{"packages": {"node_modules/dep": {"version": "1.4.0"}, "node_modules/dep/node_modules/@s/x": {"version": "2.0.0"}}}`)
			}
			return fake(ctx, c)
		}
		made, err := node.Build(t.Context(), sourceOf("nodejs", "nodejs22.x", dir), t.TempDir())
		want := []run.Installed{{Name: "@s/x", Version: "2.0.0"}, {Name: "dep", Version: "1.4.0"}}
		if err != nil || (made.Floating != "") != floats || !slices.Equal(made.Installed, want) {
			t.Errorf("%q: %+v, %v", lock, made, err)
		}
	}
}

const gemLock = "PATH\n  remote: libs/own\n  specs:\n    own (0.1)\n      rack\n\nGEM\n  remote: " +
	"https://rubygems.org/\n  specs:\n    rack (3.0.8)\n\nDEPENDENCIES\n  own!\n"

// Gems by a path that leads out are refused, with the line; without a lock file, gems are resolved again.
func TestRubyGemsByPath(t *testing.T) {
	ruby := Ruby{Options{Local: true, Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
		if c.Name == "bundle" && !exists(filepath.Join(c.Dir, "Gemfile.lock")) {
			put(t, filepath.Join(c.Dir, "Gemfile.lock"), gemLock)
		}
		return shell.Result{Stdout: "ruby 3.4.1\n"}, nil
	}}}
	for gemfile, where := range map[string]string{
		"# path: '../x'\ngem 'lib', path: '../lib'\n": "Gemfile:2 names ../lib",
		"gem 'lib', :path => \"/opt/lib\"\n":          "Gemfile:1 names /opt/lib",
		"path '../libs' do\n":                         "Gemfile:1", "eval_gemfile '../Gemfile.common'\n": "Gemfile:1",
	} {
		leadsOut(t, ruby, sourceOf("ruby", "ruby3.4", folder(t, map[string]string{"main.rb": "1", "Gemfile": gemfile})),
			where)
	}
	computed := map[string]string{"main.rb": "1", "Gemfile": "gem 'own', path: dir\n",
		"Gemfile.lock": strings.ReplaceAll(gemLock, "libs/own", "../own")}
	leadsOut(t, ruby, sourceOf("ruby", "ruby3.4", folder(t, computed)), "Gemfile.lock names ../own")
	for _, locked := range []bool{false, true} {
		files := map[string]string{"main.rb": "1", "Gemfile": "gem 'own', path: 'libs/own'\n"}
		if locked {
			files["Gemfile.lock"] = gemLock
		}
		made, err := ruby.Build(t.Context(), sourceOf("ruby", "ruby3.4", folder(t, files)), t.TempDir())
		want := []run.Installed{{Name: "own", Version: "0.1"}, {Name: "rack", Version: "3.0.8"}}
		if err != nil || !slices.Equal(made.Installed, want) || (made.Floating == "") != locked {
			t.Errorf("locked %t: %+v, %v", locked, made, err)
		}
	}
}

// A Maven or Gradle build that needs files outside the folder is refused: its copy would use what an earlier
// installation left.
func TestJavaProjectsLeadNowhereElse(t *testing.T) {
	parent := strings.Replace(pom, "<artifactId>mine", "<packaging>pom</packaging><artifactId>above", 1)
	child := func(with string) string {
		return strings.Replace(pom, "<groupId>",
			"<parent><groupId>mine</groupId><artifactId>above</artifactId><version>1</version>"+with+
				"</parent><groupId>", 1)
	}
	root := folder(t, map[string]string{"pom.xml": parent, "f/pom.xml": child(""),
		"g/pom.xml": child("<relativePath>../pom.xml</relativePath>"),
		"h/pom.xml": child("<relativePath/>"), "i/pom.xml": strings.Replace(pom, "</project>",
			"<modules><module>../f</module></modules></project>", 1),
		"j/pom.xml": strings.Replace(pom, "</project>",
			"<dependencies><dependency><systemPath>${project.basedir}/../x.jar</systemPath></dependency></dependencies></project>", 1),
		"k/build.gradle":        "x\nincludeBuild '../f'\n",
		"l/build.gradle":        "// file('../f')\nfiles('lib/a.jar', '../nothing')\n",
		"m/settings.gradle.kts": "project(\":f\").projectDir = file(\"../f\")", "m/build.gradle.kts": ""})
	for name, want := range map[string]string{"f": "has its parent above at ../pom.xml",
		"g": "has its parent above at ../pom.xml", "h": "", "i": "has the module ../f",
		"j": "x.jar, outside the function's folder", "k": "build.gradle:2 names ../f", "l": "",
		"m": "settings.gradle.kts:1 names ../f"} {
		src := sourceOf("java", "java17", filepath.Join(root, name))
		if want != "" {
			leadsOut(t, Java{}, src, want)
		} else if _, err := (Java{}).Inputs(t.Context(), src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := jarsIn(folder(t, map[string]string{"jackson-core-2.15.0.jar": "", "odd.jar": ""})); !slices.Equal(got,
		[]run.Installed{{Name: "jackson-core", Version: "2.15.0"}, {Name: "odd"}}) {
		t.Errorf("jars %v", got)
	}
}

// Everything that a workspace adds is noticed: its own file, replacements of its other modules, and packages behind
// links.
func TestGoInputsSeeTheWorkspace(t *testing.T) {
	root := folder(t, map[string]string{
		"go.work": "go 1.21\n\nuse (\n\t./fn\n\t./lib\n)\n", "fn/go.mod": goMod,
		"fn/main.go": "package main\n\nimport (\n\t\"example.com/lib\"\n\t\"function/linked\"\n)\n\nfunc main() { " +
			"println(lib.A, linked.B) }\n",
		"lib/go.mod": "module example.com/lib\n\ngo 1.21\n\nrequire example.com/deep v0.0.0\n\nreplace " +
			"example.com/deep => ../deep\n",
		"lib/lib.go":   "package lib\n\nimport \"example.com/deep\"\n\nconst A = deep.A\n",
		"deep/go.mod":  "module example.com/deep\n\ngo 1.21\n",
		"deep/deep.go": "package deep\n\nconst A = 1\n", "behind/b.go": "package linked\n\nconst B = 1\n"})
	if err := os.Symlink("../behind", filepath.Join(root, "fn", "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("fn", filepath.Join(root, "by-link")); err != nil {
		t.Fatal(err)
	}
	src := goSource(filepath.Join(root, "fn"))
	before := keyOf(t, Go{}, src)
	for _, c := range []struct{ name, text string }{
		{"go.work", "go 1.21\n\nuse (\n\t./fn\n\t./lib\n)\n\nreplace example.com/none v1.0.0 => example.com/none " +
			"v1.1.0\n"},
		{"deep/deep.go", "package deep\n\nconst A = 2\n"}, {"behind/b.go", "package linked\n\nconst B = 2\n"},
	} {
		put(t, filepath.Join(root, c.name), c.text)
		after := keyOf(t, Go{}, src)
		if after == before {
			t.Errorf("a change of %s is not seen", c.name)
		}
		before = after
	}
	linked := goSource(filepath.Join(root, "by-link")) // the function's own folder is a link
	before = keyOf(t, copier{lang: "go"}, linked)
	put(t, filepath.Join(root, "fn", "more.go"), "package main\n")
	if keyOf(t, copier{lang: "go"}, linked) == before {
		t.Error("a folder behind a link is taken for an empty one")
	}
	put(t, filepath.Join(root, "go.work"), "go 1.21\n\nuse (\n\t./fn\n\t./gone\n)\n")
	leadsOut(t, Go{}, src, "uses ./gone, which is no folder (line 5)")
}

// A path that leads out is refused in any Cargo.toml of the folder, also in those of packages within it.
func TestRustPathsOfPackagesWithin(t *testing.T) {
	dir := folder(t, map[string]string{"Cargo.toml": "[package]\nname = \"f\"\n[dependencies]\nnear = { path = " +
		"\"near\" }\n", "src/main.rs": rustMain,
		"near/Cargo.toml": "[package]\nname = \"near\"\n# path = \"../..\"\n[dependencies]\nfar = { path = " +
			"\"/opt/far\" }\n"})
	rust := rustWith(t, []string{"x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"}, nil)
	leadsOut(t, rust, sourceOf("rust", "rust", dir), "near/Cargo.toml:5 names /opt/far")
	lock := filepath.Join(folder(t, map[string]string{"Cargo.lock": "[[package]]\nname = \"f\"\nversion = " +
		"\"1.0.0\"\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nsource = \"registry\"\n"}), "Cargo.lock")
	if got, err := cratesIn(lock); err != nil || !slices.Equal(got,
		[]run.Installed{{Name: "serde", Version: "1.0.2"}}) {
		t.Errorf("crates %v, %v", got, err)
	}
}

// The list of what was installed is kept with the build, and is present when the build comes from the cache.
func TestInstalledIsKeptWithTheBuild(t *testing.T) {
	c := cache{t.TempDir()}
	want := []run.Installed{{Name: "x", Version: "1"}}
	if _, err := c.put("k", false, func(out string) (Made, error) {
		return Made{Installed: want}, os.WriteFile(filepath.Join(out, "f"), nil, 0o644)
	}); err != nil {
		t.Fatal(err)
	}
	if e, ok := c.get("k"); !ok || !slices.Equal(e.installed, want) {
		t.Errorf("%v, %t", e.installed, ok)
	}
	text, err := json.Marshal(run.BuildRecord{Build: "k", Installed: want})
	if err != nil || !strings.Contains(string(text), `"installed":[{"name":"x","version":"1"}]`) {
		t.Errorf("%s, %v", text, err)
	}
}
