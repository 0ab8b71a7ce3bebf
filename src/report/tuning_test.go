package report

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

func around(v float64) analyze.Estimate {
	return analyze.Estimate{Value: analyze.Of(v), Low: analyze.Of(v * 0.98), High: analyze.Of(v * 1.02)}
}

func threeSizes() analyze.Tuning {
	return analyze.Tuning{Strategy: analyze.Cheapest, Reported: true, MemoryMB: 512, LowMB: 512, HighMB: 512,
		SecondMB: 128,
		Excess:   analyze.Estimate{Value: analyze.Of(0.136), Low: analyze.Of(0.121), High: analyze.Of(0.15)},
		Points: []analyze.TuningPoint{
			{Sub: 0, MemoryMB: 128, Count: 300, Time: around(1000), Cost: around(2.1)},
			{Sub: 1, MemoryMB: 512, Count: 300, Time: around(220), Cost: around(1.85)},
			{Sub: 2, MemoryMB: 1024, Count: 299, Time: around(130), Cost: around(2.184)},
		}}
}

func TestTunings(t *testing.T) {
	tie := threeSizes()
	tie.Strategy, tie.Weight, tie.Line, tie.Reported = analyze.Balanced, 0.25, "go\x1b", false
	tie.Excess.Low, tie.HighMB = analyze.Of(-0.01), 1024
	few := threeSizes()
	few.Strategy, few.LowMB, few.HighMB, few.Excess.Low = analyze.Fastest, 0, 0, analyze.Value{}
	none := threeSizes()
	none.MemoryMB, none.Reason = 0, "the cost of requests is not known"
	for i := range none.Points {
		none.Points[i].Cost = analyze.Estimate{}
	}
	var out strings.Builder
	if err := Tunings(&out, []analyze.Tuning{threeSizes(), tie, few, none}, SummaryOptions{}); err != nil {
		t.Fatal(err)
	}
	goldentest.Check(t, out.String())
}

func TestTuningPlot(t *testing.T) {
	dir := t.TempDir()
	unpriced := threeSizes()
	for i := range unpriced.Points {
		unpriced.Points[i].Cost = analyze.Estimate{}
	}
	plots, err := drawIn(t.Context(), func(d *Drawing) {
		d.Tunings(dir, []analyze.Tuning{threeSizes(), unpriced, {Reason: "nothing"}})
	})
	if err != nil || len(plots.Files) != 2 || len(plots.Skipped) != 1 {
		t.Fatalf("plots %+v, error %v", plots, err)
	}
	if plots.Files[0] != "memory_tuning.png" || plots.Files[1] != "memory_tuning-1.png" {
		t.Errorf("files %v", plots.Files)
	}
	for _, name := range plots.Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
