package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJavaVersion: a JDK's file says the version; whatever is not a JDK is asked.
func TestJavaVersion(t *testing.T) {
	const asked = "#!/bin/sh\necho javac 11.0.2\n"
	release := "IMPLEMENTOR=\"x\"\nJAVA_RUNTIME_VERSION=\"21.0.1+12\"\nJAVA_VERSION=\"21.0.1\"\nOS_NAME=\"Linux\"\n"
	for _, c := range []struct {
		name, program, want string
		files               map[string]string
	}{
		{"a JDK", "bin/javac", "javac 21.0.1", map[string]string{"release": release, "lib/modules": ""}},
		{"a JDK without its file", "bin/javac", "javac 11.0.2", map[string]string{"lib/modules": ""}},
		{"a JDK whose file says nothing", "bin/javac", "javac 11.0.2",
			map[string]string{"release": "x", "lib/modules": ""}},
		{"a file of something else", "bin/javac", "javac 11.0.2", map[string]string{"release": release}},
		{"a version manager", "shims/javac", "javac 11.0.2",
			map[string]string{"release": release, "lib/modules": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files[c.program] = asked
			home, links := folder(t, c.files), t.TempDir()
			program := filepath.Join(home, filepath.FromSlash(c.program))
			if err := os.Chmod(program, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(program, filepath.Join(links, "javac")); err != nil { // as distributions do
				t.Fatal(err)
			}
			t.Setenv("PATH", links+string(os.PathListSeparator)+os.Getenv("PATH"))
			if got, err := (Java{}).Version(t.Context()); err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestJavaVersionIsWhatJavacSays: the file of the installed JDK and its javac agree.
func TestJavaVersionIsWhatJavacSays(t *testing.T) {
	said, err := exec.CommandContext(t.Context(), "javac", "-version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (Java{}).Version(t.Context()); err != nil || got != strings.TrimSpace(string(said)) {
		t.Errorf("%q, %v; javac says %q", got, err, said)
	}
}

// TestPipIsMissing: the error of a Python without pip says how to install it.
func TestPipIsMissing(t *testing.T) {
	if !noPipModule.MatchString("python3: No module named pip") ||
		!noPipModule.MatchString("ModuleNotFoundError: No module named 'pip'") ||
		noPipModule.MatchString("No module named 'pipes'") {
		t.Error("what Python says without pip is not recognised")
	}
}
