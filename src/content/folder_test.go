package content

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func write(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, target, dir, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func nothing(string) bool { return false }

// Each odd entry is refused with its path, what it is and what to do. If a pattern leaves it out, it is not refused.
func TestRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string)
		want string
	}{
		"a dangling link": {func(d string) { link(t, "missing/x", d, "odd") },
			"is a link to missing/x, which does not exist"},
		"a link to itself": {func(d string) { link(t, "odd", d, "odd") },
			"is a link to odd, which leads back to itself"},
		"a link through a file": {func(d string) { link(t, "main.py/x", d, "odd") },
			"is a link to main.py/x, which does not exist"},
		"a link to a folder": {func(d string) { link(t, "/usr", d, "odd") }, "is a link to a folder (/usr)"},
		"a named pipe": {func(d string) {
			if err := syscall.Mkfifo(filepath.Join(d, "odd"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "is a named pipe"},
		"a socket": {func(d string) {
			t.Chdir(d) // a socket's path has to be short
			l, err := net.Listen("unix", "odd")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "is a socket"},
	} {
		dir := t.TempDir()
		write(t, dir, "main.py")
		c.make(dir)
		err := Refuse(dir, "", nothing)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), filepath.Join(dir, "odd")+" "+c.want) ||
			!strings.Contains(fail.Hint(err), "PackagePattern") {
			t.Errorf("%s: exit code %d, %v, hint %q", name, fail.Code(err), err, fail.Hint(err))
		}
		for _, pattern := range []string{"*.py", "main.py"} {
			if err := Refuse(dir, pattern, nothing); err != nil {
				t.Errorf("%s that %s leaves out: %v", name, pattern, err)
			}
		}
		if err := Refuse(dir, "**", func(rel string) bool { return rel == "odd" }); err != nil {
			t.Errorf("%s that is made anew: %v", name, err)
		}
		files, _, err := Scan(dir)
		if err != nil || len(files) != 1 || files[0].Rel != "main.py" {
			t.Errorf("%s: files %v, %v", name, files, err)
		}
	}
	if err := Refuse(t.TempDir(), "[", nothing); fail.Code(err) != fail.CodeInput {
		t.Errorf("a bad pattern: %v", err)
	}
	if err := Refuse(filepath.Join(t.TempDir(), "none"), "", nothing); fail.Code(err) != fail.CodeInput {
		t.Errorf("no folder: %v", err)
	}
}

// The lock files of editors are not part of a function; a link to a file counts as the file; the folder itself may be a
// link.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.py", "sub/a.txt", ".main.py.swp", ".~lock.table.ods#", "main.pyc", ".git/config", ".#no-link")
	link(t, "user@host.123:1700000000", dir, ".#main.py")
	link(t, "../main.py", filepath.Join(dir, "sub"), "linked.py")
	outer := t.TempDir()
	link(t, dir, outer, "by-link")
	for _, at := range []string{dir, filepath.Join(outer, "by-link")} {
		files, odd, err := Scan(at)
		var names []string
		for _, f := range files {
			names = append(names, f.Rel)
		}
		if err != nil || len(odd) != 0 || !slices.Equal(names,
			[]string{".#no-link", "main.py", "sub/a.txt", "sub/linked.py"}) {
			t.Errorf("%s: %v, %v, %v", at, names, odd, err)
		}
	}
}
