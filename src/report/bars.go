package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// maxBars is the number of bars that can be distinguished on a page; with more bursts, several share a bar.
const maxBars = 120

// segment is one colour of a stacked bar: what it counts, in each burst.
type segment struct {
	name  string
	color color.Color
	of    func(analyze.Burst) int
}

// byWord splits bursts by what the functions report; byThreshold by latency, if the file asks for that (`bar-<ms>`).
func byWord() []segment {
	return []segment{
		{"cold", coldColor, func(b analyze.Burst) int { return b.Cold }},
		{"warm", warmColor, func(b analyze.Burst) int { return b.Warm }},
		{"not said", unknownColor, func(b analyze.Burst) int { return b.Unknown }},
		failedSegment(),
	}
}

func byThreshold(ms float64) []segment {
	return []segment{
		{fmt.Sprintf("at least %s ms", trimmed(ms)), coldColor, func(b analyze.Burst) int { return b.Over(ms) }},
		{fmt.Sprintf("under %s ms", trimmed(ms)), warmColor,
			func(b analyze.Burst) int { return len(b.Latencies) - b.Over(ms) }},
		failedSegment(),
	}
}

func failedSegment() segment {
	return segment{"failed", failedColor, func(b analyze.Burst) int { return b.Errors }}
}

// bar is one bar of the chart: bursts first to last, and each segment's mean count over those of them that were sent.
type bar struct {
	first, last int
	heights     []float64
}

// barChart is bursts in bars: equally many burst numbers in each, and the total of each segment.
type barChart struct {
	bars   []bar
	perBar int
	totals []int // by segment
}

// burstBars puts bursts, in any order, into at most maxBars bars.
func burstBars(bursts analyze.Bursts, segments []segment) barChart {
	c := barChart{totals: make([]int, len(segments))}
	low, high := math.MaxInt, math.MinInt
	for b := range bursts.All() {
		low, high = min(low, b.Number), max(high, b.Number)
	}
	if bursts.Len() == 0 {
		return c
	}
	c.perBar = (high-low)/maxBars + 1
	all := make([]bar, (high-low)/c.perBar+1)
	sent := make([]int, len(all))
	for b := range bursts.All() {
		i := (b.Number - low) / c.perBar
		at := &all[i]
		if sent[i] == 0 {
			*at = bar{first: low + i*c.perBar, last: min(low+(i+1)*c.perBar-1, high), heights: make([]float64,
				len(segments))}
		}
		sent[i]++
		for k, s := range segments {
			// A running mean, so that no second pass over the bar's bursts is needed.
			n := s.of(b)
			at.heights[k] += (float64(n) - at.heights[k]) / float64(sent[i])
			c.totals[k] += n
		}
	}
	for i, b := range all {
		if sent[i] > 0 {
			c.bars = append(c.bars, b)
		}
	}
	return c
}

// stacked draws bars with their segments one above the other.
type stacked struct {
	bars   []bar
	colors []color.Color
	gap    vg.Length // between two bars
}

// Plot draws the bars.
func (s stacked) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, b := range s.bars {
		left, right := x(float64(b.first)-0.5)+s.gap/2, x(float64(b.last)+0.5)-s.gap/2
		base := 0.0
		for k, h := range b.heights {
			if h <= 0 {
				continue
			}
			rectangle(c, s.colors[k], left, right, y(base), y(base+h))
			base += h
		}
	}
}

// barsFigure is the count of cold and warm requests in each burst; thresholdMS 0 means by the functions' reports.
func barsFigure(s analyze.Summary, thresholdMS float64) (figure, error) {
	if s.Bursts.Len() == 0 {
		return figure{}, fail.Skip{Reason: noData(s)}
	}
	segments, how := byWord(), "cold and warm as the function reports"
	if thresholdMS > 0 {
		segments, how = byThreshold(thresholdMS), "split by latency"
	}
	chart := burstBars(s.Bursts, segments)
	bars, perBar := chart.bars, chart.perBar
	first, last := bars[0].first, bars[len(bars)-1].last
	xLabel, yLabel := "Burst", "Requests"
	if perBar > 1 {
		xLabel = fmt.Sprintf("Burst (%d in each bar)", perBar)
		yLabel = "Requests per burst (mean)"
	}
	p := newPlot(xLabel, yLabel, grid{horizontal: true})
	p.X.Min, p.X.Max = float64(first)-0.5, float64(last)+0.5
	p.X.Tick.Marker = linear{want: 12, whole: true}
	p.Y.Min, p.Y.Max = 0, tallest(bars)*1.04
	p.Y.Tick.Marker = linear{want: 7, whole: perBar == 1}
	drawn := stacked{bars: bars, gap: barGap(len(bars), last-first+1, perBar)}
	f := figure{title: plotTitle(s), subtitle: subtitle(s, counted(s.Bursts.Len(), "burst")+", "+how), plot: p}
	for k, g := range segments {
		drawn.colors = append(drawn.colors, g.color)
		if total := chart.totals[k]; total > 0 {
			f.legend = append(f.legend, key{label: fmt.Sprintf("%s (%s)", g.name, grouped(total)), box: g.color})
		}
	}
	p.Add(drawn)
	return f, nil
}

// tallest is the height of the tallest bar, at least one request's fraction.
func tallest(bars []bar) float64 {
	top := 0.0
	for _, b := range bars {
		sum := 0.0
		for _, h := range b.heights {
			sum += h
		}
		top = math.Max(top, sum)
	}
	if top == 0 {
		return 1
	}
	return top
}

// barGap leaves a fifth of each bar's width between bars, and no gap if that would be under a pixel or two.
func barGap(bars, numbers, perBar int) vg.Length {
	place := figureWidth * 0.85 * vg.Length(perBar) / vg.Length(max(numbers, 1))
	gap := place / 5
	if bars > maxBars/2 || gap < 0.8 {
		return 0
	}
	// A single burst would else fill the page.
	return max(gap, place-60)
}
