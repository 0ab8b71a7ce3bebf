package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

const (
	javaHint = "install a JDK of version 11 or later (apt install default-jdk-headless, brew install openjdk) " +
		"and put javac on the PATH"
	gradleHint = "install Gradle (apt install gradle, brew install gradle), or put its wrapper gradlew into the " +
		"function's folder"
	mavenHint   = "install Maven: apt install maven, or brew install maven"
	javaOldest  = 11
	javaTimeout = 20 * time.Minute
)

// Java builds with Gradle if the folder has a Gradle build, with Maven if it has a pom.xml, else with javac alone. The
// result is a package in Lambda's form: classes at the top, further jars in lib.
type Java struct{ Options }

var (
	_ Builder = Java{}
	_ Looper  = Java{}
)

// Language is java.
func (Java) Language() string { return "java" }

// Check asks for javac of at least version 11, and for java.
func (j Java) Check(ctx context.Context) error {
	version, err := j.Version(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		return fail.Input("javac is not on the PATH: %w", exec.ErrNotFound).WithHint(javaHint)
	}
	if err != nil {
		return fail.OrHint(err, javaHint)
	}
	if release(version) < javaOldest {
		return fail.Input("javac is too old: %s; %d is needed", version, javaOldest).WithHint(javaHint)
	}
	return nil
}

// Version is that of the compiler, as in javac 21.0.1. It is read from the JDK that javac is in, where that says it: a
// start of javac takes a quarter of a second.
func (j Java) Version(ctx context.Context) (string, error) {
	if j.Runner == nil {
		if version := jdkVersion(); version != "" {
			return version, nil
		}
	}
	res, err := j.run(ctx, shell.Command{Name: "javac", Args: []string{"-version"}, Timeout: askTimeout,
		Line: func(string) {}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(res.Stdout + res.Stderr), nil // before version 9 it was written to the latter
}

// release is the first number in a version or a runtime's id, or 0 if there is none.
func release(version string) int {
	return toolversion.Of(version).Numbers[0]
}

// buildTool returns how a folder is built: gradle, maven or javac.
func buildTool(dir string) string {
	for tool, names := range map[string][]string{"gradle": {"build.gradle", "build.gradle.kts", "gradlew"},
		"maven": {"pom.xml"}} {
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				return tool
			}
		}
	}
	return "javac"
}

// Inputs names the compiler and the level that it compiles for.
func (j Java) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := j.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	tool := buildTool(src.Dir)
	in := Inputs{Toolchain: version, Settings: []string{tool, fmt.Sprint(level(src, version)), bootstraps.Digest()},
		Variables: variables("JAVA_TOOL_OPTIONS", "JDK_JAVAC_OPTIONS", "_JAVA_OPTIONS")}
	if src.Generated {
		return in, nil
	}
	switch tool {
	case "maven":
		err = mavenPathsWithin(src.Dir, src.Dir)
	case "gradle":
		err = gradlePathsWithin(src.Dir)
	}
	if err != nil {
		return in, badSource(ctx, src, err)
	}
	return in, nil
}

// level is the runtime's version, or the compiler's if that is older. The measurement function is the same for all.
func level(src *run.Source, compiler string) int {
	n := release(src.Runtime)
	if src.Generated || n == 0 {
		return javaOldest
	}
	return min(n, release(compiler))
}

// Build compiles a copy of the folder, because build tools write beside the sources. What Maven and Gradle take from
// their repositories can change under the same version, so their builds are repeated for each run.
func (j Java) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	files, err := tree(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	work, err := os.MkdirTemp("", "stellar-java-")
	if err != nil {
		return Made{}, err
	}
	defer os.RemoveAll(work)
	tool := buildTool(src.Dir)
	if tool == "javac" {
		return Made{}, j.javac(ctx, src, files, work, out)
	}
	own := func(f file) bool {
		return !strings.HasPrefix(f.rel, "target/") && !strings.HasPrefix(f.rel, "build/") &&
			!strings.HasPrefix(f.rel, ".gradle/")
	}
	code := filepath.Join(work, "code")
	if err := copyTree(ctx, src, files, code, own); err != nil {
		return Made{}, err
	}
	if tool == "maven" {
		err = j.maven(ctx, src, code, out)
	} else {
		err = j.gradle(ctx, src, code, work, out)
	}
	floating := map[string]string{"maven": "Maven", "gradle": "Gradle"}[tool] +
		" has no lock file that pins its plugins and repositories"
	return Made{jarsIn(filepath.Join(out, "lib")), floating}, err
}

// javac compiles every source file against the jars in lib, and copies all files that are not sources.
func (j Java) javac(ctx context.Context, src *run.Source, files []file, work, out string) error {
	loop := filepath.Join(work, "loop") // for the interface Context, which every runtime has
	if err := bootstraps.WriteJavaLoop(loop); err != nil {
		return err
	}
	version, err := j.Version(ctx)
	if err != nil {
		return err
	}
	path, roots := []string{loop}, []string{loop} // always a class path of ours: javac would use CLASSPATH
	var sources []string
	for _, f := range files {
		switch {
		case filepath.Ext(f.rel) == ".java":
			sources = append(sources, f.path)
		case strings.HasPrefix(f.rel, "lib/") && filepath.Ext(f.rel) == ".jar":
			path = append(path, f.path)
		}
	}
	if len(sources) == 0 {
		return badSource(ctx, src, fail.Input("there is no .java file and no build of Gradle or Maven"))
	}
	args := append(bootstraps.JavacQuick(), "--release", fmt.Sprint(level(src, version)), "-encoding", "UTF-8",
		"-XDstringConcat=inline", "-g:source,lines",
		"-proc:none", "-implicit:none", "-d", out, "-sourcepath", strings.Join(roots, string(os.PathListSeparator)),
		"-cp", strings.Join(path, string(os.PathListSeparator)))
	if _, err := j.run(ctx, shell.Command{Name: "javac", Args: append(args, sources...), Dir: src.Dir,
		Timeout: javaTimeout}); err != nil {
		return badSource(ctx, src, err)
	}
	return copyTree(ctx, src, files, out, func(f file) bool {
		return !slices.Contains([]string{".java", ".class"}, filepath.Ext(f.rel))
	})
}

// Loop compiles the loop of managed runtimes, for images on a plain base.
func (j Java) Loop(ctx context.Context, out string) error {
	sources, err := os.MkdirTemp("", "stellar-java-loop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sources)
	if err := bootstraps.WriteJavaLoop(sources); err != nil {
		return err
	}
	_, err = j.run(ctx, shell.Command{Name: "javac", Args: bootstraps.JavacArgs(sources, out), Timeout: javaTimeout})
	return err
}
