package app_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// checkExports exports a run of several sub-experiments, whose files are those of before.
func checkExports(t *testing.T, w app.App, dir string, rows int) {
	t.Helper()
	before := files(t, dir)
	table := exportedCSV(t, w, dir, app.Export{Format: app.ExportCSV})
	subs, identity := map[string]int{}, len(table[0])-len(sample.Fields())
	for _, row := range table[1:] {
		subs[row[1]]++
	}
	if len(table) != rows+1 || len(subs) != 3 || strings.Join(table[0][identity:], ",") != sample.Header() {
		t.Errorf("%d rows of the sub-experiments %v, want %d; columns %q", len(table)-1, subs, rows, table[0])
	}
	for i, name := range table[0] {
		if slices.Index(table[0], name) != i {
			t.Errorf("two columns are called %q", name)
		}
	}
	statistics := exportedCSV(t, w, dir, app.Export{Format: app.ExportCSV, Table: app.TableStatistics})
	own, err := csv.NewReader(bytes.NewReader(before["statistics.csv"])).ReadAll()
	if err != nil || len(statistics) != len(own) || !slices.Equal(statistics[0][1:], own[0]) {
		t.Errorf("%d rows of statistics with the columns %q, want %d with %q (%v)", len(statistics), statistics[0],
			len(own), own[0], err)
	}
	var text bytes.Buffer
	must(t, w.Export(t.Context(), dir, app.Export{Format: app.ExportOpenMetrics}, &text))
	if n := strings.Count(text.String(), "\nstellar_request_latency_seconds_count{"); n < 3 {
		t.Errorf("%d histograms in\n%s", n, text.String())
	}
	for name, content := range files(t, dir) {
		if !bytes.Equal(before[name], content) {
			t.Errorf("the export has changed %s", name)
		}
	}
}

func exportedCSV(t *testing.T, w app.App, path string, e app.Export) [][]string {
	t.Helper()
	var text bytes.Buffer
	must(t, w.Export(t.Context(), path, e, &text))
	table, err := csv.NewReader(&text).ReadAll()
	must(t, err)
	return table
}

// TestExportOfTheOriginal exports files of the original STeLLAR: what they do not have is empty, not a default.
func TestExportOfTheOriginal(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	dir := t.TempDir()
	for _, sub := range []string{"IAT1s", "IAT2s"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, sub, "latencies.csv"), []byte(original), 0o600))
	}
	var text bytes.Buffer
	must(t, w.Export(t.Context(), dir, app.Export{Format: app.ExportJSON}, &text))
	var rows []map[string]any
	must(t, json.Unmarshal(text.Bytes(), &rows))
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	last := rows[3]
	for name, want := range map[string]any{"Title": "IAT2s", "Sub-experiment": 1.0, "Client Latency (ms)": 300.0,
		"Burst ID": 1.0, "Warmup": nil, "Slot": nil, "Connection": nil, "Cold": nil, "Memory (MB)": nil,
		"IAT (s)": nil, "Payload (bytes)": nil} {
		if got, ok := last[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	text.Reset()
	must(t, w.Export(t.Context(), dir, app.Export{Format: app.ExportMarkdown}, &text))
	if !strings.Contains(text.String(), "| 1 | IAT2s | 2 | 0 | 100 |") {
		t.Errorf("the table is\n%s", text.String())
	}
	statistics := exportedCSV(t, w, dir, app.Export{Format: app.ExportCSV, Table: app.TableStatistics})
	for _, name := range []string{"IAT (s)", "Payload (bytes)", "Cold Count", "Warm Count", "Suspect Count",
		"Late Count", "Unsent", "Instances"} {
		if at := slices.Index(statistics[0], name); at < 0 || statistics[1][at] != "" {
			t.Errorf("%s (column %d) is not empty in %q", name, at, statistics[1])
		}
	}
	text.Reset()
	must(t, w.Export(t.Context(), dir, app.Export{Format: app.ExportOpenMetrics}, &text))
	if strings.Contains(text.String(), "unsent") {
		t.Errorf("the metrics tell of requests that were not sent:\n%s", text.String())
	}
}

// TestExportFile replaces a file only when the export is complete.
func TestExportFile(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	dir := t.TempDir()
	rows, file := filepath.Join(dir, "latencies.csv"), filepath.Join(dir, "out.csv")
	must(t, os.WriteFile(rows, []byte(original), 0o600))
	must(t, w.ExportFile(t.Context(), rows, app.Export{Format: app.ExportCSV}, file))
	good, err := os.ReadFile(file)
	if err != nil || strings.Count(string(good), "\n") != 3 {
		t.Fatalf("%q, %v", good, err)
	}
	must(t, os.WriteFile(rows, []byte(original+"c,h,yesterday,,1,2\n"), 0o600))
	asCSV := app.Export{Format: app.ExportCSV}
	if err := w.ExportFile(t.Context(), rows, asCSV, file); fail.Code(err) != fail.CodeInput {
		t.Errorf("of a broken row: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	must(t, os.WriteFile(rows, []byte(original+strings.Repeat("c,h,,,1,2\n", 2000)), 0o600))
	if err := w.ExportFile(stopped, rows, app.Export{Format: app.ExportCSV}, file); err == nil {
		t.Error("a cancelled export was completed")
	}
	if err := w.ExportFile(t.Context(), rows, asCSV, dir); fail.Code(err) != fail.CodeInput {
		t.Errorf("into a folder: %v", err)
	}
	missing := filepath.Join(dir, "none", "out.csv")
	if err := w.ExportFile(t.Context(), rows, asCSV, missing); fail.Code(err) != fail.CodeInput {
		t.Errorf("into a folder that does not exist: %v", err)
	}
	now, err := os.ReadFile(file)
	if entries, _ := os.ReadDir(dir); err != nil || !bytes.Equal(now, good) || len(entries) != 2 {
		t.Errorf("%q, %v, %d files", now, err, len(entries))
	}
}
