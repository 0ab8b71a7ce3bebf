package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// InstancesFile is the name of the plot of instances over time, within a sub-experiment's folder.
const InstancesFile = "instances.png"

// Instances draws how many instances were alive over the time of a sub-experiment.
func (d *Drawing) Instances(dir string, s analyze.Summary) {
	f, err := instancesFigure(s)
	d.add(dir, InstancesFile, f, err)
}

// stepColumns is how many steps are told apart over the width of a page; markColumns how many cold starts.
const (
	stepColumns = 1500
	markColumns = 150
)

// instancesFigure shows the instances that were alive at each instant, as far as rows show: from an instance's first
// request to its last response. Cold starts are marked where they began.
func instancesFigure(s analyze.Summary) (figure, error) {
	lives := s.Instances.Lives
	if len(lives) == 0 {
		return figure{}, fail.Skip{Reason: "no request says which instance answered it"}
	}
	curve := aliveOver(lives)
	p := newPlot("Time since the first request (s)", "Instances", grid{horizontal: true})
	p.X.Min, p.X.Max = 0, curve.end
	p.X.Tick.Marker = linear{want: 9}
	p.Y.Min, p.Y.Max = 0, curve.most*1.06
	p.Y.Tick.Marker = linear{want: 7, whole: true}
	line := draw.LineStyle{Color: warmColor, Width: curveWidth}
	glyph := tailGlyph(coldColor)
	p.Add(&plotter.Line{XYs: curve.steps, LineStyle: line}, curve.colds(glyph))
	f := figure{title: plotTitle(s), plot: p, legend: []key{{label: "instances that serve", line: &line}},
		subtitle: fmt.Sprintf("%s, %s requests each, median life %s s", counted(len(lives), "instance"),
			s.Instances.Requests.Format(1), s.Instances.Lifetime50.Format(1))}
	if len(curve.starts) > 0 {
		f.legend = append(f.legend, key{label: fmt.Sprintf("cold starts (%s)", grouped(curve.cold)), glyph: &glyph})
	}
	return f, nil
}

// aliveCurve is the number of instances over time, in s.
type aliveCurve struct {
	end, most float64
	steps     plotter.XYs
	starts    plotter.XYs // cold starts, those that would hide each other only once
	cold      int
}

// turn is one instance more, or one less.
type turn struct {
	at float64
	by int
}

func aliveOver(lives []analyze.Life) aliveCurve {
	var c aliveCurve
	began := lives[0].First
	changes := make([]turn, 0, 2*len(lives))
	for _, l := range lives {
		from, to := l.First.Sub(began).Seconds(), l.Last.Sub(began).Seconds()
		changes = append(changes, turn{from, 1}, turn{to, -1})
		c.end = math.Max(c.end, to)
	}
	if c.end == 0 {
		c.end = 1e-3 // all at one instant
	}
	slices.SortFunc(changes, func(a, b turn) int {
		if a.at != b.at {
			return int(math.Copysign(1, a.at-b.at))
		}
		return b.by - a.by // one that begins when another one ends lives beside it for a moment
	})
	c.step(changes)
	c.mark(lives, changes)
	return c
}

// step makes the curve. Of changes in one column of the page only the most instances are drawn, so that a short peak is
// seen.
func (c *aliveCurve) step(changes []turn) {
	width := c.end / stepColumns
	alive := 0
	for i := 0; i < len(changes); {
		column, before := math.Floor(changes[i].at/width), alive
		most := before
		at := changes[i].at
		for ; i < len(changes) && math.Floor(changes[i].at/width) == column; i++ {
			alive += changes[i].by
			most = max(most, alive)
		}
		c.most = math.Max(c.most, float64(most))
		if most != before {
			c.steps = append(c.steps, plotter.XY{X: at, Y: float64(before)}, plotter.XY{X: at, Y: float64(most)})
		}
		if most != alive {
			end := changes[i-1].at
			c.steps = append(c.steps, plotter.XY{X: end, Y: float64(most)}, plotter.XY{X: end, Y: float64(alive)})
		}
	}
}

// mark puts a mark at the cold starts: on the curve, at the number of instances right after it.
func (c *aliveCurve) mark(lives []analyze.Life, changes []turn) {
	width, last := c.end/markColumns, math.Inf(-1)
	alive, i := 0, 0
	for _, l := range lives {
		if !l.Cold {
			continue
		}
		c.cold++
		at := l.First.Sub(lives[0].First).Seconds()
		for ; i < len(changes) && (changes[i].at < at || changes[i].at == at && changes[i].by > 0); i++ {
			alive += changes[i].by
		}
		if at-last >= width {
			c.starts = append(c.starts, plotter.XY{X: at, Y: float64(alive)})
			last = at
		}
	}
}

func (c *aliveCurve) colds(glyph draw.GlyphStyle) marks {
	out := make(marks, 0, len(c.starts))
	for _, at := range c.starts {
		out = append(out, mark{at.X, at.Y, glyph})
	}
	return out
}
