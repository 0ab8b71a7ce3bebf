package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// The names of the plot and of the table of where the time of cold starts went, within the run's folder.
const (
	PartsPlot  = "cold_breakdown.png"
	PartsTable = "cold_breakdown.csv"
)

// Parts draws where the time of cold starts went, sub-experiment by sub-experiment, into the run's folder.
func (d *Drawing) Parts(dir string, all []analyze.Summary) {
	f, err := partsFigure(all)
	d.add(dir, PartsPlot, f, err)
}

// WriteParts writes the table behind the plot of where the time of cold starts went. Where no sub-experiment has parts
// there is none.
func WriteParts(dir string, all []analyze.Summary) error {
	if !slices.ContainsFunc(all, func(s analyze.Summary) bool { return s.ColdParts.Count > 0 }) {
		return nil
	}
	err := wholefile.Replace(filepath.Join(dir, PartsTable), func(w io.Writer) error {
		return analyze.WritePartsCSV(w, all)
	})
	if err != nil {
		return fmt.Errorf("write the parts of cold starts: %w", err)
	}
	return nil
}

// partColors are those of the parts, in their order: sky blue, bluish green, blue, orange.
func partColors() []color.Color {
	return []color.Color{rgb(0x56b4e9), rgb(0x009e73), coldColor, warmColor}
}

// partsFigure is a stacked bar for each sub-experiment that has parts.
func partsFigure(all []analyze.Summary) (figure, error) {
	drawn := stacked{colors: partColors()}
	var ticks plot.ConstantTicks
	cold, top := 0, 0.0
	for _, s := range all {
		if s.ColdParts.Count == 0 {
			continue
		}
		at := len(drawn.bars)
		b := bar{first: at, last: at}
		for _, p := range s.ColdParts.Each() {
			b.heights = append(b.heights, p.MS.V)
		}
		drawn.bars = append(drawn.bars, b)
		ticks = append(ticks, plot.Tick{Value: float64(at), Label: fmt.Sprintf("#%d", s.Index)})
		cold += s.ColdParts.Count
		top = math.Max(top, s.ColdParts.Sum().V)
	}
	n := len(drawn.bars)
	if n == 0 {
		return figure{}, fail.Skip{Reason: "no cold request is divided into parts: that takes the platform's reports " +
			"and warm requests of the same endpoint"}
	}
	if n <= fewBars {
		ticks = nil
		for _, s := range all {
			if s.ColdParts.Count > 0 {
				ticks = append(ticks, plot.Tick{Value: float64(len(ticks)), Label: plotTitle(s)})
			}
		}
	}
	drawn.gap = barGap(n, n, 1)
	p := newPlot("Sub-experiment", "Client latency (ms, mean)", grid{horizontal: true})
	p.X.Min, p.X.Max, p.X.Tick.Marker = -0.5, float64(n)-0.5, ticks
	p.Y.Min, p.Y.Max = 0, top*1.04
	p.Y.Tick.Marker = linear{want: 7}
	p.Add(drawn)
	f := figure{title: "Where the time of cold starts goes", plot: p,
		subtitle: fmt.Sprintf("n = %s cold requests; residual: sandbox and package, which no platform reports",
			grouped(cold))}
	for i, name := range []string{"network", "residual", "start (init or restore)", "first request"} {
		f.legend = append(f.legend, key{label: name, box: drawn.colors[i]})
	}
	return f, nil
}

// fewBars is how many bars have room for titles under them.
const fewBars = 4
