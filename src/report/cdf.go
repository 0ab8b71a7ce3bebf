package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// logFactor is the ratio of the longest latency to the median from which on a latency axis is logarithmic: beyond it, a
// linear axis presses most of the distribution into one line.
const logFactor = 10

// axisRange is the range of a latency axis in ms and whether it is logarithmic.
type axisRange struct {
	low, high float64
	log       bool
}

// extent is the part of a sample that an axis needs.
type extent struct{ low, median, high float64 }

// extentOf returns the extent of a sample in ascending order.
func extentOf(sorted []float64) extent {
	return extent{sorted[0], analyze.Median.Of(sorted).V, sorted[len(sorted)-1]}
}

// latencyRange covers all given samples. The axis is logarithmic if the longest latency is over ten times the smallest
// of their medians and none is zero.
func latencyRange(samples ...extent) axisRange {
	low, high, median := math.Inf(1), math.Inf(-1), math.Inf(1)
	for _, s := range samples {
		low, high, median = math.Min(low, s.low), math.Max(high, s.high), math.Min(median, s.median)
	}
	r := axisRange{log: low > 0 && high > logFactor*median}
	if r.log {
		r.low, r.high = logRange(low, high)
	} else {
		r.low, r.high = linearRange(low, high)
	}
	return r
}

func (r axisRange) apply(a *plot.Axis) {
	a.Min, a.Max = r.low, r.high
	a.Tick.Marker = linear{want: 9}
	if r.log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, decades{}
	}
}

// at is a value's position on the axis, 0 to 1.
func (r axisRange) at(v float64) float64 {
	if r.log {
		return plot.LogScale{}.Normalize(r.low, r.high, v)
	}
	return plot.LinearScale{}.Normalize(r.low, r.high, v)
}

func (r axisRange) label() string {
	if r.log {
		return "Client latency (ms, log scale)"
	}
	return "Client latency (ms)"
}

// resolution is the smallest visible step of a curve, as a fraction of an axis.
const resolution = 1.0 / 3000

// cdfPoints are the corners of an empirical distribution function: at each latency, it steps up to the fraction of
// samples that took no longer. Corners in the same pixel are left out; the first and the last always stay.
func cdfPoints(c analyze.CDF, r axisRange) plotter.XYs {
	steps, n := len(c.X), float64(c.Len())
	if steps == 0 {
		return nil
	}
	pts := plotter.XYs{{X: c.X[0], Y: 0}}
	level := 0.0
	for i, x := range c.X {
		y := float64(c.N[i]) / n
		last := pts[len(pts)-1]
		if i+1 < steps && r.at(x)-r.at(last.X) < resolution && y-last.Y < resolution {
			level = y
			continue
		}
		if x != last.X {
			// The level that left-out corners had reached belongs before this step.
			pts = append(pts, plotter.XY{X: x, Y: level})
		}
		pts = append(pts, plotter.XY{X: x, Y: y})
		level = y
	}
	return pts
}

const (
	curveWidth = vg.Length(1.6)
	// maxMarked is the largest number of curves with glyphs; with more, the glyphs hide each other.
	maxMarked = 8
)

// curve is one line of a CDF plot.
type curve struct {
	cdf      analyze.CDF // of at least one request
	p50, p99 analyze.Value
	label    string
	style    draw.LineStyle
	marked   bool // median and p99 get their glyphs
}

// cdfPlot makes the axes and the curves; the caller adds head and legend.
func cdfPlot(curves []curve) *plot.Plot {
	r := rangeOf(curves)
	return curvesPlot(curves, r, r.label(), "Fraction of requests")
}

// rangeOf is the axis on which curves have room.
func rangeOf(curves []curve) axisRange {
	samples := make([]extent, len(curves))
	for i, c := range curves {
		samples[i] = extent{c.cdf.X[0], c.p50.V, c.cdf.X[len(c.cdf.X)-1]}
	}
	return latencyRange(samples...)
}

// curvesPlot is the curves on an axis of values, with its labels.
func curvesPlot(curves []curve, r axisRange, xLabel, yLabel string) *plot.Plot {
	p := newPlot(xLabel, yLabel, grid{})
	r.apply(&p.X)
	// A little room over 1, so that the top of a curve is not cut in half.
	p.Y.Min, p.Y.Max = 0, 1.015
	p.Y.Tick.Marker = fractions()
	var marks marks
	for _, c := range curves {
		p.Add(&plotter.Line{XYs: cdfPoints(c.cdf, r), LineStyle: c.style})
		if c.marked {
			marks = append(marks,
				mark{c.p50.V, 0.5, medianGlyph(c.style.Color)},
				mark{c.p99.V, 0.99, tailGlyph(c.style.Color)})
		}
	}
	p.Add(marks)
	return p
}

// fractions are the ticks of a CDF's vertical axis.
func fractions() plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i := range 11 {
		t := plot.Tick{Value: float64(i) / 10}
		if i%2 == 0 {
			t.Label = fmt.Sprintf("%.1f", t.Value)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// mark is a glyph at a position in the plot.
type mark struct {
	x, y  float64
	glyph draw.GlyphStyle
}

type marks []mark

// Plot draws each glyph with a white rim that sets it off from the curves.
func (ms marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, m := range ms {
		at := vg.Point{X: x(m.x), Y: y(m.y)}
		rim := m.glyph
		rim.Color, rim.Radius = color.White, m.glyph.Radius+1.6
		c.DrawGlyph(rim, at)
		c.DrawGlyph(m.glyph, at)
	}
}

func medianGlyph(c color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: 3.6, Shape: draw.CircleGlyph{}}
}

func tailGlyph(c color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: 3.8, Shape: draw.PyramidGlyph{}}
}

// cdfFigure is the empirical CDF of one sub-experiment: all requests, and cold and warm ones if both exist.
func cdfFigure(s analyze.Summary) (figure, error) {
	if s.Count == 0 {
		return figure{}, fail.Skip{Reason: noData(s)}
	}
	all := draw.LineStyle{Color: inkColor, Width: curveWidth}
	curves := []curve{{cdf: s.CDF, p50: s.P50, p99: s.P99, style: all, marked: true}}
	if s.Cold.Count > 0 && s.Warm.Count > 0 {
		curves = append(curves,
			partCurve("cold", s.Cold, draw.LineStyle{Color: coldColor, Width: curveWidth, Dashes: []vg.Length{7, 3}}),
			partCurve("warm", s.Warm, draw.LineStyle{Color: warmColor, Width: curveWidth, Dashes: []vg.Length{2.5, 2}}))
	}
	f := figure{title: plotTitle(s), subtitle: subtitle(s, "latency distribution"), plot: cdfPlot(curves)}
	median, tail := medianGlyph(inkColor), tailGlyph(inkColor)
	f.legend = []key{
		{label: allLabel(s), line: &all},
		{label: "median " + duration(s.P50), glyph: &median},
		{label: "p99 " + duration(s.P99), glyph: &tail},
	}
	for i, c := range curves[1:] {
		f.legend = append(f.legend, key{label: c.label, line: &c.style, fresh: i == 0})
	}
	return f, nil
}

// allLabel adds to the curve of all requests that they are of one kind, which explains the missing curves.
func allLabel(s analyze.Summary) string {
	switch s.Count {
	case s.Cold.Count:
		return "all (each one cold)"
	case s.Warm.Count:
		return "all (each one warm)"
	}
	return "all"
}

func partCurve(name string, p analyze.Split, style draw.LineStyle) curve {
	label := fmt.Sprintf("%s (n = %s, median %s)", name, grouped(p.Count), duration(p.P50))
	return curve{cdf: p.CDF, p50: p.P50, p99: p.P99, label: label, style: style}
}

// combinedFigure is the empirical CDF of all sub-experiments with data, one curve each.
func combinedFigure(all []analyze.Summary) (figure, error) {
	var curves []curve
	n := 0
	for i, s := range all {
		if s.Count == 0 {
			continue
		}
		n += s.Count
		// The colour follows the place in the run, so that a sub-experiment keeps it when another one fails.
		style := draw.LineStyle{Color: seriesColor(i), Width: curveWidth, Dashes: seriesDashes(i)}
		label := fmt.Sprintf("%s (n = %s)", plotTitle(s), grouped(s.Count))
		curves = append(curves, curve{cdf: s.CDF, p50: s.P50, p99: s.P99, label: label, style: style})
	}
	if len(curves) == 0 {
		return figure{}, fail.Skip{Reason: "no sub-experiment has a successful request"}
	}
	marked := len(curves) <= maxMarked
	for i := range curves {
		curves[i].marked = marked
	}
	f := figure{
		title:    "Latency distribution by sub-experiment",
		subtitle: fmt.Sprintf("n = %s requests, %d of %d sub-experiments", grouped(n), len(curves), len(all)),
		plot:     cdfPlot(curves),
	}
	for _, c := range curves {
		f.legend = append(f.legend, key{label: c.label, line: &c.style})
	}
	if marked {
		median, tail := medianGlyph(mutedColor), tailGlyph(mutedColor)
		f.legend = append(f.legend, key{label: "median", glyph: &median}, key{label: "p99", glyph: &tail})
	}
	return f, nil
}

// subtitle says what is shown and for how many requests.
func subtitle(s analyze.Summary, what string) string {
	out := fmt.Sprintf("%s, n = %s", what, grouped(s.Count))
	if s.Errors > 0 {
		out += fmt.Sprintf(", %s failed", grouped(s.Errors))
	}
	if s.Provider != "" {
		out += fmt.Sprintf(" · %s", s.Provider)
	}
	if s.Runtime != "" {
		out += " " + s.Runtime
	}
	if s.MemoryMB > 0 {
		out += fmt.Sprintf(" · %d MB", s.MemoryMB)
	}
	return out
}

// noData says why there is nothing to draw.
func noData(s analyze.Summary) string {
	switch {
	case s.Errors > 0:
		return fmt.Sprintf("%s: all %d requests failed", s.Title, s.Errors)
	case s.Warmup > 0:
		return fmt.Sprintf("%s: all %d requests were warm-up", s.Title, s.Warmup)
	}
	return s.Title + ": no request was made"
}
