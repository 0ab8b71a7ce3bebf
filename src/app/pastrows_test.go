package app_test

import (
	"bytes"
	"encoding/json"
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
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestHistoryRespectsBursts has runs in which the requests of a burst are alike. Where the rows are there, in a folder
// or in an archive, the intervals are those of bursts: about √10 times as wide for bursts of ten. Where there are other
// rows, or none, they are those of statistics.csv.
func TestHistoryRespectsBursts(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	dir := t.TempDir()
	const bursts, size = 40, 10
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 4 {
		rec := week(n)
		rec.Results, rec.Experiment.SubExperiments = rec.Results[:1], rec.Experiment.SubExperiments[:1]
		rec.Results[0].Rows = bursts * size
		folder := writePast(t, dir, rec, 100, 10)
		var table bytes.Buffer
		narrow := analyze.Interval{Low: analyze.Of(99), High: analyze.Of(101)}
		must(t, analyze.WriteCSV(&table, []analyze.Summary{{Count: bursts * size, CI50: narrow,
			Cold: analyze.Split{Count: bursts * size, P50: analyze.Of(100), P99: analyze.Of(130), CI50: narrow}}}))
		must(t, os.WriteFile(filepath.Join(folder, "statistics.csv"), table.Bytes(), 0o600))
		if n < 3 {
			must(t, os.MkdirAll(filepath.Join(folder, "0-a"), 0o755))
			rows, err := sample.Create(filepath.Join(folder, "0-a", "latencies.csv"))
			must(t, err)
			for b := range bursts - n/2 { // in the third run some rows are lost
				ms := 100 * math.Exp(0.1*rng.NormFloat64())
				for s := range size {
					rows.AppendRow(&sample.Sample{Burst: b, Slot: s, BurstSize: size, Cold: sample.Yes, Status: 200,
						Latency: time.Duration(ms * float64(time.Millisecond))})
				}
			}
			must(t, rows.Close())
		}
		if n == 1 {
			packRun(t, folder, filepath.Join(dir, "one.zip"), "0-a/latencies.csv")
			must(t, os.RemoveAll(folder))
		}
	}
	out, err := w.History(t.Context(), dir, app.HistoryOptions{})
	must(t, err)
	if len(out.Runs) != 4 || len(out.Series) != 2 {
		text, _ := json.Marshal(out)
		t.Fatalf("%s", text)
	}
	for i, want := range []string{"bursts", "bursts", "requests", "requests"} {
		p := out.Series[0].Points[i]
		wide := math.Log(p.High.V / p.Low.V)
		// Of 40 independent bursts the interval of the median is 2·1.96·1.253·0.1/√40 = 0.078 wide on the logarithmic
		// scale, of 400 independent requests a third of that.
		if p.Independent != want || want == "bursts" && (wide < 0.045 || wide > 0.13) ||
			want == "requests" && p.Low.V != 99 {
			t.Errorf("run %d: %+v, width %.3f, want the interval of %s", i, p, wide, want)
		}
	}
	read, err := os.ReadFile(out.Page)
	must(t, err)
	for _, want := range []string{"The intervals of 2 runs take whole bursts", "Those of the other 2"} {
		if !strings.Contains(string(read), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
