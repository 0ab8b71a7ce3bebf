package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// OverheadFile is the name of the plot of invocation-overhead.
const OverheadFile = "invocation-overhead.png"

// overheadFigure is the time of an invocation against the size: the median with quartiles, cold and warm.
func overheadFigure(s analyze.Summary) (figure, error) {
	o := s.Overhead
	low, high, largest, n := 0.0, 0.0, 0.0, 0
	for _, series := range o.Series {
		for _, p := range series.Points {
			if p.Count == 0 {
				continue
			}
			n += p.Count
			low, high = math.Min(low, p.P25.V), math.Max(high, p.P75.V)
			largest = math.Max(largest, float64(p.Size))
		}
	}
	if n == 0 {
		return figure{}, fail.Skip{Reason: s.Title + ": no invocation was of the wanted kind"}
	}
	unit, name := float64(bytesize.MiB), "MiB"
	if largest < unit {
		unit, name = float64(bytesize.KiB), "KiB"
	}
	what := map[string]string{"code": "Package", "payload": "Request body"}[o.Type]
	p := newPlot(what+" ("+name+")", "Invocation time (ms)", grid{})
	left, across := axisRange{}, axisRange{}
	left.low, left.high = linearRange(0, math.Max(high, 0.001))
	left.low = low * 1.04 // times that are shorter than their error may be below zero
	across.low, across.high = 0, largest/unit*1.04
	left.apply(&p.Y)
	across.apply(&p.X)
	f := figure{title: "Invocation time of " + plotTitle(s),
		subtitle: fmt.Sprintf("median with quartiles, n = %s, the clocks' offset is subtracted", grouped(n)), plot: p}
	dashes := map[string][]vg.Length{"warm": {6, 3}}
	colors := map[string]rgb{"cold": coldColor, "warm": warmColor}
	for _, series := range o.Series {
		style := draw.LineStyle{Color: colors[series.Name], Width: curveWidth, Dashes: dashes[series.Name]}
		if drawOverhead(p, series, unit, style, colors[series.Name]) {
			f.legend = append(f.legend, key{label: series.Name, line: &style})
		}
	}
	return f, nil
}

// drawOverhead draws a series; false: it has no point.
func drawOverhead(p *plot.Plot, series analyze.OverheadSeries, unit float64, style draw.LineStyle, color rgb) bool {
	var line plotter.XYs
	var glyphs marks
	var bars errorBars
	for _, pt := range series.Points {
		if pt.Count == 0 {
			continue
		}
		x := float64(pt.Size) / unit
		line = append(line, plotter.XY{X: x, Y: pt.Median.V})
		glyphs = append(glyphs, mark{x, pt.Median.V, medianGlyph(color)})
		bars = append(bars, errorBar{x, pt.P25.V, pt.P75.V, draw.LineStyle{Color: color, Width: 0.9}})
	}
	if line == nil {
		return false
	}
	p.Add(&plotter.Line{XYs: line, LineStyle: style}, glyphs, bars)
	return true
}
