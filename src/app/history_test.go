package app_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

// week is a run of one week, without a folder.
func week(n int) *run.Record {
	bursts := 10
	at := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC).AddDate(0, 0, 7*n)
	seed := int64(n)
	return &run.Record{ID: at.Format("20060102T150405Z") + "-local-aaaa", Status: run.StatusDone, Version: "v1",
		Started: at, Results: []run.ResultRecord{{SubExperiment: 0, Folder: "0-a"}, {SubExperiment: 1, Folder: "1-b"}},
		Experiment: &experiment.Experiment{Provider: "local", Seed: &seed, SubExperiments: []experiment.SubExperiment{
			{Title: "cold", Bursts: bursts}, {Title: "warm\x1b[31m</script>", Bursts: bursts}}}}
}

// writePast writes a run's folder, with latencies of two sub-experiments in ms; 0: no statistics.
func writePast(t *testing.T, dir string, rec *run.Record, cold, warm float64) string {
	t.Helper()
	dir = filepath.Join(dir, rec.ID)
	text, err := json.Marshal(rec)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, run.RecordFile), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if cold == 0 {
		return dir
	}
	split := func(ms float64) analyze.Split {
		return analyze.Split{Count: 400, P50: analyze.Of(ms), P99: analyze.Of(2 * ms),
			CI50: analyze.Interval{Low: analyze.Of(ms * 0.98), High: analyze.Of(ms * 1.02)}}
	}
	sums := []analyze.Summary{{Identity: analyze.Identity{Index: 0}, Count: 400, Cold: split(cold)},
		{Identity: analyze.Identity{Index: 1}, Count: 400, Warm: split(warm)}}
	f, err := os.Create(filepath.Join(dir, "statistics.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := analyze.WriteCSV(f, sums); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHistoryOfAYear has 52 runs with a step of 10 % in one sub-experiment, three that failed in different ways, and
// what is no part of the history. One run is an archive.
func TestHistoryOfAYear(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 52 {
		rec := week(n)
		cold, warm := 120*math.Exp(0.02*rng.NormFloat64()), 10*math.Exp(0.02*rng.NormFloat64())
		if n >= 30 {
			warm *= 1.1
		}
		switch n {
		case 7:
			rec.Status, rec.Error, cold = run.StatusFailed, "the platform said \x1b[31mno", 0
		case 29:
			rec.Status, rec.Results[1].Stopped = run.StatusPartial, "over 10 % of the requests failed"
		case 41:
			cold = 0 // killed while it wrote its statistics
		}
		writePast(t, dir, rec, cold, warm)
	}
	last := week(51)
	folder := filepath.Join(dir, last.ID)
	if err := os.WriteFile(filepath.Join(dir, week(3).ID, "report.html"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	packRun(t, folder, filepath.Join(dir, "week 51.stellar.zip"))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	other := week(60)
	other.Experiment.SubExperiments[0].Bursts++
	other.Started = week(0).Started.Add(-time.Hour)
	writePast(t, filepath.Join(dir, "artifact"), other, 1, 1)
	deployed := week(61)
	deployed.Status, deployed.Results = run.StatusKept, nil
	writePast(t, dir, deployed, 0, 0)

	a := app.App{Config: app.Config{Deps: run.Deps{Now: time.Now, Log: runtest.Quiet{}}}}
	out, err := a.History(context.Background(), dir, app.HistoryOptions{Smallest: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	checkYear(t, out)
	text, err := os.ReadFile(out.Page)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "</script>") != 2 || strings.Contains(string(text), "\x1b") {
		t.Error("a title or an error is markup, or a control character, on the page")
	}
	if link := fmt.Sprintf(`href="./%s/report.html"`, week(3).ID); !strings.Contains(string(text), link) {
		t.Errorf("the page has no %s", link)
	}
}

// packRun makes an archive of a run's folder.
func packRun(t *testing.T, folder, path string, rows ...string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var files []archive.File
	for _, name := range append([]string{run.RecordFile, "statistics.csv"}, rows...) {
		files = append(files, archive.File{Name: archive.RunDir + "/" + name, Path: filepath.Join(folder, name)})
	}
	if err := archive.Write(f, files); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if r, err := zip.OpenReader(path); err != nil || r.Close() != nil {
		t.Fatal(err)
	}
}

func checkYear(t *testing.T, out *app.HistoryOutcome) {
	t.Helper()
	if len(out.Runs) != 52 || out.Runs[51].ID != week(51).ID {
		t.Fatalf("%d runs", len(out.Runs))
	}
	for _, s := range out.Series {
		if s.Sub == 0 && len(s.Changes) > 0 {
			t.Errorf("cold %s: %+v", s.Metric, s.Changes)
		}
		if s.Sub == 1 && (len(s.Changes) != 1 || s.Changes[0].Since != week(30).ID || !s.Changes[0].Open ||
			s.Changes[0].Before != week(28).ID) {
			t.Errorf("warm %s: %+v", s.Metric, s.Changes)
		}
		for n, p := range s.Points {
			gap := n == 7 || n == 41 || n == 29 && s.Sub == 1
			if gap == p.Value.OK {
				t.Errorf("%s %s, week %d: %+v", s.Part, s.Metric, n, p)
			}
		}
	}
	for n, want := range map[int]string{7: "failed: the platform said", 41: "statistics.csv", 29: "", 30: ""} {
		if got := out.Runs[n].Failed; !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("week %d failed with %q", n, got)
		}
	}
	var left []string
	for _, l := range out.LeftOut {
		left = append(left, filepath.ToSlash(l.Path)+": "+l.Why)
	}
	if got := strings.Join(left, "\n"); len(left) != 2 ||
		!strings.Contains(got, "artifact/"+week(60).ID+": another experiment than that of "+week(51).ID+
			": SubExperiments[0].Bursts 11, not 10") || out.LeftOut[1].Short != "SubExperiments[0].Bursts 11, not 10" ||
		!strings.Contains(got, week(61).ID+": only deployed") {
		t.Errorf("left out:\n%s", got)
	}
}

// Of a folder in which no run can be followed, the error says why, and not that there is none.
func TestHistoryOfNoRun(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	dir := t.TempDir()
	rec := week(0)
	rec.Experiment = nil
	writePast(t, dir, rec, 0, 0)
	must(t, os.MkdirAll(filepath.Join(dir, "broken", run.RecordFile), 0o755))
	_, err := w.History(t.Context(), dir, app.HistoryOptions{})
	if fail.Code(err) != fail.CodeInput || !strings.Contains(fmt.Sprint(err), rec.ID+": without an experiment") ||
		!strings.Contains(fmt.Sprint(err), "broken: ") {
		t.Errorf("%v", err)
	}
}
