package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// binsOn are at most so many bins of a sample (ascending), Freedman-Diaconis. On a logarithmic axis, the bins are made
// from the logarithms, so that they look equally wide and a long tail does not press most of the sample into one of
// them.
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
