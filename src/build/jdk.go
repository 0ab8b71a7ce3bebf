package build

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// jdkRelease finds the version in the file release of a JDK (JEP 223), such as JAVA_VERSION="21.0.1".
var jdkRelease = regexp.MustCompile(`(?m)^JAVA_VERSION="([0-9][^"]*)"\s*$`)

// jdkVersion is the version of the JDK whose javac is first on the PATH, as that prints it: javac 21.0.1. It is empty
// where javac is not a JDK's own program, such as a version manager's script, or the JDK does not say its version.
func jdkVersion() string {
	path, err := shell.LookPath("javac")
	if err != nil {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil || filepath.Base(filepath.Dir(path)) != "bin" {
		return ""
	}
	home := filepath.Dir(filepath.Dir(path))
	if _, err := os.Stat(filepath.Join(home, "lib", "modules")); err != nil { // every JDK from version 9 on has it
		return ""
	}
	text, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		return ""
	}
	if m := jdkRelease.FindSubmatch(text); m != nil {
		return "javac " + string(m[1])
	}
	return ""
}
