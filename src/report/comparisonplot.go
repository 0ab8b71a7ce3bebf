package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Comparisons draws a plot for each comparison into the run's folder.
func (d *Drawing) Comparisons(dir string, all []analyze.Comparison) {
	for _, c := range all {
		f, err := comparisonFigure(c)
		d.add(dir, ComparisonPlot(c.Name), f, err)
	}
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
			if !p.Enough {
				continue
			}
			n += p.N
			for _, v := range []analyze.Value{p.MainP50.Value, p.MainP99.Value, p.MainP50.Low, p.MainP50.High,
				p.MainP99.Low, p.MainP99.High} {
				if v.OK {
					low, high = math.Min(low, v.V), math.Max(high, v.V)
				}
			}
		}
	}
	if n == 0 || math.IsInf(low, 1) {
		return figure{}, fail.Skip{Reason: fmt.Sprintf("no sub-experiment has enough %s requests in %d bursts",
			map[bool]string{true: "successful", false: c.Part}[c.Part == analyze.All.String()], analyze.MinBursts)}
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
	f := figure{title: titleCase(comparisonTitle(c)), plot: p,
		subtitle: fmt.Sprintf("n = %s requests; bars: 95 %% intervals over whole bursts", grouped(n))}
	for _, s := range all {
		s.draw(p, c.Axis.Values != nil)
	}
	if len(c.Lines) > 1 {
		for i, l := range c.Lines {
			style := draw.LineStyle{Color: seriesColor(i), Width: curveWidth, Dashes: seriesDashes(i)}
			f.legend = append(f.legend, key{label: printable(l.Name), line: &style})
		}
	}
	median, tail := medianGlyph(mutedColor), tailGlyph(mutedColor)
	f.legend = append(f.legend, key{label: "median", glyph: &median}, key{label: "p99", glyph: &tail})
	return f, nil
}

// titleCase begins a title with a capital, unless it begins with the title of a sub-experiment.
func titleCase(s string) string {
	for _, word := range []string{"cold ", "warm ", "latency "} {
		if strings.HasPrefix(s, word) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

// axisLabel is the key with its unit, which is then not in the key a second time.
func axisLabel(a analyze.Axis) string {
	name := a.ShortKey()
	if a.Unit == "" {
		return name
	}
	for _, said := range []string{"Seconds", "Bytes", "MB"} {
		name = strings.TrimSuffix(name, said)
	}
	return name + " (" + a.Unit + ")"
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
		if !pt.Enough {
			continue // too few requests for a point
		}
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
	p.X.Tick.Marker = sweptTicks(labels, r)
	return all
}

// sweptTicks are ticks at the values that were swept, with the labels that have room.
func sweptTicks(labels map[float64]string, r axisRange) plot.ConstantTicks {
	const character = 0.009 // of the axis
	place := func(x float64) float64 {
		if r.log {
			return math.Log(x/r.low) / math.Log(r.high/r.low)
		}
		return (x - r.low) / (r.high - r.low)
	}
	var ticks plot.ConstantTicks
	last := math.Inf(-1)
	for _, x := range slices.Sorted(maps.Keys(labels)) {
		t := plot.Tick{Value: x}
		if half := character / 2 * float64(len(labels[x])+2); place(x)-half > last {
			t.Label, last = printable(labels[x]), place(x)+half
		}
		ticks = append(ticks, t)
	}
	return ticks
}
