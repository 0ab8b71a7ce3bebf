package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The names of the plots of network-ping-pong.
const (
	RTTHistogramFile = "histogram.png"
	RTTFile          = "round-trips.png"
)

// maxRTTBins is the number of bins of a histogram of round trips: there may be a million of them.
const maxRTTBins = 2000

// rttAxis is the axis of round trips; it is logarithmic where few of them are far longer than most.
func rttAxis(p *analyze.PingPong) (axisRange, string) {
	r := latencyRange(extentOf(p.Sorted))
	if r.log {
		return r, "Round trip (ms, log scale)"
	}
	return r, "Round trip (ms)"
}

// rttSubtitle says how many exchanges there are.
func rttSubtitle(p *analyze.PingPong) string {
	return fmt.Sprintf("n = %s over %s, %s lost", grouped(p.Rows), p.Exchange, grouped(p.Lost))
}

func noTrips(s analyze.Summary) error {
	return fail.Skip{Reason: s.Title + ": no exchange is complete"}
}

// rttHistogram is the distribution of round trips.
func rttHistogram(s analyze.Summary) (figure, error) {
	sorted := s.PingPong.Sorted
	if len(sorted) == 0 {
		return figure{}, noTrips(s)
	}
	r, label := rttAxis(s.PingPong)
	h := binsOn(sorted, r.log, maxRTTBins)
	r.high = math.Max(r.high, h.Edges[len(h.Edges)-1])
	r.low = math.Min(r.low, math.Max(h.Edges[0], 0))
	p := newPlot(label, "Exchanges", grid{})
	r.apply(&p.X)
	p.Y.Min, p.Y.Max = 0, float64(slices.Max(h.Counts))*1.04
	p.Y.Tick.Marker = linear{want: 7, whole: true}
	median := draw.LineStyle{Color: inkColor, Width: 1.2}
	tail := draw.LineStyle{Color: inkColor, Width: 1.2, Dashes: []vg.Length{5, 3}}
	p.Add(binned{h}, verticals{{s.PingPong.P50.V, median}, {s.PingPong.P99.V, tail}})
	return figure{
		title:    "Round trips of " + plotTitle(s),
		subtitle: rttSubtitle(s.PingPong),
		plot:     p,
		legend: []key{
			{label: fmt.Sprintf("exchanges (%s)", counted(len(h.Counts), "bin")), box: coldColor},
			{label: "median " + duration(s.PingPong.P50), line: &median},
			{label: "p99 " + duration(s.PingPong.P99), line: &tail},
		},
	}, nil
}

// rttFigure is the round trips over time.
func rttFigure(s analyze.Summary) (figure, error) {
	if len(s.PingPong.Sorted) == 0 {
		return figure{}, noTrips(s)
	}
	r, label := rttAxis(s.PingPong)
	trips := s.PingPong.Trips
	p := newPlot("Time since the first exchange (s)", label, grid{})
	dots := tripDots{trips, func(ms float64) float64 { return ms }}
	if r.apply(&p.Y); r.log {
		// The plotting library places the label of a logarithmic axis by its arithmetic middle, above the plot.
		p.Y.Min, p.Y.Max, p.Y.Scale, p.Y.Tick.Marker = math.Log10(r.low), math.Log10(r.high), plot.LinearScale{},
			exponents{}
		dots.place = math.Log10
	}
	p.X.Min, p.X.Max = 0, math.Max(trips[len(trips)-1].Seconds, 0.001)
	p.X.Tick.Marker = linear{want: 9}
	lost := draw.GlyphStyle{Color: warmColor, Radius: 3, Shape: draw.CrossGlyph{}}
	p.Add(dots, lostMarks{trips, lost})
	legend := []key{{label: "exchange", box: coldColor}}
	if s.PingPong.Lost > 0 {
		legend = append(legend, key{label: fmt.Sprintf("lost (%s), at the top", grouped(s.PingPong.Lost)),
			glyph: &lost})
	}
	return figure{title: "Round trips of " + plotTitle(s) + " over time", subtitle: rttSubtitle(s.PingPong),
		legend: legend, plot: p}, nil
}

// exponents places the ticks of decades on an axis of decimal logarithms.
type exponents struct{}

// Ticks gives the labelled and the minor ticks between two logarithms, ascending.
func (exponents) Ticks(low, high float64) []plot.Tick {
	ticks := decades{}.Ticks(math.Pow(10, low), math.Pow(10, high))
	for i := range ticks {
		ticks[i].Value = math.Log10(ticks[i].Value)
	}
	return ticks
}

// tripDots draws a dot for each round trip, once where many fall on one place.
type tripDots struct {
	trips []analyze.Trip
	place func(ms float64) float64 // on the axis
}

// Plot draws the dots.
func (d tripDots) Plot(c draw.Canvas, p *plot.Plot) {
	const side = vg.Length(2)
	x, y := p.Transforms(&c)
	seen := map[[2]int]bool{}
	for _, t := range d.trips {
		if t.Lost {
			continue
		}
		at := vg.Point{X: x(t.Seconds), Y: y(d.place(t.MS))}
		place := [2]int{int(math.Round(float64(2 * at.X))), int(math.Round(float64(2 * at.Y)))}
		if !seen[place] {
			seen[place] = true
			rectangle(c, coldColor, at.X-side/2, at.X+side/2, at.Y-side/2, at.Y+side/2)
		}
	}
}

// lostMarks draws a cross at the top for each exchange that was lost.
type lostMarks struct {
	trips []analyze.Trip
	glyph draw.GlyphStyle
}

// Plot draws the crosses.
func (l lostMarks) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	for _, t := range l.trips {
		if t.Lost {
			c.DrawGlyph(l.glyph, vg.Point{X: x(t.Seconds), Y: c.Max.Y - l.glyph.Radius})
		}
	}
}
