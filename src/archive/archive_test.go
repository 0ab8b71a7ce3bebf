package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// made is an archive of two files, of which one is a program.
func made(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "some.sh")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	err := Write(&buf, []File{{Name: "run/rows.csv", Text: []byte("1,2\n")},
		{Name: "experiment/f/go.sh", Path: program, Exec: true}})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// tryUnpack unpacks what a path has.
func tryUnpack(t *testing.T, data []byte, keep func(string) bool) (dir string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a"+Extension)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	return dir, Unpack(path, dir, keep)
}

// The same files give the same bytes, wherever they are and whenever they were written; and come back as they were.
func TestWriteAndUnpack(t *testing.T) {
	data := made(t)
	if !bytes.Equal(data, made(t)) {
		t.Error("two archives of the same files differ")
	}
	dir, err := tryUnpack(t, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"run/rows.csv": 0o644, "experiment/f/go.sh": 0o755} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want mode %v", name, info, err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "run/rows.csv"))
	if err != nil || string(text) != "1,2\n" {
		t.Errorf("content %q, %v", text, err)
	}
	dir, err = tryUnpack(t, data, func(name string) bool { return strings.HasPrefix(name, "run/") })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "experiment")); err == nil {
		t.Error("what was not asked for was unpacked, too")
	}
}

// rewritten is an archive after its entries went through change, with correct CRCs.
func rewritten(t *testing.T, data []byte, change func(f *zip.File, text []byte) []byte, more ...string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	out := zip.NewWriter(&buf)
	put := func(h *zip.FileHeader, text []byte) {
		w, err := out.CreateHeader(h)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range in.File {
		text, err := fs.ReadFile(in, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if text = change(f, text); text != nil {
			put(&zip.FileHeader{Name: f.Name, Method: zip.Deflate}, text)
		}
	}
	for _, name := range more {
		h := &zip.FileHeader{Name: name}
		if name == "link" {
			h.SetMode(0o777 | fs.ModeSymlink)
		}
		put(h, []byte("x"))
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A changed, removed or added file is named, with exit code 2; so is what is unsafe to unpack.
func TestUnpackRefuses(t *testing.T) {
	same := func(_ *zip.File, text []byte) []byte { return text }
	only := func(name string, to []byte) func(*zip.File, []byte) []byte {
		return func(f *zip.File, text []byte) []byte {
			if f.Name == name {
				return to
			}
			return text
		}
	}
	whole := made(t)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"changed":  {rewritten(t, whole, only("run/rows.csv", []byte("1,3\n"))), "run/rows.csv is not as SHA256SUMS"},
		"removed":  {rewritten(t, whole, only("run/rows.csv", nil)), "run/rows.csv is missing"},
		"added":    {rewritten(t, whole, same, "run/more"), "run/more was added"},
		"no sums":  {rewritten(t, whole, only(SumsFile, nil)), "is no archive of a run: it has no SHA256SUMS"},
		"up":       {rewritten(t, whole, same, "../x"), "leads out"},
		"absolute": {rewritten(t, whole, same, "/x"), "absolute path"},
		"link":     {rewritten(t, whole, same, "link"), `"link" is a link`},
		"twice":    {rewritten(t, whole, same, "run/rows.csv"), "exists"},
		"long":     {rewritten(t, whole, same, "run/"+strings.Repeat("n", 300)), "too long"},
		"below":    {rewritten(t, whole, same, "run/rows.csv/x"), `entry "run/rows.csv/x"`},
		"cut off":  {whole[:len(whole)-30], "not a ZIP archive"},
		"bits":     {damaged(t, whole), `entry "run/rows.csv"`},
		"bomb":     {bomb(whole), "unpacks to more than 1073741824 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryUnpack(t, test.data, nil)
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), test.want) || fail.Hint(err) == "" {
				t.Errorf("exit code %d, %v, hint %q; want %q", fail.Code(err), err, fail.Hint(err), test.want)
			}
		})
	}
}

// bomb declares that its last file unpacks to 2 GiB.
func bomb(whole []byte) []byte {
	out := bytes.Clone(whole)
	at := bytes.LastIndex(out, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(out[at+24:], 1<<31)
	return out
}

// damaged has one bit of the rows' content flipped.
func damaged(t *testing.T, whole []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(whole)
	for _, f := range r.File {
		if f.Name == "run/rows.csv" {
			at, err := f.DataOffset()
			if err != nil {
				t.Fatal(err)
			}
			out[at+1] ^= 0x10
		}
	}
	return out
}

func TestWriteRefuses(t *testing.T) {
	for name, files := range map[string][]File{
		"twice":       {{Name: "a"}, {Name: "a"}},
		"sums":        {{Name: SumsFile}},
		"line break":  {{Name: "a\nb"}},
		"not a file":  {{Name: "a", Path: filepath.Join(t.TempDir(), "missing")}},
		"a backslash": {{Name: `a\b`}},
	} {
		if err := Write(&bytes.Buffer{}, files); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestIs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"zip": string(made(t)), "csv": "a,b\n", "short": "PK"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if Is(path) != (name == "zip") {
			t.Errorf("%s: %v", name, Is(path))
		}
	}
	if Is(dir) || Is(filepath.Join(dir, "missing")) {
		t.Error("a folder, or what is missing, is one")
	}
}
