package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestReportReplacesFiles holds that a report writes no file in place: who has one open, as a reader does, keeps all of
// it, and a full disk leaves the file of before. A second name of each file stands for the reader.
func TestReportReplacesFiles(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	out := measuredRun(t, w, home)
	readers, inputs := t.TempDir(), []string{"latencies.csv", "run.json", "journal.jsonl", "run_logs.txt"}
	names := map[string]string{}
	must(t, filepath.WalkDir(out.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains(inputs, d.Name()) {
			return err
		}
		held := filepath.Join(readers, strings.ReplaceAll(path[len(out.Dir)+1:], "/", "_"))
		names[held] = path
		return os.Link(path, held)
	}))
	if len(names) < 10 {
		t.Fatalf("%d files of results", len(names))
	}
	const read = "old"
	for held := range names {
		must(t, os.WriteFile(held, []byte(read), 0o600))
	}
	if _, err := w.Report(t.Context(), out.Dir); fail.Code(err) != fail.CodeThreshold {
		t.Fatal(lab.Story(err))
	}
	replaced := 0
	for held, path := range names {
		text, err := os.ReadFile(held)
		must(t, err)
		if string(text) != read {
			t.Errorf("%s was written in place", path)
		}
		if now, err := os.ReadFile(path); err == nil && string(now) != read {
			replaced++
		}
	}
	if replaced < 10 {
		t.Errorf("the report wrote %d files", replaced)
	}
}
