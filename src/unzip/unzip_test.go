package unzip

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	name string
	mode fs.FileMode
	data []byte
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tryUnpack(t *testing.T, data []byte, opts Options) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir, Unpack(bytes.NewReader(data), int64(len(data)), dir, opts)
}

var roomy = Options{Bytes: 1 << 20, Entries: 100, ReadOnly: true}

func TestUnpackRefuses(t *testing.T) {
	link := func(name, target string) entry { return entry{name, 0o777 | fs.ModeSymlink, []byte(target)} }
	file := func(name string) entry { return entry{name, 0o644, []byte("x")} }
	many := make([]entry, 0, 101)
	for i := range 101 {
		many = append(many, file(strings.Repeat("a", i+1)))
	}
	for name, test := range map[string]struct {
		entries []entry
		want    string
	}{
		"absolute":       {[]entry{file("/etc/x")}, "absolute path"},
		"drive":          {[]entry{file("C:/x")}, "absolute path"},
		"up":             {[]entry{file("../x")}, "leads out"},
		"up and in":      {[]entry{file("a/../x")}, "leads out"},
		"up later":       {[]entry{file("a/../../x")}, "leads out"},
		"only up":        {[]entry{file("..")}, "leads out"},
		"backslash":      {[]entry{file(`..\x`)}, "not a valid name"},
		"NUL":            {[]entry{file("a\x00b")}, "not a valid name"},
		"absolute link":  {[]entry{link("l", "/etc/passwd")}, "leads out"},
		"link up":        {[]entry{link("d/l", "../../x")}, "leads out"},
		"link by way of": {[]entry{link("d/e", "."), link("d/l", "e/../../.."), file("d/f")}, "leads out"},
		"chained links": {[]entry{file("d/e/f"), link("a", "d/e"), link("b", "a/../../x/../.."), file("x/y")},
			"leads out"},
		"file through link": {[]entry{link("l", "d"), file("d/x"), file("l/y")}, "exists"},
		"twice":             {[]entry{file("a"), file("a")}, "exists"},
		"device":            {[]entry{{"dev", 0o644 | fs.ModeDevice, nil}}, "neither file"},
		"pipe":              {[]entry{{"p", 0o644 | fs.ModeNamedPipe, nil}}, "neither file"},
		"bomb": {[]entry{{"zeros", 0o644, make([]byte, 1<<20)}, {"more", 0o644, make([]byte, 10)}},
			"more than 1048576 bytes"},
		"many": {many, "101 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := tryUnpack(t, zipOf(t, test.entries...), roomy)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			outside, _ := os.ReadDir(filepath.Dir(dir))
			if len(outside) != 1 {
				t.Errorf("written outside: %v", outside)
			}
		})
	}
}

// Where links are refused, harmless ones are, too; without ReadOnly the owner can write.
func TestUnpackWithoutLinks(t *testing.T) {
	opts := Options{Bytes: 1 << 20, Entries: 100, NoLinks: true}
	file := entry{"a", 0o644, []byte("x")}
	if _, err := tryUnpack(t, zipOf(t, file, entry{"l", 0o777 | fs.ModeSymlink, []byte("a")}), opts); err == nil ||
		!strings.Contains(err.Error(), `"l" is a link`) {
		t.Errorf("a link: %v", err)
	}
	dir, err := tryUnpack(t, zipOf(t, file, entry{"b", 0o755, []byte("x")}), opts)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"a": 0o644, "b": 0o755} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want %v", name, err, info.Mode(), mode)
		}
	}
}

// An entry that declares less than it holds must not get past the limit.
func TestUnpackLyingSize(t *testing.T) {
	data := zipOf(t, entry{"zeros", 0o644, make([]byte, 500_000)})
	central := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[central+24:], 10)
	if _, err := tryUnpack(t, data, Options{Bytes: 100, Entries: 10}); err == nil {
		t.Error("unpacked")
	}
}

func TestUnpackKeeps(t *testing.T) {
	dir, err := tryUnpack(t, zipOf(t,
		entry{"bin/run", 0o4755, []byte("run")}, entry{"lib/", 0o755 | fs.ModeDir, nil},
		entry{"lib/a.py", 0o644, []byte("a")},
		entry{"lib/b.py", 0o777 | fs.ModeSymlink, []byte("a.py")}, entry{"odd..name", 0o600, nil},
	), roomy)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"bin/run": 0o555, "lib/a.py": 0o444, "odd..name": 0o444} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want %v", name, err, info.Mode(), mode)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "lib/b.py")); err != nil || string(text) != "a" {
		t.Errorf("through the link: %v %q", err, text)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("still there")
	}
}
