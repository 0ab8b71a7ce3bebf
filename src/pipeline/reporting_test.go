package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// record writes rows of ten bursts of three and gives their result.
func record(t *testing.T, r *run.Run, sub int, base time.Duration) run.Result {
	t.Helper()
	res := run.Result{Sub: sub, Dir: Folder(r, sub)}
	if err := os.MkdirAll(res.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := sample.Create(filepath.Join(res.Dir, study.LatenciesFile))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 30 {
		s := sample.Empty()
		s.Burst, s.Slot, s.BurstSize, s.Endpoint = i/3, i%3, 3, "f0"
		s.SentAt, s.WriteBegan, s.Lateness = at.Add(time.Duration(i%3)*time.Millisecond), 0, 0
		s.Latency = base + time.Duration(i)*time.Microsecond
		w.AppendRow(&s)
		res.Rows++
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

const threeSizes = `{"Provider": "http://127.0.0.1:1", "SubExperiments": [
	{"Title": "t", "Bursts": 10, "BurstSizes": [3], "Visualization": "bar",
	"Sweep": {"FunctionMemoryMB": [128, 256, 512]}}]}`

func TestReporting(t *testing.T) {
	j, r := testJob(t, threeSizes)
	r.Results = []run.Result{record(t, r, 0, time.Millisecond), record(t, r, 1, 2*time.Millisecond),
		{Sub: 2, Dir: Folder(r, 2)}}
	if err := os.MkdirAll(r.Results[2].Dir, 0o755); err != nil { // it stopped before its first row
		t.Fatal(err)
	}
	if err := j.reportStage().Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for sub := range 2 {
		data, err := os.ReadFile(filepath.Join(Folder(r, sub), sample.BurstsFile))
		if lines := strings.Split(string(data), "\n"); err != nil || len(lines) != 12 ||
			!strings.HasPrefix(lines[10], "9,f0,0,3,false,,,0.000,2.000,0,,") {
			t.Errorf("bursts of %d: %v\n%s", sub, err, data)
		}
		for _, name := range []string{"statistics.csv", report.BarsFile} {
			if _, err := os.Stat(filepath.Join(Folder(r, sub), name)); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(Folder(r, 2), sample.BurstsFile)); err == nil {
		t.Error("bursts of a sub-experiment without rows")
	}
	if len(j.report.Summaries) != 3 || j.report.Summaries[1].MR.V < 1.9 ||
		j.report.Summaries[1].Client.Spread50.V != 2 || j.report.Summaries[2].Rows() != 0 {
		t.Errorf("summaries %+v", j.report.Summaries)
	}
	for _, s := range j.report.Summaries {
		if s.Bursts.Len() != 0 {
			t.Errorf("the rows of %d are still held", s.Index)
		}
	}
	if len(j.report.Comparisons) != 1 || !j.report.Comparisons[0].Lines[0].Points[1].MainP50.Low.OK {
		t.Errorf("comparisons %+v", j.report.Comparisons)
	}
}

// A defect in one file costs the other sub-experiments nothing.
func TestReportingOfABrokenFile(t *testing.T) {
	j, r := testJob(t, threeSizes)
	r.Results = []run.Result{record(t, r, 0, time.Millisecond), record(t, r, 1, time.Millisecond)}
	file := filepath.Join(r.Results[0].Dir, study.LatenciesFile)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("a,b\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	err = j.reportStage().Run(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), file+":32: 2 cells") {
		t.Errorf("error %v", err)
	}
	if len(j.report.Summaries) != 1 || j.report.Summaries[0].Index != 1 || j.report.Summaries[0].Count != 30 {
		t.Errorf("summaries %+v", j.report.Summaries)
	}
}

// Rows that are gone are an error, and the statistics that were made of them stay.
func TestReportingWithoutRows(t *testing.T) {
	j, r := testJob(t, threeSizes)
	r.Results = []run.Result{record(t, r, 0, time.Millisecond)}
	if err := j.reportStage().Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(r.Dir, StatisticsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.Results[0].Dir, study.LatenciesFile)); err != nil {
		t.Fatal(err)
	}
	err = j.reportStage().Run(t.Context(), r)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "it had 30 rows") {
		t.Errorf("error %v", err)
	}
	after, err := os.ReadFile(filepath.Join(r.Dir, StatisticsFile))
	if err != nil || string(after) != string(before) {
		t.Errorf("the statistics changed: %v\n%s", err, after)
	}
}
