package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

func labels(ticks []plot.Tick) (labelled []string, minor int) {
	for _, t := range ticks {
		if t.IsMinor() {
			minor++
			continue
		}
		labelled = append(labelled, t.Label)
	}
	return labelled, minor
}

func TestTicks(t *testing.T) {
	var out strings.Builder
	show := func(name string, ticker plot.Ticker, low, high float64) {
		major, minor := labels(ticker.Ticks(low, high))
		fmt.Fprintf(&out, "%s %g to %g: %s (and %d minor)\n", name, low, high, strings.Join(major, " "), minor)
	}
	for _, r := range [][2]float64{{0, 1}, {0, 7}, {1.1, 17.6}, {19.8, 24.1}, {0, 0.004}, {0, 123456}, {99.99, 100.01},
		{3, 3}, {5, 1}, {0, math.Inf(1)}, {math.NaN(), 1}} {
		show("linear", linear{want: 9}, r[0], r[1])
	}
	for _, r := range [][2]float64{{-0.5, 0.5}, {-0.5, 2.5}, {-0.5, 39.5}, {0, 1.04}, {-0.5, 2999.5}, {12.5, 14.5}} {
		show("whole", linear{want: 12, whole: true}, r[0], r[1])
	}
	for _, r := range [][2]float64{{0.9, 130}, {0.02, 3}, {1, 10}, {1, 6000}, {0.001, 100000}, {1e-3, 1e12}, {0, 10},
		{10, 10}, {1, math.Inf(1)}} {
		show("decades", decades{}, r[0], r[1])
	}
	goldentest.Check(t, out.String())
}

// On every axis that can occur labels must leave room between each other, ascend, and lie within the range.
func TestTickLabelsDoNotTouch(t *testing.T) {
	style := textStyle(textSize, inkColor)
	const axis = 7 * vg.Inch // the data area is a little wider
	check := func(name string, ticks []plot.Tick, low, high float64, norm plot.Normalizer, least int) {
		end, count, before := vg.Length(-1000), 0, math.Inf(-1)
		for _, tick := range ticks {
			if tick.Value <= before || tick.Value < low*(1-1e-6) || tick.Value > high*(1+1e-6) {
				t.Errorf("%s %g to %g: tick %g out of place", name, low, high, tick.Value)
			}
			before = tick.Value
			if tick.IsMinor() {
				continue
			}
			count++
			middle, width := vg.Length(norm.Normalize(low, high, tick.Value))*axis, style.Width(tick.Label)
			if middle-width/2 < end+3 {
				t.Errorf("%s %g to %g: label %s touches the one before", name, low, high, tick.Label)
			}
			end = middle + width/2
		}
		if count < least || count > 16 {
			t.Errorf("%s %g to %g: %d labels", name, low, high, count)
		}
	}
	for _, low := range []float64{0.001, 0.013, 0.9, 1, 2.7, 80, 999} {
		for _, factor := range []float64{10.5, 33, 150, 999, 5100, 1e5, 1e7, 1e10} {
			a, b := logRange(low, low*factor)
			check("decades", decades{}.Ticks(a, b), a, b, plot.LogScale{}, 2)
		}
		for _, factor := range []float64{1, 1.0001, 1.3, 2, 5, 10, 100} {
			a, b := linearRange(low, low*factor)
			check("linear", linear{want: 9}.Ticks(a, b), a, b, plot.LinearScale{}, 3)
		}
	}
}

func TestRanges(t *testing.T) {
	if low, high := linearRange(0, 0); low != 0 || high <= 0 {
		t.Errorf("range of zeros: %g to %g", low, high)
	}
	if low, high := linearRange(0.1, 10); low != 0 || high <= 10 {
		t.Errorf("range that would reach below zero: %g to %g", low, high)
	}
	for _, c := range []struct {
		name string
		s    [][]float64
		log  bool
	}{
		{"a tail of exactly ten medians", [][]float64{{1, 2, 20}}, false},
		{"a longer tail", [][]float64{{1, 2, 20.1}}, true},
		{"a zero has no logarithm", [][]float64{{0, 2, 2000}}, false},
		{"two samples far apart", [][]float64{{2, 2}, {80, 90}}, true},
		{"two samples close to each other", [][]float64{{2, 2}, {3, 9}}, false},
	} {
		var extents []extent
		for _, s := range c.s {
			extents = append(extents, extentOf(s))
		}
		if r := latencyRange(extents...); r.log != c.log {
			t.Errorf("%s: logarithmic %v", c.name, r.log)
		}
	}
}
