package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"stellar/src/analyze"
	"stellar/src/fail"
)

// maxBins is the number of bins of a histogram that can be distinguished on a page.
const maxBins = 100

// latencyBins are the bins of a sample (ascending), Freedman-Diaconis. On a logarithmic axis, the bins are made from
// the logarithms, so that they look equally wide and a long tail does not press most of the sample into one of them.
func latencyBins(sorted []float64, log bool) analyze.Histogram { return binsOn(sorted, log, maxBins) }

// binsOn is latencyBins with at most so many bins.
func binsOn(sorted []float64, log bool, most int) analyze.Histogram {
	if !log {
		return analyze.Bins(sorted, most)
	}
	logs := make([]float64, len(sorted))
	for i, v := range sorted {
		logs[i] = math.Log(v)
	}
	h := analyze.Bins(logs, most)
	for i, e := range h.Edges {
		h.Edges[i] = math.Exp(e)
	}
	return h
}

// binned draws a histogram's bins.
type binned struct{ analyze.Histogram }

// Plot draws the bins, each with a white rim towards the next where there is room for it.
func (h binned) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	rim := vg.Length(0.5)
	if len(h.Counts) > 60 {
		rim = 0
	}
	for i, n := range h.Counts {
		if n > 0 {
			rectangle(c, coldColor, x(h.Edges[i]), x(h.Edges[i+1])-rim, y(0), y(float64(n)))
		}
	}
}

// verticals are dashed lines over the whole height.
type verticals []vertical

type vertical struct {
	x     float64
	style draw.LineStyle
}

// Plot draws the lines.
func (vs verticals) Plot(c draw.Canvas, p *plot.Plot) {
	for _, v := range vs {
		x := c.X(p.X.Norm(v.x))
		c.StrokeLine2(v.style, x, c.Min.Y, x, c.Max.Y)
	}
}

// histogramFigure is the distribution of the latencies of one burst.
func histogramFigure(s analyze.Summary, b analyze.Burst) (figure, error) {
	if len(b.Latencies) == 0 {
		return figure{}, fail.Skip{Reason: fmt.Sprintf("burst %d of %s: no request succeeded", b.Number, s.Title)}
	}
	sorted := slices.Sorted(slices.Values(b.Latencies))
	r := latencyRange(extentOf(sorted))
	h := latencyBins(sorted, r.log)
	// One value's bin is wider than the value's own range; never below zero, though.
	r.high = math.Max(r.high, h.Edges[len(h.Edges)-1])
	r.low = math.Min(r.low, math.Max(h.Edges[0], 0))
	p := newPlot(r.label(), "Requests", grid{})
	r.apply(&p.X)
	p.Y.Min, p.Y.Max = 0, float64(slices.Max(h.Counts))*1.04
	p.Y.Tick.Marker = linear{want: 7, whole: true}
	median := draw.LineStyle{Color: inkColor, Width: 1.2}
	tail := draw.LineStyle{Color: inkColor, Width: 1.2, Dashes: []vg.Length{5, 3}}
	p50, p99 := analyze.Median.Of(sorted), analyze.P99.Of(sorted)
	p.Add(binned{h}, verticals{{p50.V, median}, {p99.V, tail}})
	what := fmt.Sprintf("n = %s", grouped(len(sorted)))
	if b.Errors > 0 {
		what += fmt.Sprintf(", %s failed", grouped(b.Errors))
	}
	if b.Cold+b.Warm > 0 {
		what += fmt.Sprintf(" · %s cold, %s warm", grouped(b.Cold), grouped(b.Warm))
	}
	return figure{
		title:    fmt.Sprintf("Burst %d of %s", b.Number, plotTitle(s)),
		subtitle: what,
		plot:     p,
		legend: []key{
			{label: fmt.Sprintf("requests (%s)", counted(len(h.Counts), "bin")), box: coldColor},
			{label: "median " + duration(p50), line: &median},
			{label: "p99 " + duration(p99), line: &tail},
		},
	}, nil
}
