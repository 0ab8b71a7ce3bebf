package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
)

func javaFamily() family {
	return family{
		ids:          regexp.MustCompile(`^java(\d+)?$`),
		interpreters: func(string) []string { return []string{"java"} },
		find:         findJava,
		label:        "Java",
		hint:         "install a JDK (apt install default-jdk-headless), or put java on the PATH of the platform",
		script:       "java-loop",
		prepare:      compileJavaLoop,
		// Instances run in the package's folder: classes at its top, jars in lib.
		args: func(loop, handler string) []string {
			path := "." + string(os.PathListSeparator) + "lib/*" + string(os.PathListSeparator) + loop
			return append(bootstraps.JavaFlags(), "-cp", path, bootstraps.JavaClass, handler)
		},
	}
}

var javaVersion = regexp.MustCompile(`version "([^"]+)"`)

// findJava asks the java on the PATH for its version, and goes through links to the program itself.
func findJava(ctx context.Context, name string) (program, version string, ok bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	m := javaVersion.FindSubmatch(said)
	if err != nil || m == nil {
		return "", "", false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path, string(m[1]), true
}

// compileJavaLoop makes the loop's classes in dir, once for a platform.
func compileJavaLoop(ctx context.Context, dir string) error {
	javac, err := exec.LookPath("javac")
	if err != nil {
		return fmt.Errorf("javac is not on the PATH: %w", err)
	}
	sources, err := os.MkdirTemp(filepath.Dir(dir), "java-sources-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sources)
	if err := bootstraps.WriteJavaLoop(sources); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, javac, bootstraps.JavacArgs(sources, dir)...).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the loop for Java: %w: %.500s", err, out)
	}
	return nil
}
