package analyze

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// sweep makes sub-experiments whose requests are around the given medians. Requests of a burst share a shift, and where
// alike is over 0, neighbouring bursts share a part of theirs.
func sweep(t *testing.T, seed uint64, bursts int, alike float64, medians ...float64) []Summary {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 77))
	var all []Summary
	for i, median := range medians {
		c := NewCollector(Options{Identity: Identity{Index: i}, Resampling: &Resampling{Seed: seed, Draws: 300}})
		shift := rng.NormFloat64()
		for b := range bursts {
			shift = alike*shift + math.Sqrt(1-alike*alike)*rng.NormFloat64()
			for slot := range []int{1, 5}[b%2] {
				ms := median * math.Exp(0.1*shift+0.05*rng.NormFloat64())
				if rng.IntN(40) == 0 {
					ms *= 5
				}
				c.Add(&sample.Sample{Burst: b, Slot: slot, BurstSize: 1, Latency: time.Duration(ms * 1e6),
					Cost: math.NaN()})
			}
		}
		s, err := c.Summary()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// seedsOf is a number of seeds; under the race detector it is a tenth, and the suite runs all of them once without.
func seedsOf(n int) int {
	if raceEnabled {
		return n / 10
	}
	return n
}

// numbers is an axis of numbers.
func numbers(values ...float64) []Axis {
	a := Axis{Key: "FunctionImageSizeMB", Unit: "MiB", Values: values}
	for _, v := range values {
		a.Labels = append(a.Labels, fmt.Sprint(v))
	}
	return []Axis{a}
}

// One distribution under three values: a difference is claimed in at most 5 % of the sweeps, also where neighbouring
// bursts are alike, and whatever the axis.
func TestNoDifferenceIsClaimedWhereThereIsNone(t *testing.T) {
	words := []Axis{{Key: "Runtime", Labels: []string{"go", "rust", "java21"}}}
	seeds := seedsOf(200)
	for name, c := range map[string]struct {
		bursts int
		alike  float64
		axes   []Axis
	}{
		"few bursts": {8, 0, words}, "bursts": {30, 0, words}, "numbers": {20, 0, numbers(1, 2, 3)},
		"alike neighbours": {40, 0.5, words},
	} {
		claimed := 0
		for seed := range uint64(seeds) {
			got := Compare(sweep(t, seed, c.bursts, c.alike, 20, 20, 20), c.axes)
			if l := got[0].Lines[0]; l.Finding != FindingNone {
				claimed++
			}
		}
		if claimed > seeds*5/100 {
			t.Errorf("%s: a difference is claimed in %d of %d sweeps without one", name, claimed, seeds)
		}
	}
}

// Bursts of several sizes take as long as each other: their medians vary differently, and that of two requests is the
// shorter one. A difference is claimed in at most 5 % of the sweeps all the same.
func TestNoDifferenceIsClaimedBetweenSizesOfBursts(t *testing.T) {
	var axis = []Axis{{Key: "BurstSizes", Labels: []string{"1", "2", "4", "8"}}}
	claimed, seeds := 0, seedsOf(200)
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 78))
		var all []Summary
		for i, size := range []int{1, 2, 4, 8} {
			c := NewCollector(Options{Identity: Identity{Index: i}, Resampling: &Resampling{Seed: seed, Draws: 300}})
			for b := range 60 {
				for slot := range size {
					ms := 20 * math.Exp(0.2*rng.NormFloat64())
					c.Add(&sample.Sample{Burst: b, Slot: slot, BurstSize: size, Cost: math.NaN(),
						Latency: time.Duration(ms * 1e6)})
				}
			}
			s, err := c.Summary()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		if Compare(all, axis)[0].Lines[0].Finding != FindingNone {
			claimed++
		}
	}
	t.Logf("claimed in %d of %d", claimed, seeds)
	if claimed > seeds*5/100 {
		t.Errorf("a difference is claimed in %d of %d sweeps without one", claimed, seeds)
	}
}

// A run that drifts by a tenth hides no sub-experiment that takes twice as long.
func TestDriftHidesNoDifference(t *testing.T) {
	var all []Summary
	rng := rand.New(rand.NewPCG(12, 12))
	for i, median := range []float64{20, 20, 20, 20, 20, 40} {
		c := NewCollector(Options{Identity: Identity{Index: i}, Resampling: &Resampling{Seed: 1, Draws: 300}})
		for b := range 60 {
			ms := median * (1 + 0.1*float64(b)/60) * math.Exp(0.01*rng.NormFloat64())
			c.Add(&sample.Sample{Burst: b, BurstSize: 1, Latency: time.Duration(ms * 1e6), Cost: math.NaN()})
		}
		s, err := c.Summary()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	labels := []string{"go", "rust", "ruby", "python", "node", "java"}
	for _, p := range Compare(all, []Axis{{Key: "Runtime", Labels: labels}})[0].Pairs {
		if p.Differs != (p.Second == "java") {
			t.Errorf("%+v", p)
		}
	}
}

// What is true is what is claimed, for nearly every seed.
func TestFormsAreTold(t *testing.T) {
	seeds := seedsOf(20)
	for name, c := range map[string]struct {
		medians []float64
		axes    []Axis
		want    string
	}{
		"line":        {[]float64{20, 24, 28, 32, 36}, numbers(10, 20, 30, 40, 50), FindingLine},
		"three":       {[]float64{20, 30, 40}, numbers(10, 20, 30), FindingLine},
		"step":        {[]float64{20, 20, 20, 40, 40}, numbers(10, 20, 30, 40, 50), FindingStep},
		"early step":  {[]float64{20, 40, 40, 40, 40}, numbers(10, 20, 30, 40, 50), FindingStep},
		"small step":  {[]float64{20, 20, 20, 23, 23}, numbers(10, 20, 30, 40, 50), FindingStep},
		"bend":        {[]float64{20, 21, 24, 29, 36}, numbers(10, 20, 30, 40, 50), FindingDifferences},
		"curve":       {[]float64{20, 21, 30, 60, 200}, numbers(10, 20, 30, 40, 50), FindingDifferences},
		"two numbers": {[]float64{20, 40}, numbers(10, 50), FindingDifferences},
		"words": {[]float64{20, 40, 60}, []Axis{{Key: "Runtime", Labels: []string{"go", "rust", "java21"}}},
			FindingDifferences},
	} {
		told := map[string]int{}
		for seed := range uint64(seeds) {
			got := Compare(sweep(t, seed+1000, 30, 0, c.medians...), c.axes)
			told[got[0].Lines[0].Finding]++
			if c.want == FindingStep && seed == 0 {
				s := got[0].Lines[0].Step
				high := c.medians[4] / 20
				if s == nil || s.Ratio.Low.V > high || s.Ratio.High.V < high || got[0].Lines[0].Slope != nil {
					t.Errorf("%s: %+v", name, s)
				}
			}
			if name == "two numbers" && (len(got[0].Pairs) != 1 || !got[0].Pairs[0].Differs) {
				t.Errorf("two values have the pairs %+v", got[0].Pairs)
			}
		}
		if told[c.want] < seeds*85/100 {
			t.Errorf("%s is told as %v", name, told)
		}
	}
}

// TestRankSum compares with Mann and Whitney's published tables (Conover, table A7), with all arrangements counted one
// by one, and with the normal approximation.
func TestRankSum(t *testing.T) {
	apart := func(n, m int) (a, b []float64) {
		for i := range n {
			a = append(a, float64(i))
		}
		for i := range m {
			b = append(b, 1000+float64(i))
		}
		return a, b
	}
	for _, c := range []struct {
		n, m int
		want float64
	}{{6, 6, 2.0 / 924}, {4, 5, 2.0 / 126}, {20, 20, 2 / 137846528820.0}} {
		a, b := apart(c.n, c.m)
		if p, higher := rankSum(a, b); math.Abs(p/c.want-1) > 1e-9 || !higher {
			t.Errorf("%d below %d: %g, %v; want %g", c.n, c.m, p, higher, c.want)
		}
		if p, higher := rankSum(b, a); math.Abs(p/c.want-1) > 1e-9 || higher {
			t.Errorf("%d above %d: %g, %v", c.m, c.n, p, higher)
		}
	}
	// Table A7: for 8 and 8, the 0.025 quantile of the rank sum is 50; a sum below has a probability of at most 2.5 %.
	if p, _ := rankSum([]float64{1, 2, 3, 4, 5, 6, 13, 15}, []float64{7, 8, 9, 10, 11, 12, 14, 16}); p > 0.05 ||
		p < 0.03 {
		t.Errorf("a rank sum of 49: %g", p)
	}
	if p, _ := rankSum([]float64{1, 1, 1, 1, 1, 1}, []float64{1, 1, 1, 1, 1, 1}); p != 1 {
		t.Errorf("all equal: %g", p)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var a, b []float64
	for range 20 {
		a, b = append(a, math.Round(rng.NormFloat64()*4)), append(b, math.Round(rng.NormFloat64()*4+2))
	}
	exact, _ := rankSum(a, b)
	near, _ := rankSum(append(a, 0), b) // one more: the normal approximation
	if math.Abs(exact-near) > 0.3*exact+0.005 {
		t.Errorf("exact %g, with one more value by the approximation %g", exact, near)
	}
}

// TestHolm compares with Holm's own rule: the smallest of n is multiplied by n, the next by n-1, and none falls below
// the one before.
func TestHolm(t *testing.T) {
	tests := []*test{{p: 0.04, differs: true}, {p: 0.01, differs: true}, {p: 0.03, differs: true}, {p: 0.012}}
	holm(tests, 0)
	for i, want := range []float64{0.06, 0.04, 0.06, 0.04} {
		if math.Abs(tests[i].p-want) > 1e-12 || tests[i].differs != (i == 1) {
			t.Errorf("%d: %+v, want %g", i, tests[i], want)
		}
	}
}

// Of many values only the fastest and neighbours are compared, and all pairs count.
func TestManyValues(t *testing.T) {
	const values = 40
	axis := Axis{Key: "Runtime"}
	var medians []float64
	for i := range values {
		axis.Labels, medians = append(axis.Labels, fmt.Sprint(i)), append(medians, 20)
	}
	medians[7], medians[30] = 10, 30
	got := Compare(sweep(t, 1, 20, 0, medians...), []Axis{axis})
	c := got[0]
	if c.Tests != values*(values-1)/2 || len(c.Pairs) != values-1 || c.Lines[0].Finding != FindingDifferences ||
		len(c.Lines[0].Fastest) != 1 || c.Lines[0].Fastest[0] != 7 {
		t.Errorf("%d tests, %d pairs, %+v", c.Tests, len(c.Pairs), c.Lines[0].Fastest)
	}
	for _, p := range c.Pairs {
		if !p.Differs || p.P.V > Alpha {
			t.Errorf("%+v", p)
		}
	}
}
