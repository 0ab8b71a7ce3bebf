package analyze

import (
	"fmt"
	"math"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// sized makes a sub-experiment of bursts with one cold request each, around a median, and as many warm ones.
func sized(t *testing.T, index, bursts int, median float64) Summary {
	t.Helper()
	var rows []sample.Sample
	for b := range bursts {
		spread := float64(b*7%5-2) / 10
		rows = append(rows, row(b, median+spread, sample.Yes), row(b, 1+spread/10, sample.No))
	}
	return resampledSummary(t, rows, Identity{Index: index, Title: fmt.Sprint(index)})
}

func sizeAxes() []Axis {
	return []Axis{
		{Key: "PackageType", Labels: []string{"Zip", "Zip", "Zip", "Image", "Image", "Image"}},
		{Key: "FunctionImageSizeMB", Unit: "MiB", Labels: []string{"10", "50", "100", "10", "50", "100"},
			Values: []float64{10, 50, 100, 10, 50, 100}},
	}
}

func TestCompare(t *testing.T) {
	axes := sizeAxes()
	var all []Summary
	for i, median := range []float64{11, 15, 20, 100, 100, 100} { // ZIP: 0.1 ms a MiB; images: nothing
		all = append(all, sized(t, i, 40, median))
	}
	got := Compare(all, axes)
	if len(got) != 4 || got[0].Part != "cold" || got[1].Part != "warm" || len(got[0].Lines) != 3 ||
		len(got[2].Lines) != 2 || got[0].Name != "PackageType" || got[1].Name != "PackageType-warm" {
		t.Fatalf("%+v", got)
	}
	size := got[2]
	if size.Lines[0].Name != "PackageType=Zip" || size.Lines[1].Name != "PackageType=Image" ||
		got[0].Lines[2].Name != "FunctionImageSizeMB=100" {
		t.Errorf("lines %q, %q and %q", size.Lines[0].Name, size.Lines[1].Name, got[0].Lines[2].Name)
	}
	s := size.Lines[0].Slope
	if s == nil || math.Abs(s.Value.V-0.1) > 0.002 || s.Low.V > 0.1 || s.High.V < 0.1 || s.Low.V < 0.09 ||
		s.High.V > 0.11 || size.Lines[0].Finding != FindingLine {
		t.Errorf("slope of ZIP: %+v, want 0.1 within its interval", s)
	}
	if l := size.Lines[1]; l.Slope != nil || l.Finding != FindingNone || len(l.Fastest) != 3 || l.Smaller.V > 0.01 {
		t.Errorf("images: %+v", l)
	}
	p := size.Lines[0].Points[1]
	if p.X != 50 || p.Cold != Of(40) || p.Count != 80 || p.N != 40 || !p.Enough || p.MainP50.Value.V != 15 ||
		!p.MainP50.Low.OK || p.MainP50.Low.V > 15 || p.MainP50.High.V < 15 {
		t.Errorf("point %+v", p)
	}
	if p.MainP99.Low.OK || p.MainP99.Value.V != 15.2 || p.WarmP50.Value.V != 1 {
		t.Errorf("p99 of 40: %+v; warm %+v", p.MainP99, p.WarmP50)
	}
	if len(size.Pairs) != 4 || len(got[0].Pairs) != 3 {
		t.Fatalf("pairs %+v and %+v", size.Pairs, got[0].Pairs)
	}
	pair := got[0].Pairs[0]
	if pair.First != "Zip" || pair.Second != "Image" || pair.Line != "FunctionImageSizeMB=10" ||
		math.Abs(pair.Difference.Value.V-89) > 1e-9 || !pair.Differs ||
		pair.Difference.Low.V > 89 || pair.Difference.High.V < 89 || math.Abs(pair.Ratio.Value.V-100.0/11) > 1e-9 {
		t.Errorf("pair %+v", pair)
	}
	all[0] = sized(t, 0, 40, 11)
	if again := Compare(all, axes); again[2].Lines[0].Slope.Low != size.Lines[0].Slope.Low {
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
		p[0].Enough || got[0].Lines[0].Slope != nil || got[0].Lines[0].Finding != FindingLittle {
		t.Errorf("points %+v", p)
	}
}

// Groups are compared within themselves only, and the strays of a part are not compared at all.
func TestCompareGroups(t *testing.T) {
	var all []Summary
	for i, cold := range []int{8, 8, 500, 500} { // warm with strays, and cold
		var rows []sample.Sample
		for b := range 500 {
			is := sample.No
			if b < cold {
				is = sample.Yes
			}
			rows = append(rows, row(b, float64(10*(i%2+1))+float64(b*7%5)/10, is))
		}
		all = append(all, resampledSummary(t, rows, Identity{Index: i}))
	}
	labels := []string{"go", "rust", "go", "rust"}
	got := Compare(all, []Axis{{Key: "Runtime", Labels: labels, Group: "warm one", Members: []int{0, 1}},
		{Key: "Runtime", Labels: labels, Group: "cold/one", Members: []int{2, 3}}})
	if len(got) != 2 || got[0].Name != "warm-one-Runtime" || got[0].Part != "warm" ||
		got[1].Name != "cold-one-Runtime" || got[1].Part != "cold" {
		t.Fatalf("%+v", got)
	}
	for _, c := range got {
		if len(c.Lines) != 1 || len(c.Lines[0].Points) != 2 || len(c.Pairs) != 1 || !c.Pairs[0].Differs ||
			c.Lines[0].Finding != FindingDifferences {
			t.Errorf("%+v", c)
		}
	}
}
