package build

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// aJar makes a jar with one class in it, compiled from a source.
func aJar(t *testing.T, name, source string) []byte {
	t.Helper()
	dir := folder(t, map[string]string{name + ".java": source})
	out := t.TempDir()
	args := append(bootstraps.JavacQuick(), "--release", "11", "-d", out, filepath.Join(dir, name+".java"))
	if said, err := exec.CommandContext(t.Context(), "javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, said)
	}
	files := map[string]string{}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(out, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return zipOf(t, files)
}

// withDependency is a function that needs a jar in libs.
func withDependency(t *testing.T, build map[string]string) string {
	t.Helper()
	files := map[string]string{
		"libs/dep.jar": string(aJar(t, "Dep",
			"package dep; public class Dep { public static String word() { return \"w\"; } }")),
		"src/main/java/mine/Main.java": "package mine;\npublic class Main { public String handle(Object e) { " +
			"return dep.Dep.word(); } }\n",
		"src/main/resources/words.txt":  "w",
		"src/test/java/mine/Never.java": "this does not compile, and no test is run",
	}
	for name, text := range build {
		files[name] = text
	}
	return folder(t, files)
}

const gradleBuild = "apply plugin: 'java'\nsourceCompatibility = '11'\ntargetCompatibility = '11'\n" +
	"dependencies { implementation files('libs/dep.jar') }\n"

// Gradle itself, without network: its Java plugin is part of it. Debian has Gradle 4.
func TestGradleItself(t *testing.T) {
	if _, err := exec.LookPath("gradle"); err != nil {
		t.Fatal("Gradle is not installed: scripts/test-setup.sh does it")
	}
	java := Java{Options{Local: true}}
	want := []string{"lib/dep.jar", "mine/Main.class", "words.txt"}
	var first map[string]string
	t.Run("build", func(t *testing.T) {
		dir := withDependency(t, map[string]string{"build.gradle": gradleBuild})
		before := namesIn(t, dir)
		first = built(t, java, sourceOf("java", "java21", dir))
		if got := fileNames(first); !slices.Equal(got, want) {
			t.Errorf("files %v, want %v", got, want)
		}
		if after := namesIn(t, dir); !slices.Equal(after, before) {
			t.Errorf("Gradle wrote into the user's folder: %v, before %v", after, before)
		}
	})
	t.Run("buildZip", func(t *testing.T) {
		task := "task buildZip(type: Zip) {\n from compileJava\n from processResources\n into('lib') { from " +
			"configurations.runtimeClasspath }\n}\n"
		again := built(t, java, sourceOf("java", "java21",
			withDependency(t, map[string]string{"build.gradle": gradleBuild + task})))
		if got := fileNames(again); !slices.Equal(got, want) {
			t.Errorf("files %v, want %v", got, want)
		}
		if first["mine/Main.class"] != again["mine/Main.class"] {
			t.Error("another folder makes other bytes")
		}
	})
	t.Run("error", func(t *testing.T) {
		dir := folder(t, map[string]string{"build.gradle": "apply plugin: 'java'\n",
			"src/main/java/Main.java": "class Main { int x = \"s\"; }"})
		refused(t, java, sourceOf("java", "java21", dir), "incompatible types")
	})
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The folder's own wrapper has priority over the PATH.
func TestGradleWrapper(t *testing.T) {
	jar := aJar(t, "Main", "package mine; public class Main {}")
	dir := folder(t, map[string]string{"build.gradle.kts": "", "made.jar": string(jar),
		"gradlew": "#!/bin/sh\necho \"$@\" >>asked\nmkdir -p build/libs\ncp made.jar " +
			"build/libs/mine-1.0-all.jar\ncp made.jar build/libs/mine-1.0.jar\n"})
	if err := os.Chmod(filepath.Join(dir, "gradlew"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := fileNames(built(t, Java{Options{Local: true}}, sourceOf("java", "java21", dir))); !slices.Equal(got,
		[]string{"mine/Main.class"}) {
		t.Errorf("files %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "asked")); err == nil {
		t.Error("the wrapper ran in the user's folder")
	}
}

func TestJavacWithJars(t *testing.T) {
	dep := string(aJar(t, "Dep", "package dep; public class Dep { public static String word() { return \"w\"; } }"))
	files := map[string]string{"lib/dep.jar": dep, "conf/words.txt": "w", "stale/Old.class": "old",
		"mine/Main.java": "package mine;\npublic class Main { public String handle(Object e) { return " +
			"dep.Dep.word(); } }\n"}
	java := Java{Options{Local: true}}
	first := built(t, java, sourceOf("java", "java11", folder(t, files)))
	if got, want := fileNames(first), []string{"conf/words.txt", "lib/dep.jar", "mine/Main.class"}; !slices.Equal(got,
		want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if again := built(t, java, sourceOf("java", "java11",
		folder(t, files))); again["mine/Main.class"] != first["mine/Main.class"] {
		t.Error("another folder makes other bytes")
	}
	delete(files, "lib/dep.jar")
	refused(t, java, sourceOf("java", "java11", folder(t, files)), "package dep does not exist")
}

// The bytes say for which release a class was compiled: 44 plus the release's number (JVMS, table 4.1-A).
func TestJavaLevels(t *testing.T) {
	java := Java{Options{Local: true}}
	version, err := java.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		runtime   string
		generated bool
		want      int
	}{
		{"java11", false, 11}, {"java17", false, min(17, release(version))},
		{"java21", false, min(21, release(version))},
		{"java99", false, release(version)}, {"java21", true, 11},
	} {
		src := sourceOf("java", c.runtime, folder(t, map[string]string{"mine/Main.java": javaMain}))
		src.Generated = c.generated
		class := built(t, java, src)["mine/Main.class"]
		if len(class) < 8 || int(class[7]) != 44+c.want {
			t.Errorf("%s, generated %v: class file version %d, want %d", c.runtime, c.generated, class[7], 44+c.want)
		}
		if in, err := java.Inputs(t.Context(), src); err != nil || in.Toolchain != version {
			t.Errorf("inputs %+v, %v", in, err)
		}
	}
}

func TestTheJar(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string // "": refused
		fat   bool
	}{
		{[]string{"a-1.jar"}, "a-1.jar", false},
		{[]string{"a-1.jar", "a-1-sources.jar", "a-1-javadoc.jar", "a-1-tests.jar", "a-1-plain.jar"}, "a-1.jar", false},
		{[]string{"a-1.jar", "a-1-all.jar"}, "a-1-all.jar", true},
		{[]string{"a-1.jar", "a-1-jar-with-dependencies.jar"}, "a-1-jar-with-dependencies.jar", true},
		{[]string{"a-1.jar", "original-a-1.jar"}, "a-1.jar", true},
		{[]string{"a.jar", "b.jar"}, "", false},
		{nil, "", false},
	} {
		files := map[string]string{"other.txt": ""}
		for _, f := range c.files {
			files[f] = ""
		}
		jar, fat, err := theJar(folder(t, files))
		if c.want == "" {
			if fail.Code(err) != fail.CodeInput || fail.Hint(err) == "" {
				t.Errorf("%v: %v, hint %q", c.files, err, fail.Hint(err))
			}
			continue
		}
		if err != nil || filepath.Base(jar) != c.want || fat != c.fat {
			t.Errorf("%v: %s, fat %v, %v; want %s", c.files, jar, fat, err, c.want)
		}
	}
}

func TestArchivesThatLeadOut(t *testing.T) {
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	if _, err := w.Create("../outside.txt"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	name := filepath.Join(t.TempDir(), "a.jar")
	if err := os.WriteFile(name, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := explode(name, out); fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "outside") {
		t.Errorf("an entry above the folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(out), "outside.txt")); err == nil {
		t.Error("it was written")
	}
}

// Nothing of a build is left in the folder for temporary files, however it ends.
func TestJavaLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	java := Java{Options{Local: true, Runner: shell.Run}}
	for _, text := range []string{javaMain, "class Main {"} {
		dir := folder(t, map[string]string{"mine/Main.java": text})
		// the second fails
		_, _ = java.Build(t.Context(), &run.Source{Dir: dir, Language: "java", Runtime: "java11"}, t.TempDir())
	}
	if err := java.Loop(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || slices.ContainsFunc(left, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(),
			"stellar-")
	}) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
