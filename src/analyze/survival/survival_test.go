package survival

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// trialsOf are so many answers at one wait.
func trialsOf(wait float64, lived, gone int) (all []Trial) {
	for range lived {
		all = append(all, Trial{wait, true})
	}
	for range gone {
		all = append(all, Trial{wait, false})
	}
	return all
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// TestCurve compares with an estimate made by hand: the shares 0.5, 0.75, 0.25, 0.5 and 0 violate the order twice.
func TestCurve(t *testing.T) {
	var all []Trial
	for _, g := range []struct {
		wait        float64
		lived, gone int
	}{{8, 0, 4}, {1, 4, 0}, {2, 2, 2}, {3, 3, 1}, {4, 1, 3}, {5, 2, 2}} {
		all = append(all, trialsOf(g.wait, g.lived, g.gone)...)
	}
	points := Curve(all)
	want := []float64{1, 0.625, 0.625, 0.375, 0.375, 0}
	if len(points) != len(want) {
		t.Fatalf("%+v", points)
	}
	for i, p := range points {
		if !near(p.Alive, want[i]) || p.Trials != 4 || p.Low > p.Alive || p.High < p.Alive {
			t.Errorf("%+v, want %g alive", p, want[i])
		}
	}
	// 24 waits: the nearest 9, in whole groups 12.
	low, _ := distribution.ProportionInterval(6, 12, 0.05)
	_, high := distribution.ProportionInterval(9, 12, 0.05)
	if p := points[2]; !near(p.Low, low) || !near(p.High, high) {
		t.Errorf("%+v, want %g to %g", p, low, high)
	}
	if len(Curve(nil)) != 0 {
		t.Error("a curve of nothing")
	}
}

// TestCurveCovers holds that the intervals contain the true curve in at least 95 of 100 cases.
func TestCurveCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	covered, all := 0, 0
	for range 60 {
		var trials []Trial
		for range 40 {
			wait := 0.1 + 30*r.Float64()
			trials = append(trials, Trial{wait, wait < 10*r.ExpFloat64()})
		}
		for i, p := range Curve(trials) {
			if i%8 != 4 {
				continue
			}
			all++
			if truth := math.Exp(-p.Wait / 10); p.Low <= truth && truth <= p.High {
				covered++
			}
		}
	}
	if covered*100 < 95*all {
		t.Errorf("%d of %d intervals cover the true curve", covered, all)
	}
}

// TestWeibull compares with closed forms: two groups determine both parameters, one group the exponential mean.
func TestWeibull(t *testing.T) {
	points := pooled(append(trialsOf(1, 8, 2), trialsOf(4, 3, 7)...))
	first, second := math.Log(-math.Log(0.8)), math.Log(-math.Log(0.3))
	shape := (second - first) / math.Log(4)
	b := fitWeibull(points, 0)
	median := math.Exp((math.Log(math.Ln2) - first) / shape)
	got, low, high := b.median()
	if !b.ok || math.Abs(b.shape-shape) > 1e-6 || math.Abs(got-median) > 1e-6 || low >= got || high <= got {
		t.Errorf("%+v: median %g in %g to %g, want shape %g, median %g", b, got, low, high, shape, median)
	}
	b = fitWeibull(pooled(trialsOf(5, 30, 70)), 1)
	x := -math.Log(0.3)
	if mean := math.Exp(-b.a); math.Abs(mean-5/x) > 1e-6 {
		t.Errorf("mean %g, want %g", mean, 5/x)
	}
	if want := math.Expm1(x) / (x * x * 100); math.Abs(b.varA-want) > 1e-9 {
		t.Errorf("variance %g, want %g", b.varA, want)
	}
	if fitWeibull(pooled(trialsOf(5, 3, 0)), 0).ok || fitWeibull(pooled(trialsOf(5, 0, 3)), 1).ok {
		t.Error("answers of one kind determine a curve")
	}
	// Separated: the shape grows to its bound, and the median lies between the two.
	b = fitWeibull(pooled(append(trialsOf(4, 9, 0), trialsOf(5, 0, 9)...)), 0)
	if got = b.quantile(0.5); got < 4 || got > 5 {
		t.Errorf("separated: median %g, %+v", got, b)
	}
}
