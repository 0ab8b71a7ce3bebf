package report

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// overheads is a sub-experiment whose cold invocations take longer, and with so many sizes measured.
func overheads(kind string, step int64, sizes int) analyze.Summary {
	var rows []sample.Overhead
	var all []int64
	at := time.Unix(1_800_000_000, 0)
	for i := range 5 {
		all = append(all, int64(i+1)*step)
		for n := range 4 * min(max(sizes-i, 0), 1) {
			for cold, ms := range map[sample.Tri]int{sample.Yes: 100 + 20*i + n, sample.No: n - 1} {
				rows = append(rows, sample.Overhead{Size: all[i], Wanted: cold, Cold: cold, Start: at, Clock: true,
					Finish: at.Add(time.Duration(ms) * time.Millisecond)})
			}
		}
	}
	var s analyze.Summary
	s.Title, s.Overhead = "o", analyze.DescribeOverhead(kind, all, 4, rows)
	return s
}

func TestOverheadPlot(t *testing.T) {
	dir := t.TempDir()
	got, err := drawIn(t.Context(), func(d *Drawing) { d.Plots(dir, Visualization{}, overheads("code", 10<<20, 5)) })
	if err != nil || !slices.Equal(got.Files, []string{OverheadFile}) || got.Skipped != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, ink := decoded(t, filepath.Join(dir, OverheadFile)); ink < 10_000 {
		t.Errorf("%d pixels are not white", ink)
	}
	f, err := overheadFigure(overheads("code", 10<<20, 5))
	if err != nil || len(f.legend) != 2 || f.plot.X.Label.Text != "Package (MiB)" || f.plot.X.Max < 50 ||
		f.plot.Y.Min >= -0.9 || f.plot.Y.Max < 182 {
		t.Errorf("%+v, x to %g, y %g to %g, %v", f.legend, f.plot.X.Max, f.plot.Y.Min, f.plot.Y.Max, err)
	}
	if f, err := overheadFigure(overheads("payload", 1024, 1)); err != nil || f.plot.X.Label.Text !=
		"Request body (KiB)" || f.plot.X.Max > 2 {
		t.Errorf("%s to %g, %v", f.plot.X.Label.Text, f.plot.X.Max, err)
	}
	none, err := drawIn(t.Context(), func(d *Drawing) { d.Plots(dir, Visualization{}, overheads("code", 1024, 0)) })
	if err != nil || len(none.Files) != 0 || len(none.Skipped) != 1 {
		t.Errorf("without rows: %+v, %v", none, err)
	}
}
