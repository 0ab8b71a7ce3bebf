package bootstraps

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
)

// javaLoop holds the classes that run a Java handler; they are compiled where they are used, for Java 11 and later.
//
//go:embed java
var javaLoop embed.FS

// JavaClass is the loop's main class: `java <flags> -cp <package>:<package>/lib/*:<loop> stellar.bootstrap.Bootstrap
// <package.Class::method>`.
const JavaClass = "stellar.bootstrap.Bootstrap"

// JavaFlags is the one start-up profile of JVMs, after the command line of Lambda's own runtimes for Java (as `ps`
// shows it there; aws.amazon.com/blogs/compute/optimizing-aws-lambda-function-performance-for-java): the first compiler
// only, the serial collector, 85 % of the memory for the heap. Below 250 MB a JVM takes MinRAMPercentage of its memory,
// above it MaxRAMPercentage. No files in /tmp.
func JavaFlags() []string {
	return []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:MinRAMPercentage=85",
		"-XX:MaxRAMPercentage=85",
		"-XX:-UsePerfData"}
}

// JavacQuick are options of the compiler's own virtual machine: a few files are compiled before its second compiler and
// its parallel collector pay, and take two thirds of the CPU time without them. The classes are the same.
func JavacQuick() []string {
	return []string{"-J-XX:+IgnoreUnrecognizedVMOptions", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"}
}

// JavacArgs are the arguments of the compiler that make the loop in out, sources being the folder that WriteJavaLoop
// wrote.
func JavacArgs(sources, out string) []string {
	return append(JavacQuick(), "--release", "11", "-nowarn", "-XDstringConcat=inline", "-d", out,
		"-sourcepath", sources, "-implicit:class",
		filepath.Join(sources, "stellar", "bootstrap", "Bootstrap.java"),
		filepath.Join(sources, "com", "amazonaws", "services", "lambda", "runtime", "Context.java"))
}

// WriteJavaLoop writes the loop's sources into a folder.
func WriteJavaLoop(dir string) error {
	if err := copyFS(javaLoop, "java", dir); err != nil {
		return err
	}
	text, err := rawcode.FS.ReadFile("measure/java/stellar/Json.java") // the loop and the measurement function share it
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "stellar", "Json.java"), text, 0o644)
}

func copyFS(from fs.FS, root, dir string) error {
	return fs.WalkDir(from, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), text, 0o644)
	})
}
