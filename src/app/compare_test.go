package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// recordedRun writes the folder of a finished run: of each title 30 bursts of four warm requests of about so many ms.
func recordedRun(t *testing.T, subs map[string]float64, edit func(*run.Record)) string {
	t.Helper()
	var keys []string
	titles := make([]string, 0, len(subs))
	for title := range subs {
		titles = append(titles, title)
	}
	slices.Sort(titles)
	for _, title := range titles {
		name, err := json.Marshal(title)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprintf(`{"Title":%s,"Bursts":30,"BurstSizes":[4]}`, name))
	}
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"http://127.0.0.1:9","Seed":1,"SubExperiments":[`+
		strings.Join(keys, ",")+`]}`), vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	rec := &run.Record{ID: "20260102T150405Z-url-abcd", Status: run.StatusDone, Version: "1", Seed: 1,
		Experiment: loaded.Experiment, Host: run.Host{OS: "linux", CPUs: 2}}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for i, title := range titles {
		res := run.ResultRecord{SubExperiment: i, Folder: fmt.Sprintf("%d-x", i), Rows: 120}
		rec.Results = append(rec.Results, res)
		if err := os.Mkdir(filepath.Join(dir, res.Folder), 0o755); err != nil {
			t.Fatal(err)
		}
		w, err := sample.Create(filepath.Join(dir, res.Folder, study.LatenciesFile))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 120 {
			row := sample.Empty()
			row.Burst, row.BurstSize, row.Cold = n/4, 4, sample.No
			row.SentAt = time.Date(2026, 1, 2, 3, 4, n/4, 0, time.UTC)
			row.Latency = time.Duration(subs[title] * math.Exp(0.05*rng.NormFloat64()) * 1e6).Round(time.Microsecond)
			w.AppendRow(&row)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if edit != nil {
		edit(rec)
	}
	if err := rec.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCompareRuns compares two runs' folders: verdicts by title, keys that differ, what has no partner, and warnings of
// another client and version. Neither folder changes.
func TestCompareRuns(t *testing.T) {
	a := recordedRun(t, map[string]float64{"one": 10, "two": 20, "old": 5}, nil)
	b := recordedRun(t, map[string]float64{"one": 10, "two": 24, "new": 5}, func(rec *run.Record) {
		rec.Version, rec.Status, rec.Host.CPUs = "2", run.StatusPartial, 4
		for i := range rec.Experiment.SubExperiments {
			rec.Experiment.SubExperiments[i].Bursts = 31
		}
	})
	before := files(t, a)
	found, err := app.App{}.Compare(t.Context(), []string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if after := files(t, a); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("comparing changed a run's folder")
	}
	got := found.Runs[0]
	verdicts := map[string]string{}
	for _, sub := range got.Subs {
		for _, c := range sub.Changes {
			verdicts[sub.Title+" "+c.Metric] = c.Verdict
		}
	}
	if len(got.Subs) != 2 || verdicts["one warm.p50"] != change.None || verdicts["two warm.p50"] != change.Slower {
		t.Errorf("%d sub-experiments, verdicts %v", len(got.Subs), verdicts)
	}
	if fmt.Sprint(got.OnlyA, got.OnlyB) != "[old] [new]" {
		t.Errorf("without a partner: %v and %v", got.OnlyA, got.OnlyB)
	}
	if text := fmt.Sprint(got.Differences); text != "[{one Bursts 30 31} {two Bursts 30 31}]" {
		t.Errorf("differences: %s", text)
	}
	warned := strings.Join(got.Warnings, "\n")
	for _, want := range []string{`its status is "partial"`, "versions of stellar differ: 1, and 2",
		"processors of the clients differ: 2 x , and 4 x ",
		a + " and " + b + " are the same run, 20260102T150405Z-url-abcd"} {
		if !strings.Contains(warned, want) {
			t.Errorf("%q is no warning of\n%s", want, warned)
		}
	}
}

// TestCompareRefuses: nothing in common, one run only, no run, results outside of the folder, rows that are gone. The
// latter are neither kept as the baseline nor exported.
func TestCompareRefuses(t *testing.T) {
	a := recordedRun(t, map[string]float64{"one": 10, "two": 10}, nil)
	outside := recordedRun(t, map[string]float64{"one": 10}, func(rec *run.Record) { rec.Results[0].Folder = ".." })
	other := recordedRun(t, map[string]float64{"three": 10, "four": 10}, func(rec *run.Record) {
		for i := range rec.Experiment.SubExperiments {
			rec.Experiment.SubExperiments[i].Bursts = 5
		}
	})
	without := recordedRun(t, map[string]float64{"one": 10}, nil)
	rows, err := filepath.Glob(filepath.Join(without, "*", "latencies.csv"))
	if err != nil || len(rows) != 1 || os.Remove(rows[0]) != nil {
		t.Fatalf("%v, %v", rows, err)
	}
	if _, err := (app.App{}).SetBaseline(t.Context(), without); fail.Code(err) != fail.CodeInput {
		t.Errorf("a baseline without its rows: %v", err)
	}
	header := recordedRun(t, map[string]float64{"one": 10}, nil)
	text := sample.Header() + "\n"
	if err := os.WriteFile(filepath.Join(header, "0-x", study.LatenciesFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (app.App{}).Report(t.Context(), header); fail.Code(err) != fail.CodeInput {
		t.Errorf("a report without the rows: %v", err)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	for _, dir := range []string{without, header} {
		err = app.App{}.ExportFile(t.Context(), dir, app.Export{Format: app.ExportCSV}, out)
		if fail.Code(err) != fail.CodeInput {
			t.Errorf("an export without the rows: %v", err)
		}
	}
	twice := recordedRun(t, map[string]float64{"one": 10}, func(rec *run.Record) {
		rec.Results = append(rec.Results, rec.Results[0])
	})
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{a, without}, "latencies.csv is not there, but run.json says that it had 120 rows"},
		{[]string{a, header}, "latencies.csv has no row, but run.json says that it had 120 rows"},
		{[]string{a, twice}, "the results of sub-experiment 0, or their folder, twice"},
		{[]string{a, ""}, "a run's name is empty"},
		{[]string{a, other}, "have no sub-experiment in common"}, {[]string{a}, "two runs or more"},
		{[]string{a, t.TempDir()}, "is not a run's folder"}, {[]string{a, outside}, "which is no folder of the run"},
	} {
		_, err := app.App{}.Compare(t.Context(), c.paths)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestBaseline is kept although its folder goes, replaced as a whole, and left where a new one cannot be read.
func TestBaseline(t *testing.T) {
	state := t.TempDir()
	w := app.App{}
	w.Getenv = func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }
	if _, err := w.Baseline(); fail.Code(err) != fail.CodeInput || fail.Hint(err) == "" {
		t.Errorf("without a baseline: %v", err)
	}
	first := recordedRun(t, map[string]float64{"one": 10}, nil)
	if _, err := w.SetBaseline(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	second := recordedRun(t, map[string]float64{"one": 12}, func(rec *run.Record) {
		rec.ID = "20260103T150405Z-url-efgh"
	})
	verdict := func() string {
		t.Helper()
		found, err := w.Compare(t.Context(), []string{app.BaselineWord, second})
		if err != nil {
			t.Fatal(err)
		}
		return found.Runs[0].A + ": " + found.Runs[0].Subs[0].Changes[0].Verdict
	}
	if got := verdict(); got != "baseline (20260102T150405Z-url-abcd): slower" {
		t.Error(got)
	}
	if _, err := w.SetBaseline(t.Context(), t.TempDir()); fail.Code(err) != fail.CodeInput {
		t.Errorf("a folder that is no run: %v", err)
	}
	if got := verdict(); got != "baseline (20260102T150405Z-url-abcd): slower" {
		t.Errorf("a failed set has changed it: %s", got)
	}
	if _, err := w.SetBaseline(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if kept, err := w.Baseline(); err != nil || kept.ID != "20260103T150405Z-url-efgh" || kept.From != second {
		t.Errorf("%+v, %v", kept, err)
	}
	if got := verdict(); got != "baseline (20260103T150405Z-url-efgh): no difference found" {
		t.Error(got)
	}
	if was, err := w.ClearBaseline(); !was || err != nil {
		t.Errorf("cleared %v, %v", was, err)
	}
	if left, err := os.ReadDir(filepath.Join(state, "stellar")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestBaselineIsReplacedAtOnce: while baselines are set one after the other, there is one at every moment. What a
// killed process has left of its copy a day ago is removed; the older form, whose copy is called run, is read.
func TestBaselineIsReplacedAtOnce(t *testing.T) {
	state := t.TempDir()
	w := app.App{}
	w.Getenv = func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }
	dir := recordedRun(t, map[string]float64{"one": 10}, nil)
	kept, err := w.SetBaseline(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(kept.Dir)
	done := make(chan error)
	go func() {
		var err error
		for range 50 {
			_, set := w.SetBaseline(t.Context(), dir)
			err = errors.Join(err, set)
		}
		done <- err
	}()
	for ended := false; !ended; {
		select {
		case err := <-done:
			ended = true
			if err != nil {
				t.Error(err)
			}
		default:
			if _, err := w.Baseline(); err != nil {
				t.Fatalf("meanwhile: %v", err)
			}
		}
	}
	left := filepath.Join(home, "run-left")
	old := time.Now().Add(-25 * time.Hour)
	if kept, err = w.Baseline(); err != nil || os.Rename(kept.Dir, filepath.Join(home, "run")) != nil ||
		os.Mkdir(left, 0o755) != nil || os.Chtimes(left, old, old) != nil {
		t.Fatal(err)
	}
	text := []byte(`{"id": "x", "dir": "/moved/baseline/run"}`)
	if err := os.WriteFile(filepath.Join(home, "baseline.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Compare(t.Context(), []string{app.BaselineWord, dir}); err != nil {
		t.Errorf("of the older form: %v", err)
	}
	if _, err := w.SetBaseline(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if all, err := os.ReadDir(home); err != nil || len(all) != 2 {
		t.Errorf("%v (%v), want the file and one copy", all, err)
	}
}

// TestStrict: an undecided limit is no error, unless it is strict.
func TestStrict(t *testing.T) {
	a := recordedRun(t, map[string]float64{"one": 10}, nil)
	limits, err := app.ParseLimits([]string{"warm.p99>+5%"})
	if err != nil {
		t.Fatal(err)
	}
	for strict, want := range map[bool]int{false: fail.CodeDone, true: fail.CodeThreshold} {
		found, err := app.App{}.Compare(t.Context(), []string{a, a})
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Check(limits, strict); fail.Code(err) != want || len(found.Checks) != 1 {
			t.Errorf("strict %v: %v, checks %+v", strict, err, found.Checks)
		}
	}
	if _, err := app.ParseLimits([]string{"p42>1%"}); fail.Code(err) != fail.CodeInput {
		t.Errorf("a limit that is none: %v", err)
	}
}

// TestComparisonPage holds that texts of runs reach the page and the comment as text alone.
func TestComparisonPage(t *testing.T) {
	const hostile = "<img src=x>|[a](b) @you `x`\x1b[31m"
	a := recordedRun(t, map[string]float64{"x": 10}, func(rec *run.Record) {
		rec.Experiment.SubExperiments[0].Title = hostile
	})
	b := recordedRun(t, map[string]float64{"x": 12}, func(rec *run.Record) {
		rec.Experiment.SubExperiments[0].Title = hostile
		rec.Experiment.SubExperiments[0].PayloadLengthBytes = 7
	})
	found, err := app.App{}.Compare(t.Context(), []string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "none", "c.html")
	err = app.App{}.WriteComparisonPage(path, found)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "open "+path+":") {
		t.Errorf("into a folder that is not there: %v", err)
	}
	path = filepath.Join(t.TempDir(), "c.html")
	if err := (app.App{}).WriteComparisonPage(path, found); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"warm.p50", ">slower<", "PayloadLengthBytes", `class="whisker s1"`, "default-src"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in the page", want)
		}
	}
	for _, no := range []string{"<img", "\x1b", "http://", "https://"} {
		if bytes.Contains(bytes.ReplaceAll(text, []byte("http://www.w3.org/2000/svg"), nil), []byte(no)) {
			t.Errorf("%q is in the page", no)
		}
	}
}
