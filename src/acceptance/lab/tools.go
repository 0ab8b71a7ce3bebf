package lab

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func newestFirst(paths []string) {
	when := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(paths, func(a, b string) int { return int(when(b)/1e6 - when(a)/1e6) })
}

// Main runs a package's tests and removes the build cache that they shared.
func Main(m *testing.M) int {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(s) { // as in a background job; the programs that tests start are to have the default
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	if err := unshimPython(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(ownCache()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// unshimPython takes a version manager's folders of shims off the PATH, and puts the folder of the real Python in the
// place of the first where no other Python is found before it. A shim is a script that runs some thirty programs before
// Python starts, and some two hundred where it stands for a Python that is not active.
func unshimPython() error {
	shim, err := exec.LookPath("python3")
	if err != nil {
		return nil // tests that need it say so
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if isScript(shim) {
		out, err := exec.Command(shim, "-c", "import sys; print(sys.executable)").Output()
		if err != nil {
			return fmt.Errorf("%s: %w", shim, err)
		}
		if at := slices.Index(dirs, filepath.Dir(shim)); at >= 0 {
			dirs[at] = filepath.Dir(strings.TrimSpace(string(out)))
		}
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return isScript(filepath.Join(dir, "python3")) })
	return os.Setenv("PATH", joinPath(dirs))
}

// isScript reports whether a file names the program that runs it.
func isScript(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 2)
	n, _ := io.ReadFull(f, start)
	return string(start[:n]) == "#!"
}

// ownCache is the build cache of this test process, where the packages share none.
func ownCache() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("stellar-acceptance-%d", os.Getpid()))
}

// Cache is the build cache of all labs that have none of their own.
func Cache() string { return cmp.Or(os.Getenv(cacheVariable), ownCache()) }

// Serverless is the folder with the pinned Serverless CLI.
func Serverless() string { return Module("serverless") }

// Module is the folder of programs of a pinned CLI below scripts.
func Module(name string) string {
	return filepath.Join(Repo(), "scripts", name, "node_modules", ".bin")
}

// Unconfigured is the folder of stand-ins for vendors' CLIs that report, after a delay, that they are not configured.
func Unconfigured() string {
	return filepath.Join(Repo(), "src", "acceptance", "lab", "testdata", "bin")
}

// Path is the PATH of programs that tests start: folders of the test's own, those of Unconfigured, the
// Serverless CLI, and what this machine has.
func Path(own ...string) string {
	return joinPath(append(own, Unconfigured(), Serverless(), os.Getenv("PATH")))
}

// RealPath is Path without the stand-ins of Unconfigured, for tests of the real CLIs.
func RealPath(own ...string) string { return joinPath(append(own, Serverless(), os.Getenv("PATH"))) }

func joinPath(dirs []string) string { return strings.Join(dirs, string(os.PathListSeparator)) }

// Installed fails a test for which a file of a tool is missing. install is the command that fetches the tool.
func Installed(t testing.TB, what, file, install string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%s is not installed, run `%s`: %v", what, install, err)
	}
}

// Toolchains are variables that lead to the user's toolchains: a lab has a home of its own.
func Toolchains(t testing.TB) []string {
	t.Helper()
	caches, err := goCaches()
	if err != nil {
		t.Fatal(err)
	}
	return append(
		caches,
		"RUSTUP_HOME="+homeOf("RUSTUP_HOME", ".rustup"),
		"CARGO_HOME="+homeOf("CARGO_HOME", ".cargo"),
	)
}

var goCaches = sync.OnceValues(func() ([]string, error) {
	names := []string{"GOCACHE", "GOMODCACHE"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	values := strings.Fields(string(out))
	if len(values) != len(names) {
		return nil, fmt.Errorf("go env says %q", out)
	}
	return []string{names[0] + "=" + values[0], names[1] + "=" + values[1]}, nil
})

// homeOf is where a toolchain lies: what a variable says, else a folder of the user's home.
func homeOf(variable, folder string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, folder)
}
