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
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestMiscounted has every command that reads rows say where they are not those that the record counts: a file that was
// cut, in the middle of a row. What a run that died or stopped early has beyond the count is no fault.
func TestMiscounted(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	w.Draw.Format = report.None
	whole := recordedRun(t, map[string]float64{"one": 10, "two": 10}, nil)
	cut := recordedRun(t, map[string]float64{"one": 10, "two": 10}, func(rec *run.Record) { rec.Started = w.Now() })
	dir := filepath.Join(home, "runs", "cut")
	must(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	must(t, os.Rename(cut, dir))
	rows := filepath.Join(dir, "1-x", "latencies.csv")
	text, err := os.ReadFile(rows)
	must(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	must(t, os.WriteFile(rows, append(bytes.Join(lines[:101], nil), lines[101][:9]...), 0o600))
	const want = "two: latencies.csv has only 100 of the 120 rows that run.json counts"

	found, err := w.Compare(t.Context(), []string{whole, dir})
	must(t, err)
	if got := strings.Join(found.Runs[0].Warnings, "\n"); !strings.Contains(got, dir+": "+want) ||
		strings.Contains(got, whole+": two") {
		t.Errorf("compare warns %q", got)
	}
	if err := found.Check(nil, false); err != nil {
		t.Errorf("not strict: %v", err)
	}
	if err := found.Check(nil, true); fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), want) {
		t.Errorf("strict: %v", err)
	}
	made, err := w.Archive(t.Context(), dir, app.ArchiveOptions{File: filepath.Join(home, "cut.zip")})
	must(t, err)
	if got := strings.Join(made.Notes, "\n"); !strings.HasPrefix(got, want) {
		t.Errorf("archive notes %q", got)
	}
	for name, read := range map[string]func() error{
		"export": func() error {
			return w.Export(t.Context(), dir, app.Export{Format: app.ExportCSV}, &bytes.Buffer{})
		},
		"baseline": func() error { _, err := w.SetBaseline(t.Context(), dir); return err },
		"report":   func() error { _, err := w.Report(t.Context(), dir); return err },
	} {
		var said lab.Log
		w.Log = &said
		must(t, read())
		if got := said.String(); !strings.Contains(got, want) || strings.Contains(got, "one") {
			t.Errorf("%s warns %q", name, got)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("only 100 of the 120 rows")) {
		t.Errorf("the page does not say it (%v)", err)
	}
	past, err := w.History(t.Context(), filepath.Dir(dir), app.HistoryOptions{})
	must(t, err)
	if subs := past.Runs[0].Subs; subs[0].Failed != "" ||
		subs[1].Failed != "its statistics are of 100 rows, but run.json counts 120" {
		t.Errorf("history: %+v", subs)
	}
	for _, c := range []struct {
		counted run.ResultRecord
		rows    int
		want    string
	}{
		{run.ResultRecord{Rows: 5}, 5, ""},
		{run.ResultRecord{Rows: 5}, 6, "latencies.csv has 6 rows, but run.json counts 5"},
		{run.ResultRecord{Stopped: run.ErrUnfinished.Error()}, 6, ""},
		{run.ResultRecord{Rows: 5, Stopped: "too many errors"}, 4,
			"latencies.csv has only 4 of the 5 rows that run.json counts"},
	} {
		if got := c.counted.Miscounted(c.rows); got != c.want {
			t.Errorf("%+v with %d rows: %q", c.counted, c.rows, got)
		}
	}
}

// TestReportOfAnArchivePointsToIt: the advice on a failed sub-experiment names the archive, not where it was unpacked.
func TestReportOfAnArchivePointsToIt(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	dir := recordedRun(t, map[string]float64{"one": 10}, func(rec *run.Record) {
		rec.Status, rec.Results[0].Stopped = run.StatusPartial, "too many errors"
	})
	path := filepath.Join(home, "run.stellar.zip")
	_, err := w.Archive(t.Context(), dir, app.ArchiveOptions{File: path})
	must(t, err)
	_, err = w.Report(t.Context(), path)
	if fail.Code(err) != fail.CodePartial || fail.Hint(err) != "what they measured is in "+path {
		t.Errorf("%v, advice %q", err, fail.Hint(err))
	}
}
