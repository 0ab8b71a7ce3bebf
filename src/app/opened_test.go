package app_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// A run is found by its folder, its archive, and the word latest; what is no run is left to who wants to read it.
func TestOpenRun(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	t.Setenv("TMPDIR", t.TempDir())
	path := "one" + archive.Extension
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	record := archive.File{Name: archive.RunDir + "/" + run.RecordFile, Text: []byte(`{"id": "x"}`)}
	err = errors.Join(archive.Write(f, []archive.File{record}), f.Close(), os.MkdirAll("out/x", 0o755),
		os.Symlink("x", "out/"+run.LatestLink), os.WriteFile("rows.csv", []byte("a\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	var w app.App
	w.Output = "out"
	for name, want := range map[string]string{"out/x": "out/x", "latest": "out/latest", "rows.csv": "rows.csv",
		"missing": "missing"} {
		o, err := w.OpenRun(name)
		if err != nil || o.Dir != filepath.Join(home, want) || o.Archive != "" || o.Close() != nil {
			t.Errorf("%s: %+v, %v; want %s", name, o, err, want)
		}
	}
	o, err := w.OpenRun(path)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := run.ReadRecord(o.Dir)
	if err != nil || rec.ID != "x" || o.Archive != filepath.Join(home, path) {
		t.Errorf("of the archive: %+v, %v, %v", o, rec, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	none := app.App{}
	none.Output = "none"
	if _, err := none.OpenRun("latest"); fail.Code(err) != fail.CodeInput {
		t.Errorf("latest of a folder without runs: %v", err)
	}
	if err := os.Mkdir("latest", 0o755); err != nil {
		t.Fatal(err)
	}
	if o, err := w.OpenRun("latest"); err != nil || o.Dir != filepath.Join(home, "latest") {
		t.Errorf("a folder of that name: %+v, %v", o, err)
	}
}
