package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The names of the plots of data-transfer: of the hops, in the folder of a sub-experiment, and of the sizes of
// payloads, in that of the run.
const (
	TransfersFile = "transfers_CDF.png"
	SizesFile     = "payload_sizes.png"
)

// maxHopCurves is how many hops have a curve of their own.
const maxHopCurves = 8

// transfersFigure is the distribution of the corrected transfers: of each hop where they are few, and of the store's
// operations.
func transfersFigure(s analyze.Summary) (figure, error) {
	t := s.Transfers
	var curves []curve
	add := func(label string, of analyze.Spread) {
		if of.Count == 0 {
			return
		}
		i := len(curves)
		curves = append(curves, curve{cdf: of.CDF, p50: of.P50, p99: of.P99,
			label: fmt.Sprintf("%s (n = %s)", label, grouped(of.Count)),
			style: draw.LineStyle{Color: seriesColor(i), Width: curveWidth, Dashes: seriesDashes(i)}})
	}
	if len(t.Hops) <= maxHopCurves {
		for k, h := range t.Hops {
			add(fmt.Sprintf("hop %d, %d to %d", k, h.From, h.To), h.Transfer)
		}
	} else {
		add(fmt.Sprintf("all %d hops", len(t.Hops)), t.All.Transfer)
	}
	add("put", t.All.Put)
	add("first byte of get", t.All.FirstByte)
	add("get", t.All.Get)
	if len(curves) == 0 {
		return figure{}, fail.Skip{Reason: s.Title + ": no function has told of a transfer"}
	}
	r := rangeOf(curves)
	if low := lowest(curves); low < 0 { // a transfer that is shorter than its error
		r.low = low - 0.04*(r.high-low)
	}
	label := "Transfer, corrected by the clocks' offset (ms)"
	if r.log {
		label = "Transfer, corrected by the clocks' offset (ms, log scale)"
	}
	f := figure{title: "Transfers of " + plotTitle(s),
		subtitle: fmt.Sprintf("%d B %s, n = %s requests, median error at most %s", t.PayloadBytes, t.Way,
			grouped(t.Rows), duration(t.All.Error.P50)),
		plot: curvesPlot(curves, r, label, "Fraction of transfers")}
	for _, c := range curves {
		f.legend = append(f.legend, key{label: c.label, line: &c.style})
	}
	return f, nil
}

// lowest is the smallest value of curves.
func lowest(curves []curve) float64 {
	low := math.Inf(1)
	for _, c := range curves {
		low = math.Min(low, c.cdf.X[0])
	}
	return low
}

// Sizes draws the latency of chains against the size of the payload, inline and through storage. Where fewer than two
// sizes were measured there is no plot.
func (d *Drawing) Sizes(dir string, all []analyze.Summary) {
	f, err := sizesFigure(all)
	d.add(dir, SizesFile, f, err)
}

// sizesFigure has the median and the p99 of each way, on logarithmic axes. A payload of no bytes has no place there.
func sizesFigure(all []analyze.Summary) (figure, error) {
	series := analyze.BySize(all)
	var xs, ys []float64
	for _, s := range series {
		for _, p := range slices.Concat(s.Inline, s.Stored) {
			if p.Bytes > 0 && p.Median.V > 0 {
				xs, ys = append(xs, float64(p.Bytes)), append(ys, p.Median.V, p.P99.V)
			}
		}
	}
	if len(xs) == 0 || slices.Min(xs) == slices.Max(xs) {
		return figure{}, fail.Skip{Reason: "fewer than two sizes of payloads were measured"}
	}
	p := newPlot("Payload (log scale)", "Latency of the whole chain (ms, log scale)", grid{})
	x, y := axisRange{log: true}, axisRange{log: true}
	x.low, x.high = logRange(slices.Min(xs), slices.Max(xs))
	y.low, y.high = logRange(slices.Min(ys), slices.Max(ys))
	x.apply(&p.X)
	// The plotting library places the label of a logarithmic axis by its arithmetic middle, above the plot.
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker = math.Log10(y.low), math.Log10(y.high), exponents{}
	p.X.Tick.Marker = byteTicks(xs)
	f := figure{title: "Latency by size of the payload", subtitle: winners(series), plot: p}
	lines := 0
	for _, s := range series {
		for i, points := range [][]analyze.SizePoint{s.Inline, s.Stored} {
			if len(points) == 0 {
				continue
			}
			name := []string{analyze.Inline, analyze.Storage}[i]
			if s.Name != "" {
				name += " (" + s.Name + ")"
			}
			median := draw.LineStyle{Color: seriesColor(lines), Width: curveWidth}
			tail := median
			tail.Dashes = []vg.Length{5, 3}
			drawSizes(p, points, false, median)
			drawSizes(p, points, true, tail)
			f.legend = append(f.legend, key{label: name + ", median", line: &median},
				key{label: name + ", p99", line: &tail})
			lines++
		}
	}
	return f, nil
}

// drawSizes draws one line of the sizes' plot with its points.
func drawSizes(p *plot.Plot, points []analyze.SizePoint, tail bool, style draw.LineStyle) {
	var line plotter.XYs
	var glyphs marks
	for _, pt := range points {
		v, glyph := pt.Median, medianGlyph(style.Color)
		if tail {
			v, glyph = pt.P99, tailGlyph(style.Color)
		}
		if pt.Bytes > 0 && v.V > 0 {
			line = append(line, plotter.XY{X: float64(pt.Bytes), Y: math.Log10(v.V)})
			glyphs = append(glyphs, mark{float64(pt.Bytes), math.Log10(v.V), glyph})
		}
	}
	if line != nil {
		p.Add(&plotter.Line{XYs: line, LineStyle: style}, glyphs)
	}
}

// winners says from which size on storage is the faster way.
func winners(series []analyze.SizeSeries) string {
	var said []string
	for _, s := range series {
		if len(s.Inline) == 0 || len(s.Stored) == 0 {
			continue
		}
		text := "inline has the smaller median at every size that both were measured at"
		if s.Wins > 0 {
			text = "storage has the smaller median from " + payloadSize(s.Wins) + " on"
		}
		if s.Name != "" {
			text = s.Name + ": " + text
		}
		said = append(said, text)
	}
	if said == nil {
		return "of the whole chain, one way was measured"
	}
	return strings.Join(said, "; ")
}

// payloadSize writes a size with the unit that suits it: payloads are from a byte to a GiB.
func payloadSize(n int64) string {
	for _, u := range []struct {
		size bytesize.Size
		name string
	}{{bytesize.GiB, "GiB"}, {bytesize.MiB, "MiB"}, {bytesize.KiB, "KiB"}} {
		if n >= int64(u.size) {
			return fmt.Sprintf("%.3g %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// byteTicks are labelled ticks at the sizes that were measured, thinned where they would touch.
func byteTicks(sizes []float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	last := 0.0
	for _, v := range slices.Compact(slices.Sorted(slices.Values(sizes))) {
		t := plot.Tick{Value: v}
		if last == 0 || v/last > 2.5 {
			t.Label, last = payloadSize(int64(v)), v
		}
		ticks = append(ticks, t)
	}
	return ticks
}
