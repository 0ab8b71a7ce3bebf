package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestOwnFilesAreKept: no output replaces a file of a run, nor the file that is read. Another file may be replaced,
// also one beside the run's own.
func TestOwnFilesAreKept(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	dir := recordedRun(t, map[string]float64{"one": 10}, nil)
	alone, link := filepath.Join(home, "latencies.csv"), filepath.Join(home, "link.csv")
	rows := filepath.Join(dir, "0-x", "latencies.csv")
	must(t, os.WriteFile(alone, []byte(original), 0o600))
	must(t, os.Symlink(rows, link))
	before := files(t, dir)
	asCSV := app.Export{Format: app.ExportCSV}
	for name, write := range map[string]func() error{
		"rows":       func() error { return w.ExportFile(t.Context(), dir, asCSV, rows) },
		"linked":     func() error { return w.ExportFile(t.Context(), dir, asCSV, link) },
		"record":     func() error { return w.ExportFile(t.Context(), dir, asCSV, filepath.Join(dir, "run.json")) },
		"read":       func() error { return w.ExportFile(t.Context(), alone, asCSV, alone) },
		"comparison": func() error { return w.WriteComparisonPage(rows, &app.Comparison{}) },
	} {
		if err := write(); fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "itself") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for path, text := range files(t, dir) {
		if !bytes.Equal(before[path], text) {
			t.Errorf("%s has changed", path)
		}
	}
	for range 2 {
		must(t, w.ExportFile(t.Context(), dir, asCSV, filepath.Join(dir, "export.csv")))
	}
}

// TestStatisticsAreReplaced: a report makes a new table of statistics, and does not write into the old one, of which a
// process that is killed would leave a part.
func TestStatisticsAreReplaced(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	dir := recordedRun(t, map[string]float64{"one": 10}, nil)
	for _, name := range []string{"statistics.csv", filepath.Join("0-x", "statistics.csv")} {
		old := filepath.Join(home, "old.csv")
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600))
		must(t, os.Link(filepath.Join(dir, name), old))
		if _, err := w.Report(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
			t.Errorf("%s was written in place: %q (%v)", name, text, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) < 100 {
			t.Errorf("%s: %q (%v)", name, text, err)
		}
		must(t, os.Remove(old))
	}
}
