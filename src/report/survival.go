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
	"github.com/vhive-serverless/STeLLAR/src/analyze/survival"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// bandColor is the area of the intervals of the survival curve.
const bandColor rgb = 0xcfe3f1

// survivalFigure is the share of instances that live through a wait, with its intervals and the fitted keep-alive.
func survivalFigure(s analyze.Summary) (figure, error) {
	r := s.Survival
	if len(r.Curve) == 0 {
		return figure{}, fail.Skip{Reason: s.Title + ": no wait has an answer"}
	}
	first, last := r.Curve[0].Wait, r.Curve[len(r.Curve)-1].Wait
	p := newPlot("Idle time (s, log scale)", "Fraction of instances alive", grid{})
	if last > first {
		p.X.Min, p.X.Max = logRange(first, last)
	} else {
		p.X.Min, p.X.Max = first/2, last*2
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, 1.015, fractions()
	estimate := draw.LineStyle{Color: coldColor, Width: curveWidth}
	fitted := draw.LineStyle{Color: warmColor, Width: curveWidth, Dashes: []vg.Length{7, 3}}
	answer := draw.GlyphStyle{Color: inkColor, Radius: 2.2, Shape: draw.CircleGlyph{}}
	p.Add(band(r.Curve), &plotter.Line{XYs: steps(r.Curve), LineStyle: estimate})
	legend := []key{{label: "estimate", line: &estimate}, {label: "95 % interval", box: bandColor},
		{label: "one wait or more: lived at the top, ended at the bottom", glyph: &answer}}
	if line := fittedLine(r.Fit, p.X.Min, p.X.Max); line != nil {
		p.Add(&plotter.Line{XYs: line, LineStyle: fitted})
		legend = append(legend, key{label: "fitted keep-alive", line: &fitted, fresh: true})
	}
	p.Add(answers(r.Curve, answer))
	return figure{
		title:    plotTitle(s),
		subtitle: fmt.Sprintf("%s, n = %s waits", r.Fit, grouped(r.Fit.Trials)),
		legend:   legend, plot: p,
	}, nil
}

// steps are the corners of the estimate: it holds from each wait to the next one.
func steps(points []survival.Point) (line plotter.XYs) {
	for i, p := range points {
		if i > 0 {
			line = append(line, plotter.XY{X: p.Wait, Y: points[i-1].Alive})
		}
		line = append(line, plotter.XY{X: p.Wait, Y: p.Alive})
	}
	return line
}

// fittedLine is the fitted curve over a range of waits; nil where nothing was fitted.
func fittedLine(f survival.Fit, low, high float64) (line plotter.XYs) {
	const points = 400
	for i := range points + 1 {
		wait := low * math.Pow(high/low, float64(i)/points)
		alive, ok := f.Alive(wait)
		if !ok {
			return nil
		}
		if f.Model == survival.Fixed && len(line) > 0 && line[len(line)-1].Y == 1 && alive == 0 {
			line = append(line, plotter.XY{X: f.Seconds, Y: 1}, plotter.XY{X: f.Seconds, Y: 0})
		}
		line = append(line, plotter.XY{X: wait, Y: alive})
	}
	return line
}

// band is the area of the pointwise intervals.
type band []survival.Point

// Plot fills it, from each wait to the next one.
func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, at := range b {
		right := x(at.Wait) + 1
		if i+1 < len(b) {
			right = x(b[i+1].Wait)
		}
		rectangle(c, color.Color(bandColor), x(at.Wait), right, y(at.Low), y(at.High))
	}
}

// answers are the single answers: at the top where instances lived, at the bottom where they did not.
func answers(points []survival.Point, glyph draw.GlyphStyle) marks {
	var out marks
	for _, p := range points {
		if p.Lived > 0 {
			out = append(out, mark{p.Wait, 1, glyph})
		}
		if p.Lived < p.Trials {
			out = append(out, mark{p.Wait, 0, glyph})
		}
	}
	return out
}
