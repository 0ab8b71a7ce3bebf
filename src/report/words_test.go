package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// between is an estimate with an interval.
func between(v, low, high float64) analyze.Estimate {
	return analyze.Estimate{Value: analyze.Of(v), Low: analyze.Of(low), High: analyze.Of(high)}
}

// TestComparisonWords: a sentence for each finding, with keys where a value alone says nothing, and units once.
func TestComparisonWords(t *testing.T) {
	words := analyze.Axis{Key: "Runtime"}
	sizes := analyze.Axis{Key: "FunctionImageSizeMB", Unit: "MiB", Values: []float64{10, 50, 100}}
	keep := analyze.Axis{Key: "Platform.KeepAliveSeconds", Unit: "s", Values: []float64{0.05, 600}}
	points := func(labels ...string) (out []analyze.Point) {
		for i, l := range labels {
			out = append(out, analyze.Point{Sub: i, Label: l, X: float64(10 + 40*i), Enough: true})
		}
		return out
	}
	pair := func(first, second string, ratio analyze.Estimate, differs bool) analyze.Pair {
		return analyze.Pair{First: first, Second: second, Ratio: ratio, Difference: between(168, 163, 176),
			Differs: differs}
	}
	slope, falling := between(0.5, 0.4, 0.6), between(-0.02, -0.03, -0.01)
	for want, c := range map[string]analyze.Comparison{
		"no comparison: it needs two values with cold requests in 6 bursts each": {Axis: words, Part: "cold",
			Lines: []analyze.Line{{Finding: analyze.FindingLittle}}},
		"no difference found (smaller than 0.3 %)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingNone, Smaller: analyze.Of(0.0021)}}},
		"no difference found (smaller than 13 %)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingNone, Smaller: analyze.Of(0.121)}}},
		"no difference found (smaller than 2.5 times)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingNone, Smaller: analyze.Of(1.42)}}},
		"Zip is faster; Image 29.2 times (27.9 … 30.4), 168 ms more (163 … 176)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingDifferences, Points: points("Zip", "Image"),
				Fastest: []int{0}}},
			Pairs: []analyze.Pair{pair("Zip", "Image", between(29.2, 27.9, 30.4), true)}},
		"0.05 s is faster; 600 s 2.00 times (1.50 … 2.50), 168 ms more (163 … 176)": {Axis: keep,
			Lines: []analyze.Line{{Finding: analyze.FindingDifferences, Points: points("0.05", "600"),
				Fastest: []int{0}}},
			Pairs: []analyze.Pair{pair("0.05", "600", between(2, 1.5, 2.5), true)}},
		"FillerRead=false is faster; FillerRead=true 2.00 times (1.50 … 2.50), 168 ms more (163 … 176)": {
			Axis: analyze.Axis{Key: "FillerRead"},
			Lines: []analyze.Line{{Finding: analyze.FindingDifferences, Points: points("false", "true"),
				Fastest: []int{0}}},
			Pairs: []analyze.Pair{pair("false", "true", between(2, 1.5, 2.5), true)}},
		"go is fastest; java21 17.2 times (15.1 … 19.3), ruby3.3 14.0 times (13.0 … 15.0)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingDifferences, Points: points("go", "java21", "ruby3.3"),
				Fastest: []int{0}}},
			Pairs: []analyze.Pair{pair("go", "java21", between(17.2, 15.1, 19.3), true),
				pair("go", "ruby3.3", between(14, 13, 15), true)}},
		"go and rust are fastest, no difference found between them (smaller than 3 %); java21 17.2 times (15.1 … 19.3)": {
			Axis: words, Lines: []analyze.Line{{Finding: analyze.FindingDifferences,
				Points: points("go", "rust", "java21"), Fastest: []int{0, 1}, Smaller: analyze.Of(0.03)}},
			Pairs: []analyze.Pair{pair("go", "rust", between(1, 0.97, 1.03), false),
				pair("go", "java21", between(17.2, 15.1, 19.3), true)}},
		"no difference found between go, the fastest, and the others (smaller than 30 %)": {Axis: words,
			Lines: []analyze.Line{{Finding: analyze.FindingDifferences, Points: points("go", "rust", "java21"),
				Fastest: []int{0, 1, 2}, Smaller: analyze.Of(0.3)}}},
		"each 10 MiB takes 5 ms more (4 … 6); a straight line fits (lack-of-fit test: p = 0.42)": {Axis: sizes,
			Lines: []analyze.Line{{Finding: analyze.FindingLine, Slope: &slope, FitP: analyze.Of(0.42),
				Points: points("10", "50", "90")}}},
		"each 10 of Bursts takes 0.2 ms less (0.1 … 0.3); a straight line fits (lack-of-fit test: p = 0.061)": {
			Axis: analyze.Axis{Key: "Bursts", Values: []float64{10, 50, 90}},
			Lines: []analyze.Line{{Finding: analyze.FindingLine, Slope: &falling, FitP: analyze.Of(0.061),
				Points: points("10", "50", "90")}}},
		"a step between 50 MiB and 100 MiB: 1.50 times (1.42 … 1.58), 40 ms more (30 … 50); no difference found " +
			"below it or above it": {Axis: sizes, Lines: []analyze.Line{{Finding: analyze.FindingStep,
			Step: &analyze.Step{Before: "50", After: "100", Ratio: between(1.5, 1.42, 1.58),
				Difference: between(40, 30, 50)}}}},
		"A=1: no straight line fits (lack-of-fit test: p < 0.001); 10 MiB is fastest; 50 MiB 2.00 times (1.50 … 2.50), " +
			"100 MiB 3.00 times (2.50 … 3.50)": {Axis: sizes, Lines: []analyze.Line{{Name: "A=1",
			Finding: analyze.FindingDifferences, FitP: analyze.Of(0.0001), Points: points("10", "50", "100"),
			Fastest: []int{0}}},
			Pairs: []analyze.Pair{{Line: "A=1", First: "10", Second: "50", Ratio: between(2, 1.5, 2.5), Differs: true},
				{Line: "A=1", First: "10", Second: "100", Ratio: between(3, 2.5, 3.5), Differs: true}}},
	} {
		if got := ComparisonWords(c); len(got) != 1 || got[0] != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}

// TestStraysAreNoPoints: a value with too few requests is in neither the plot nor its count, and ticks are at the
// values that were swept, with the labels that have room.
func TestStraysAreNoPoints(t *testing.T) {
	c := compared(t)[2]
	of := func() (figure, error) { return comparisonFigure(c) }
	whole, err := of()
	if err != nil || !strings.HasPrefix(whole.subtitle, "n = 234 ") {
		t.Fatalf("%+v, %v", whole, err)
	}
	var ticks []string
	for _, tick := range whole.plot.X.Tick.Marker.Ticks(0, 100) {
		ticks = append(ticks, fmt.Sprint(tick.Value, " ", tick.Label))
	}
	if got := strings.Join(ticks, ","); got != "10 10,50 50,100 100" {
		t.Errorf("ticks %s", got)
	}
	c.Lines[0].Points[0].Enough = false
	if less, err := of(); err != nil || !strings.HasPrefix(less.subtitle, "n = 199 ") {
		t.Errorf("%+v, %v; want 35 requests less", less.subtitle, err)
	}
	close := sweptTicks(map[float64]string{1: "1", 1.001: "1.001", 2: "2"}, axisRange{low: 1, high: 2})
	if len(close) != 3 || close[0].Label != "1" || close[1].Label != "" || close[2].Label != "2" {
		t.Errorf("ticks %+v", close)
	}
}
