package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// simulated are the rows of a sub-experiment: requests around 2 ms, in bursts that share a shift.
type simulated struct {
	factor float64                    // of latencies
	cold   func(burst int) bool       // nil: functions say nothing
	fails  func(burst, slot int) bool // nil: none does
}

// coldFactor is how much longer a cold request takes.
const coldFactor = 40

func (m simulated) rows(sub *experiment.SubExperiment, seed uint64) []sample.Sample {
	rng := rand.New(rand.NewPCG(seed, 3))
	bursts, sizes := sub.Bursts, sub.BurstSizes
	if sub.Sustained() {
		bursts, sizes = int(sub.DurationSeconds), []int{int(sub.RatePerSecond)}
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var out []sample.Sample
	for b := range bursts {
		shift := math.Exp(0.05 * rng.NormFloat64())
		for slot := range sizes[b%len(sizes)] {
			at := start.Add(time.Duration(b)*time.Second + time.Duration(slot)*time.Millisecond)
			s := sample.Empty()
			s.Burst, s.Slot, s.BurstSize, s.PlannedAt, s.SentAt = b, slot, sizes[b%len(sizes)], at, at
			s.WriteBegan, s.Lateness = 0, 0
			if sub.Sustained() {
				s.BurstSize = 0
			}
			ms := 2 * m.factor * shift * math.Exp(0.1*rng.NormFloat64())
			if m.cold != nil {
				s.Cold = sample.No
				if m.cold(b) {
					s.Cold, ms = sample.Yes, ms*coldFactor
				}
			}
			s.Latency = time.Duration(ms * 1e6)
			if m.fails != nil && m.fails(b, slot) {
				s.Err, s.Latency, s.Cold = sample.Timeout, sample.None, sample.Unknown
			}
			out = append(out, s)
		}
	}
	return out
}

// stored is an experiment with the rows of each of its sub-experiments.
func stored(t *testing.T, file string, of func(i int) simulated) (*experiment.Experiment, [][]sample.Sample) {
	t.Helper()
	loaded, err := experiment.Parse("x.json", []byte(file), app.KnownProviders())
	if err != nil {
		t.Fatal(err)
	}
	exp := loaded.Experiment
	var rows [][]sample.Sample
	for i := range exp.SubExperiments {
		rows = append(rows, of(i).rows(&exp.SubExperiments[i], uint64(i)))
	}
	return exp, rows
}

// reported is the outcome of a run with these rows.
func reported(t *testing.T, exp *experiment.Experiment, rows [][]sample.Sample) *app.Outcome {
	t.Helper()
	var sums []analyze.Summary
	for i, sub := range exp.SubExperiments {
		s, err := analyze.Summarize(analyze.Samples(rows[i]), analyze.Options{
			Identity:   analyze.Identity{Index: i, Title: sub.Title},
			Resampling: &analyze.Resampling{Seed: 1, Draws: 200}})
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, s)
	}
	axes, err := exp.Axes()
	if err != nil {
		t.Fatal(err)
	}
	var compared []analyze.Axis
	for _, a := range axes {
		compared = append(compared, analyze.Axis(a))
	}
	out := &app.Outcome{Dir: "latency-samples/20260301T120000Z-local-abcd",
		Comparisons: analyze.Compare(sums, compared)}
	for i, s := range sums {
		out.Rows = append(out.Rows, report.Row{Stats: s,
			Missed: analyze.Thresholds(exp.SubExperiments[i].Thresholds, s)})
	}
	return out
}

// TestTerminals: what a run ends with, in terminals of 100, 80 and 60 columns, with colours, and in a pipe. No line is
// longer than the terminal but those that name a file.
func TestTerminals(t *testing.T) {
	quickstart, err := os.ReadFile("../../experiments/local/quickstart.json")
	if err != nil {
		t.Fatal(err)
	}
	first := func(b int) bool { return b == 0 }
	always := func(int) bool { return true }
	for name, c := range map[string]struct {
		file string
		of   func(i int) simulated
	}{
		"quickstart": {string(quickstart), func(i int) simulated {
			return simulated{factor: float64(1 + i%2*2), cold: []func(int) bool{first, always}[i/2]}
		}},
		"languages": {`{"Provider": "local", "SubExperiments": [{"Title": "language", "Bursts": 40, "BurstSizes": [4],
			"Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}}]}`, func(i int) simulated {
			return simulated{factor: []float64{1, 2.2, 2.2}[i], cold: func(b int) bool { return b%4 == 0 }}
		}},
		"load": {`{"Provider": "local", "SubExperiments": [{"Title": "sustained", "RatePerSecond": 20, "DurationSeconds": 30,
			"Thresholds": {"p99_ms": 5, "errors": 0}, "Sweep": {"Arrivals": ["constant", "poisson"]}}]}`,
			func(i int) simulated {
				return simulated{factor: 1, cold: func(b int) bool { return b == 0 && i == 1 },
					fails: func(b, slot int) bool { return i == 1 && b == 9 && slot < 3 }}
			}},
		"url": {`{"Provider": "https://api.example.org/hello", "SubExperiments": [{"Title": "one", "Bursts": 20,
			"BurstSizes": [5], "MaxErrorRatio": 1}, {"Title": "ten at once, all of which the server refuses", "Bursts": 5,
			"BurstSizes": [10], "MaxErrorRatio": 1}]}`, func(i int) simulated {
			return simulated{factor: 30, fails: func(b, _ int) bool { return i == 1 || b == 3 }}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			exp, rows := stored(t, c.file, c.of)
			checkTerminals(t, reported(t, exp, rows))
		})
	}
}

// checkTerminals compares an outcome on each kind of terminal with its golden file.
func checkTerminals(t *testing.T, out *app.Outcome) {
	t.Helper()
	for name, look := range map[string]report.SummaryOptions{"100": {Width: 100}, "80": {Width: 80},
		"60": {Width: 60}, "colour": {Width: 100, Color: true}, "pipe": {}} {
		var text strings.Builder
		if err := printOutcome(&text, out, look); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			n := len([]rune(line)) - 1
			if look.Width > 0 && !look.Color && n > look.Width && !strings.Contains(line, "/") {
				t.Errorf("%d columns in a terminal of %d: %s", n, look.Width, line)
			}
		}
		if strings.Contains(text.String(), "\x1b") != look.Color {
			t.Errorf("%s: colours, or none", name)
		}
		plain := strings.ReplaceAll(text.String(), out.Dir, "RUN")
		goldentest.CheckFile(t, filepath.Join("testdata",
			strings.ReplaceAll(t.Name(), "/", "-")+"-"+name+".golden"), plain)
	}
}

// TestTerminalOfAResumedReport: the report of a run that was killed, from its folder alone.
func TestTerminalOfAResumedReport(t *testing.T) {
	exp, rows := stored(t, `{"Provider": "local", "Seed": 4, "SubExperiments": [{"Title": "sizes", "Bursts": 30,
		"Visualization": "none", "Thresholds": {"cold_p50_ms": 50},
		"Sweep": {"FunctionImageSizeMB": [10, 20, 30, 40]}}]}`,
		func(i int) simulated {
			return simulated{factor: 1 + float64(i)/4, cold: func(int) bool { return true }}
		})
	dir := t.TempDir()
	rec := run.Record{ID: "20260301T120000Z-local-abcd", Status: run.StatusRunning, Seed: 4, Experiment: exp}
	for i := range 3 { // the fourth had not ended
		folder := fmt.Sprint(i, "-sizes")
		res := run.ResultRecord{SubExperiment: i, Folder: folder, Rows: len(rows[i])}
		if i == 2 {
			res.Stopped = "interrupted"
		}
		rec.Results = append(rec.Results, res)
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		w, err := sample.Create(filepath.Join(dir, folder, "latencies.csv"))
		if err != nil {
			t.Fatal(err)
		}
		for k := range rows[i] {
			w.AppendRow(&rows[i][k])
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, run.RecordFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	out, err := app.App{Config: pipeline.Config{Deps: run.Deps{Log: log}}}.Report(t.Context(), dir)
	if err == nil || len(out.Rows) != 3 {
		t.Fatalf("%+v, %v; want the error of what was stopped", out, err)
	}
	checkTerminals(t, out)
}
