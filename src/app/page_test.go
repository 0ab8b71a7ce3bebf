package app_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// original are rows as the original STeLLAR writes them.
const original = `Request ID,Host,Sent At,Received At,Client Latency (ms),Burst ID
a,h.example,2021-05-03T10:00:00Z,2021-05-03T10:00:00.1Z,100,0
b,h.example,2021-05-03T10:00:01Z,2021-05-03T10:00:01.3Z,300,1
`

// TestReportOfTheOriginal makes a page of files of the original STeLLAR, and writes nothing else.
func TestReportOfTheOriginal(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	dir := t.TempDir()
	for _, sub := range []string{"IAT1s", "IAT2s"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, sub, "latencies.csv"), []byte(original), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, sub, "statistics.csv"), []byte("its own"), 0o600))
	}
	before := files(t, dir)
	for path, rows := range map[string]int{dir: 2, filepath.Join(dir, "IAT1s"): 1,
		filepath.Join(dir, "IAT2s", "latencies.csv"): 1} {
		out, err := w.Report(t.Context(), path)
		if err != nil || len(out.Rows) != rows || out.Rows[0].Stats.P99.V != 300 || !out.PageOnly ||
			filepath.Base(out.Page) != page.File {
			t.Fatalf("%s: %+v, %v", path, out, err)
		}
	}
	checkUnknown(t, w, dir)
	after := files(t, dir)
	for name, text := range before {
		if string(after[name]) != string(text) {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before)+3 {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	if text := string(after[page.File]); !strings.Contains(text, "IAT1s") || !strings.Contains(text, "IAT2s") {
		t.Error("the page does not name the folders")
	}
}

// checkUnknown looks for defaults in the JSON of files of the original STeLLAR: what their rows do not say is null.
func checkUnknown(t *testing.T, w app.App, dir string) {
	t.Helper()
	out, err := w.Report(t.Context(), dir)
	must(t, err)
	text, err := json.Marshal(out)
	must(t, err)
	var got struct {
		Summary struct {
			Subs []map[string]any `json:"sub_experiments"`
		}
	}
	must(t, json.Unmarshal(text, &got))
	for _, name := range []string{"iat_seconds", "payload_bytes", "cold_count", "warm_count", "late_count",
		"suspect_count", "unsent", "lateness_p99_ms"} {
		if value, there := got.Summary.Subs[0][name]; !there || value != nil {
			t.Errorf("%s is %v (there: %v), want null", name, value, there)
		}
	}
	if errors := got.Summary.Subs[0]["errors"]; errors != 0.0 {
		t.Errorf("errors are %v; the rows say that there were none", errors)
	}
}

// TestReportOfSeveral makes one page of a run and of files of the original STeLLAR. What is neither costs the others
// nothing.
func TestReportOfSeveral(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	out := measuredRun(t, w, home)
	if to, err := os.Readlink(filepath.Join(w.Output, run.LatestLink)); err != nil || to != out.ID {
		t.Errorf("latest leads to %q, %v; want %s", to, err, out.ID)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "latencies.csv"), []byte(original), 0o600))
	both := filepath.Join(home, "both.html")
	all, err := w.ReportAll(t.Context(), []string{out.Dir, dir, home}, both)
	if fail.Code(err) != fail.CodeThreshold || !strings.Contains(err.Error(), home+": ") || len(all) != 2 ||
		all[0].Page != both || all[1].Page != both {
		t.Fatalf("%+v, %s", all, lab.Story(err))
	}
	read, err := os.ReadFile(both)
	must(t, err)
	text := string(read)
	from, err := filepath.Rel(home, out.Dir)
	must(t, err)
	for _, want := range []string{out.ID + ": load", filepath.Base(dir), `href="./` + filepath.ToSlash(from) +
		`/statistics.csv"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// TestOpen starts the program that BROWSER names, to stay.
func TestOpen(t *testing.T) {
	var got shell.Command
	a := app.App{}
	a.Getenv = func(key string) string { return map[string]string{"BROWSER": "mine"}[key] }
	a.Runner = func(_ context.Context, c shell.Command) (shell.Result, error) {
		got = c
		return shell.Result{}, nil
	}
	err := a.Open(t.Context(), "/x/report.html")
	if err != nil || got.Name != "mine" || got.Args[0] != "/x/report.html" || !got.Stays {
		t.Errorf("%+v, %v", got, err)
	}
}
