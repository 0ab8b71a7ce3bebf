package report

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"stellar/src/analyze"
	"stellar/src/fail"
)

// WriteComparisons draws a plot for each axis into the run's folder.
func WriteComparisons(ctx context.Context, dir string, all []analyze.Comparison) (Plots, error) {
	var out Plots
	for _, c := range all {
		f, err := comparisonFigure(c)
		if err := out.add(ctx, dir, ComparisonPlot(c.Axis.Key), f, err); err != nil {
			return out, err
		}
	}
	return out, nil
}

// series is one line of a comparison in the form in which it is drawn.
type series struct {
	points []analyze.Point
	shift  float64 // aside, so that intervals of several lines do not hide each other
	index  int
}

// comparisonFigure shows medians (circles, joined along a numeric axis) and p99s (triangles) with their intervals.
func comparisonFigure(c analyze.Comparison) (figure, error) {
	low, high := math.Inf(1), math.Inf(-1)
	n := 0
	for _, l := range c.Lines {
		for _, p := range l.Points {
			if c.Part == "cold" {
				n += p.Cold
			} else {
				n += p.Count
			}
			for _, v := range []analyze.Value{p.MainP50.Value, p.MainP99.Value, p.MainP50.Low, p.MainP50.High,
				p.MainP99.Low, p.MainP99.High} {
				if v.OK {
					low, high = math.Min(low, v.V), math.Max(high, v.V)
				}
			}
		}
	}
	if n == 0 || math.IsInf(low, 1) {
		return figure{}, fail.Skip{Reason: "no sub-experiment has a successful request"}
	}
	y := axisRange{log: low > 0 && high > logFactor*low}
	if y.log {
		y.low, y.high = logRange(low, high)
	} else {
		y.low, y.high = linearRange(0, high)
	}
	p := newPlot(axisLabel(c.Axis), fmt.Sprintf("Client latency (ms%s)", map[bool]string{true: ", log scale"}[y.log]),
		grid{horizontal: true})
	y.apply(&p.Y)
	all := alongAxis(c, p)
	f := figure{title: fmt.Sprintf("%s latency by %s", titleCase(c.Part), c.Axis.Key), plot: p,
		subtitle: fmt.Sprintf("n = %s requests; bars: 95 %% intervals over whole bursts", grouped(n))}
	for _, s := range all {
		s.draw(p, c.Axis.Values != nil)
	}
	if len(c.Lines) > 1 {
		for i, l := range c.Lines {
			style := draw.LineStyle{Color: seriesColor(i), Width: curveWidth, Dashes: seriesDashes(i)}
			f.legend = append(f.legend, key{label: named(l.Name), line: &style})
		}
	}
	median, tail := medianGlyph(mutedColor), tailGlyph(mutedColor)
	f.legend = append(f.legend, key{label: "median", glyph: &median}, key{label: "p99", glyph: &tail})
	return f, nil
}

func titleCase(part string) string {
	if part == "all" {
		return "Latency of all requests:"
	}
	return "Cold"
}

func axisLabel(a analyze.Axis) string {
	if a.Unit == "" {
		return a.Key
	}
	return a.Key + " (" + a.Unit + ")"
}

// errorBar is an interval at a position.
type errorBar struct {
	x, low, high float64
	style        draw.LineStyle
}

type errorBars []errorBar

// Plot draws each as an upright line with caps.
func (bars errorBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	const half = vg.Length(3)
	for _, b := range bars {
		at, low, high := x(b.x), y(b.low), y(b.high)
		c.StrokeLine2(b.style, at, low, at, high)
		c.StrokeLine2(b.style, at-half, low, at+half, low)
		c.StrokeLine2(b.style, at-half, high, at+half, high)
	}
}

func (s series) draw(p *plot.Plot, joined bool) {
	style := draw.LineStyle{Color: seriesColor(s.index), Width: curveWidth, Dashes: seriesDashes(s.index)}
	thin := draw.LineStyle{Color: seriesColor(s.index), Width: 0.9}
	var bars errorBars
	var glyphs marks
	var medians, tails plotter.XYs
	for _, pt := range s.points {
		x := pt.X + s.shift
		for _, e := range []struct {
			e     analyze.Estimate
			glyph draw.GlyphStyle
			line  *plotter.XYs
		}{{pt.MainP50, medianGlyph(style.Color), &medians}, {pt.MainP99, tailGlyph(style.Color), &tails}} {
			if !e.e.Value.OK {
				continue
			}
			*e.line = append(*e.line, plotter.XY{X: x, Y: e.e.Value.V})
			glyphs = append(glyphs, mark{x, e.e.Value.V, e.glyph})
			if e.e.Low.OK && e.e.High.OK {
				bars = append(bars, errorBar{x, e.e.Low.V, e.e.High.V, thin})
			}
		}
	}
	if joined {
		faint := style
		faint.Width = 0.8
		p.Add(&plotter.Line{XYs: medians, LineStyle: style}, &plotter.Line{XYs: tails, LineStyle: faint})
	}
	p.Add(glyphs, bars) // over the glyphs, whose rims would hide the narrow ones
}

// logSpan is the ratio of the largest to the smallest value of a numeric axis from which on the axis is logarithmic.
const logSpan = 20

// alongAxis sets the horizontal axis, and returns the lines with their points' positions on it.
func alongAxis(c analyze.Comparison, p *plot.Plot) []series {
	var all []series
	for i, l := range c.Lines {
		all = append(all, series{points: l.Points, index: i})
	}
	var xs []float64
	labels := map[float64]string{}
	for _, l := range c.Lines {
		for _, pt := range l.Points {
			xs = append(xs, pt.X)
			labels[pt.X] = pt.Label
		}
	}
	low, high := slices.Min(xs), slices.Max(xs)
	if c.Axis.Values == nil {
		for i := range all {
			all[i].shift = (float64(i) - float64(len(all)-1)/2) * min(0.12, 0.7/float64(len(all)))
		}
		var ticks plot.ConstantTicks
		for x := low; x <= high; x++ {
			ticks = append(ticks, plot.Tick{Value: x, Label: printable(labels[x])})
		}
		p.X.Min, p.X.Max, p.X.Tick.Marker = low-0.5, high+0.5, ticks
		return all
	}
	r := axisRange{log: low > 0 && high > logSpan*low}
	if r.log {
		r.low, r.high = logRange(low, high)
	} else {
		pad := (high - low) * 0.04
		r.low, r.high = low-pad, high+pad
	}
	r.apply(&p.X)
	return all
}
