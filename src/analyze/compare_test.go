package analyze

import (
	"fmt"
	"math"
	"testing"

	"stellar/src/sample"
)

// sized makes a sub-experiment of bursts with one cold request each, around a median, and as many warm ones.
func sized(t *testing.T, index, bursts int, median float64) Summary {
	t.Helper()
	var rows []sample.Sample
	for b := range bursts {
		spread := float64(b%5-2) / 10
		rows = append(rows, row(b, median+spread, sample.Yes), row(b, 1+spread/10, sample.No))
	}
	return resampledSummary(t, rows, Identity{Index: index, Title: fmt.Sprint(index)})
}

func TestCompare(t *testing.T) {
	axes := []Axis{
		{Key: "PackageType", Labels: []string{"Zip", "Zip", "Zip", "Image", "Image", "Image"}},
		{Key: "FunctionImageSizeMB", Unit: "MiB", Labels: []string{"10", "50", "100", "10", "50", "100"},
			Values: []float64{10, 50, 100, 10, 50, 100}},
	}
	var all []Summary
	for i, median := range []float64{11, 15, 20, 100, 100, 100} { // ZIP: 0.1 ms a MiB; images: nothing
		all = append(all, sized(t, i, 40, median))
	}
	got := Compare(all, axes)
	if len(got) != 2 || got[0].Part != "cold" || len(got[0].Lines) != 3 || len(got[1].Lines) != 2 {
		t.Fatalf("%+v", got)
	}
	size := got[1]
	if size.Lines[0].Name != "Zip" || size.Lines[1].Name != "Image" || got[0].Lines[2].Name != "100 MiB" {
		t.Errorf("lines %q, %q and %q", size.Lines[0].Name, size.Lines[1].Name, got[0].Lines[2].Name)
	}
	for i, want := range []float64{0.1, 0} {
		s := size.Lines[i].Slope
		if s == nil || math.Abs(s.Value.V-want) > 0.002 || s.Low.V > want || s.High.V < want || s.Low.V < want-0.01 ||
			s.High.V > want+0.01 {
			t.Errorf("slope of %s: %+v, want %g within its interval", size.Lines[i].Name, s, want)
		}
	}
	p := size.Lines[0].Points[1]
	if p.X != 50 || p.Cold != 40 || p.Count != 80 || p.MainP50.Value.V != 15 || !p.MainP50.Low.OK ||
		p.MainP50.Low.V > 15 || p.MainP50.High.V < 15 {
		t.Errorf("point %+v", p)
	}
	if p.MainP99.Low.OK || p.MainP99.Value.V != 15.2 || p.WarmP50.Value.V != 1 {
		t.Errorf("p99 of 40: %+v; warm %+v", p.MainP99, p.WarmP50)
	}
	if len(size.Pairs) != 0 || len(got[0].Pairs) != 3 {
		t.Fatalf("pairs %+v and %+v", size.Pairs, got[0].Pairs)
	}
	pair := got[0].Pairs[0]
	if pair.First != "Zip" || pair.Second != "Image" || pair.Line != "10 MiB" ||
		math.Abs(pair.Difference.Value.V-89) > 1e-9 ||
		pair.Difference.Low.V > 89 || pair.Difference.High.V < 89 || math.Abs(pair.Ratio.Value.V-100.0/11) > 1e-9 {
		t.Errorf("pair %+v", pair)
	}
	all[0] = sized(t, 0, 40, 11)
	if again := Compare(all, axes); again[1].Lines[0].Slope.Low != size.Lines[0].Slope.Low {
		t.Error("the same seed gives another interval")
	}
}

// Without a word on cold starts all requests are compared; few bursts have no intervals; a sub-experiment without data
// is a point without values.
func TestCompareLittle(t *testing.T) {
	axes := []Axis{{Key: "Runtime", Labels: []string{"go", "rust", "java21"}}}
	few := resampledSummary(t, []sample.Sample{row(0, 5, sample.Unknown), row(1, 6, sample.Unknown)},
		Identity{Index: 0})
	none := resampledSummary(t, nil, Identity{Index: 1})
	failedOnly := resampledSummary(t, []sample.Sample{failed(0, sample.Timeout)}, Identity{Index: 2})
	got := Compare([]Summary{few, none, failedOnly}, axes)
	if len(got) != 1 || got[0].Part != "all" || len(got[0].Lines) != 1 || len(got[0].Lines[0].Points) != 3 {
		t.Fatalf("%+v", got)
	}
	p := got[0].Lines[0].Points
	if p[0].MainP50.Value.V != 5 || p[0].MainP50.Low.OK || p[1].MainP50.Value.OK || p[2].Errors != 1 ||
		got[0].Lines[0].Slope != nil {
		t.Errorf("points %+v", p)
	}
}
