package report

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func distribution(t *testing.T, latencies []float64) analyze.CDF {
	t.Helper()
	var rows []sample.Sample
	for _, ms := range latencies {
		rows = append(rows, sample.Sample{Latency: time.Duration(ms * 1e6)})
	}
	s, err := analyze.Summarize(analyze.Samples(rows), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.CDF
}

func TestCDFPoints(t *testing.T) {
	var out strings.Builder
	for _, sorted := range [][]float64{nil, {5}, {1, 2}, {3, 3, 3}, {1, 1, 2, 4, 4}} {
		fmt.Fprintf(&out, "%v:", sorted)
		if len(sorted) > 0 {
			for _, p := range cdfPoints(distribution(t, sorted), latencyRange(extentOf(sorted))) {
				fmt.Fprintf(&out, " (%g, %.2f)", p.X, p.Y)
			}
		} else if pts := cdfPoints(analyze.CDF{}, axisRange{}); pts != nil {
			t.Errorf("points of nothing: %v", pts)
		}
		fmt.Fprintln(&out)
	}
	goldentest.Check(t, out.String())
}

// A curve of very many samples is thinned, but never strays from the true one by more than can be seen.
func TestCDFPointsAreThinned(t *testing.T) {
	bursts := 2000
	if raceEnabled { // the part data takes all of them
		bursts = 200
	}
	s := workload{title: "big", bursts: bursts, size: 100, coldShare: .02, warmMS: 2, coldMS: 80, seed: 5}.summary(t)
	sorted := latencies(s)
	r := latencyRange(extentOf(sorted))
	pts := cdfPoints(s.CDF, r)
	if len(pts) > 20000 || len(pts) < 500 {
		t.Errorf("%d points for %d samples", len(pts), len(sorted))
	}
	if first, last := pts[0], pts[len(pts)-1]; first.X != sorted[0] || first.Y != 0 ||
		last.X != sorted[len(sorted)-1] || last.Y != 1 {
		t.Errorf("from %v to %v", first, last)
	}
	for i := 1; i < len(pts); i++ {
		if pts[i].X < pts[i-1].X || pts[i].Y < pts[i-1].Y {
			t.Fatalf("the curve goes back from %v to %v", pts[i-1], pts[i])
		}
	}
	for _, p := range pts {
		// A corner may stand for others in its pixel, so the true value is looked for one pixel to each side.
		atMost := float64(sort.Search(len(sorted),
			func(i int) bool { return r.at(sorted[i]) > r.at(p.X)+2*resolution })) / float64(len(sorted))
		atLeast := float64(sort.Search(len(sorted),
			func(i int) bool { return r.at(sorted[i]) >= r.at(p.X)-2*resolution })) / float64(len(sorted))
		if p.Y > atMost+2*resolution || p.Y < atLeast-2*resolution {
			t.Fatalf("(%g, %g) is off the distribution: %g to %g", p.X, p.Y, atLeast, atMost)
		}
	}
}

func legendOf(f figure) string {
	var names []string
	for _, k := range f.legend {
		names = append(names, k.label)
	}
	return strings.Join(names, " | ")
}

func TestFigureHeads(t *testing.T) {
	mixed := workload{title: "mixed", bursts: 20, size: 50, coldShare: .1, warmMS: 2.1, coldMS: 80, failShare: .01,
		seed: 1}.summary(t)
	warm := workload{title: "warm", bursts: 5, size: 10, warmMS: 2.1, seed: 2}.summary(t)
	cold := workload{title: "cold", bursts: 5, size: 10, coldShare: 1, coldMS: 81, seed: 3}.summary(t)
	silent := workload{title: "silent", bursts: 400, size: 3, warmMS: 30, silent: true, seed: 4}.summary(t)
	slow := workload{title: "slow", bursts: 1, size: 1, warmMS: 23456, seed: 4}.summary(t)
	var out strings.Builder
	show := func(name string, f figure, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fmt.Fprintf(&out, "%s\n  %s\n  %s\n  %s\n", name, f.title, f.subtitle, legendOf(f))
		if f.plot != nil {
			fmt.Fprintf(&out, "  %s over %s\n", f.plot.Y.Label.Text, f.plot.X.Label.Text)
			return
		}
		for _, c := range f.sheet.cells {
			fmt.Fprintf(&out, "  %s, p99 %s, bins %v\n", c.label(), duration(analyze.Of(c.p99)), c.counts)
		}
	}
	for _, s := range []analyze.Summary{mixed, warm, cold, silent, slow} {
		f, err := cdfFigure(s)
		show("cdf", f, err)
		f, err = barsFigure(s, 0)
		show("bars", f, err)
		f, err = barsFigure(s, 50)
		show("bars over 50 ms", f, err)
		for sh, err := range sheets(s) {
			if sh.cells[0].burst > 0 {
				break // of many sheets the first
			}
			sh.cells = sh.cells[:min(len(sh.cells), 3)] // the others are made alike
			show(sh.file(), sh.figure(s), err)
		}
	}
	f, err := combinedFigure([]analyze.Summary{mixed, {}, silent})
	show("combined", f, err)
	f, err = combinedFigure(slices.Repeat([]analyze.Summary{warm}, 9))
	show("combined of nine, without glyphs", f, err)
	goldentest.Check(t, out.String())
}

// Sub-experiments keep colour and dashes apart from each other up to 28, and a failed one does not shift the others'.
func TestCombinedStyles(t *testing.T) {
	seen := map[string]int{}
	for i := range 28 {
		look := fmt.Sprint(seriesColor(i), seriesDashes(i))
		if j, ok := seen[look]; ok {
			t.Errorf("sub-experiments %d and %d look the same", i, j)
		}
		seen[look] = i
		if (seriesDashes(i) == nil) != (i < 7) {
			t.Errorf("sub-experiment %d: dashes %v; only the first seven are solid", i, seriesDashes(i))
		}
	}
	warm := workload{title: "warm", bursts: 5, size: 10, warmMS: 2.1, seed: 2}.summary(t)
	f, err := combinedFigure([]analyze.Summary{{}, warm})
	if err != nil || f.legend[0].line.Color != seriesColor(1) {
		t.Errorf("the second sub-experiment lost its colour: %+v, %v", f.legend, err)
	}
}
