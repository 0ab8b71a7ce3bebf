package build

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// tool runs a build tool in the copy. If the tool is missing, the error says how to install it.
func (j Java) tool(ctx context.Context, src *run.Source, code, program, hint string, args ...string) error {
	_, err := j.run(ctx, shell.Command{Name: program, Args: args, Dir: code, Timeout: javaTimeout})
	if errors.Is(err, exec.ErrNotFound) {
		return fail.Input("the function in %s is built with %s, which is not on the PATH: %w", src.Dir, program,
			exec.ErrNotFound).WithHint("%s", hint)
	}
	if err != nil {
		return badSource(ctx, src, err)
	}
	return nil
}

// maven packages the project. The jars that it needs at run time go into lib, unless its own jar contains them already.
func (j Java) maven(ctx context.Context, src *run.Source, code, out string) error {
	err := j.tool(ctx, src, code, "mvn", mavenHint, "--batch-mode", "--quiet", "-DskipTests", "package",
		"dependency:copy-dependencies", "-DincludeScope=runtime",
		"-DoutputDirectory="+filepath.Join(code, "target", "stellar-lib"))
	if err != nil {
		return err
	}
	jar, fat, err := theJar(filepath.Join(code, "target"))
	if err != nil {
		return badSource(ctx, src, err)
	}
	if err := explode(jar, out); err != nil || fat {
		return err
	}
	return copyJars(filepath.Join(code, "target", "stellar-lib"), filepath.Join(out, "lib"))
}

// gradle runs the task buildZip if the build has it (the name in AWS's examples), else build. For a build without a ZIP
// file, the jar is used, and a task of ours copies what it needs at run time.
func (j Java) gradle(ctx context.Context, src *run.Source, code, work, out string) error {
	program := "gradle"
	if info, err := os.Stat(filepath.Join(code, "gradlew")); err == nil && info.Mode()&0o111 != 0 {
		program = filepath.Join(code, "gradlew")
	}
	script := filepath.Join(work, "stellar.gradle")
	if err := os.WriteFile(script, []byte(copyDependencies), 0o644); err != nil {
		return err
	}
	flags := []string{"--no-daemon", "--quiet", "--console=plain", "--init-script", script}
	task := "build"
	for _, name := range []string{"build.gradle", "build.gradle.kts"} {
		if text, err := os.ReadFile(filepath.Join(code, name)); err == nil &&
			strings.Contains(string(text), "buildZip") {
			task = "buildZip"
		}
	}
	args := append(flags, task, "-x", "test")
	if task == "build" {
		args = append(args, "stellarCopyDependencies") // in one command: Gradle's own start takes longer than the copy
	}
	if err := j.tool(ctx, src, code, program, gradleHint, args...); err != nil {
		return err
	}
	if zips, _ := filepath.Glob(filepath.Join(code, "build", "distributions", "*.zip")); task == "buildZip" &&
		len(zips) == 1 {
		return explode(zips[0], out)
	}
	jar, fat, err := theJar(filepath.Join(code, "build", "libs"))
	if err != nil {
		return badSource(ctx, src, err)
	}
	if err := explode(jar, out); err != nil || fat {
		return err
	}
	return copyJars(filepath.Join(code, "build", "stellar-lib"), filepath.Join(out, "lib"))
}

// copyDependencies gives every project a task that copies the jars of its runtime class path, for Gradle 3.4 and later.
const copyDependencies = `allprojects {
    afterEvaluate { project ->
        project.tasks.create('stellarCopyDependencies', Copy) {
            into project.file('build/stellar-lib')
            if (project.configurations.findByName('runtimeClasspath') != null) {
                from project.configurations.runtimeClasspath
            }
        }
    }
}
`

// theJar finds the jar that a build made. A jar of a shading plugin, which contains all dependencies, has priority.
func theJar(dir string) (jar string, fat bool, err error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil {
		return "", false, err
	}
	var plain []string
	for _, name := range all {
		base := strings.TrimSuffix(filepath.Base(name), ".jar")
		switch {
		case hasEnding(base, "-sources", "-javadoc", "-tests", "-plain") || strings.HasPrefix(base, "original-"):
		case hasEnding(base, "-all", "-fat", "-shaded", "-uber", "-jar-with-dependencies", "-aws"):
			return name, true, nil
		default:
			plain = append(plain, name)
		}
	}
	if len(plain) == 1 {
		// Maven's shade plugin keeps the plain jar beside its own, under another name.
		shaded, _ := filepath.Glob(filepath.Join(dir, "original-*.jar"))
		return plain[0], len(shaded) > 0, nil
	}
	return "", false, fail.Input("the build made %d jars in %s; one is needed", len(plain), filepath.Base(dir)).
		WithHint("name the one with everything in it <name>-all.jar, or let the build make one jar only")
}

func hasEnding(name string, endings ...string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// explode unpacks an archive into a folder, without Maven's notes, which contain the time of the build.
func explode(archive, out string) (err error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(f.Name, "META-INF/maven/") ||
			f.Name == "META-INF/MANIFEST.MF" {
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return fail.Input("%s contains %q, which is outside of it", filepath.Base(archive), f.Name)
		}
		if err := unpackOne(f, filepath.Join(out, filepath.FromSlash(f.Name))); err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
	}
	return nil
}

func unpackOne(f *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // the build is the user's own: the user decides about its size
	return errors.Join(err, out.Close())
}

// copyJars copies a folder of jars. If the folder does not exist, there are none.
func copyJars(from, to string) error {
	jars, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, jar := range jars {
		if err := copyFile(file{path: filepath.Join(from, jar.Name())}, filepath.Join(to, jar.Name())); err != nil {
			return err
		}
	}
	return nil
}
