package change

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// TestOrderStatistic compares with sums of binomial probabilities, for all sizes and on both sides.
func TestOrderStatistic(t *testing.T) {
	fewer := func(r, n int, p float64) (total float64) { // P(B < r)
		for k := range r {
			all, _ := math.Lgamma(float64(n + 1))
			in, _ := math.Lgamma(float64(k + 1))
			out, _ := math.Lgamma(float64(n - k + 1))
			total += math.Exp(all - in - out + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		}
		return total
	}
	for _, c := range []struct {
		n, r int
		p    float64
	}{
		{6, 1, 0.5}, {6, 6, 0.5}, {30, 11, 0.5}, {400, 230, 0.5}, {72, 72, 0.95}, {80, 73, 0.95}, {1000, 963, 0.95},
		{367, 367, 0.99}, {400, 391, 0.99}, {5000, 4964, 0.99},
	} {
		z := -math.Sqrt2 * math.Erfcinv(2*fewer(c.r, c.n, c.p))
		if got := orderStatistic(float64(c.n), c.p, z); math.Abs(got-float64(c.r)) > 1e-6 {
			t.Errorf("n %d, p %v, z %.4f: rank %.9f, want %d", c.n, c.p, z, got, c.r)
		}
	}
	for _, n := range []float64{0.02, 0.7, 3} { // bursts that are worth hardly anything
		low, high := orderStatistic(n, 0.99, -2), orderStatistic(n, 0.99, 2)
		if !(0 <= low && low < high && high <= n+1) {
			t.Errorf("of %v requests: ranks %v to %v", n, low, high)
		}
	}
}

// TestShared: equal sides have equal parts, a side that is known exactly has none, and however different the densities
// are, the sum of both parts is nearly that of the true ratio.
func TestShared(t *testing.T) {
	side := func(spread float64, n int) limits {
		values := make([][]float64, n)
		for i := range values {
			values[i] = []float64{100 * math.Exp(spread*(float64(i+1)/float64(n+1)-0.5))}
		}
		of := blocksOf(recorded(values).Bursts, analyze.All)
		return *of.quantile(analyze.Median, of.upTo(analyze.Median)).limits
	}
	za, zb := shared(side(1, 400), side(1, 400))
	if math.Abs(za-normal975/math.Sqrt2) > 1e-9 || math.Abs(za-zb) > 1e-9 {
		t.Errorf("equal sides: %v and %v", za, zb)
	}
	if za, zb := shared(side(0, 400), side(1, 400)); za != 0 || math.Abs(zb-normal975) > 1e-12 {
		t.Errorf("one known exactly: %v and %v", za, zb)
	}
	if za, zb := shared(side(0, 400), side(0, 100)); math.Abs(zb/za-2) > 1e-9 {
		t.Errorf("both known exactly: %v and %v", za, zb)
	}
	for _, times := range []float64{1.5, 2, 4, 8, 30} {
		a, b := side(1, 1000), side(times, 1000)
		za, zb := shared(a, b)
		if got := (za + times*zb) / math.Hypot(1, times) / normal975; got < 0.97 || got > 1+1e-9 {
			t.Errorf("of spreads 1 and %v the interval has %.3f of its width", times, got)
		}
	}
}

// TestOneSideKnownExactly: latencies in whole ms, as the original STeLLAR writes them, can be all alike on one side, so
// that its interval has no width. The interval of the difference is then that of the other side.
func TestOneSideKnownExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	var alike, spread [][]float64
	for range 200 {
		common := float64(rng.IntN(3))
		alike = append(alike, []float64{5, 5, 5 + math.Round(rng.Float64())})
		spread = append(spread, []float64{5 + common, 6 + common, 5 + rng.Float64()})
	}
	for _, c := range changes(recorded(alike), recorded(spread)) {
		if c.Metric != "all.p50" {
			continue
		}
		if c.A.Low != c.A.High {
			t.Fatalf("%+v: the first side is not known exactly", c.A)
		}
		if math.Abs(c.Difference.Low.V-(c.B.Low.V-5)) > 1e-9 || math.Abs(c.Difference.High.V-(c.B.High.V-5)) > 1e-9 {
			t.Errorf("the difference is %+v, want %+v less 5", c.Difference, c.B)
		}
	}
}

// TestIntervalsAgree: the interval of a difference leaves out 0 where that of the ratio leaves out 1, and latencies of
// 0 have an interval of the difference at least.
func TestIntervalsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	out := 0
	for range 20 {
		a := server{median: 100, between: 0.05, within: 0.1}.measure(rng, 30, 4)
		c := find(t, compare(a, server{median: 104, between: 0.05, within: 0.1}.measure(rng, 30, 4)), "warm.p50")
		if c.Difference.Low.V > 0 != (c.Ratio.Low.V > 1) || c.Difference.High.V < 0 != (c.Ratio.High.V < 1) {
			t.Errorf("%+v", c)
		}
		if c.Difference.Low.V > 0 {
			out++
		}
	}
	if out == 0 || out == 20 {
		t.Errorf("%d of 20 intervals leave out 0: this does not test anything", out)
	}
	zero := recorded([][]float64{{0, 0}, {0, 1}, {0, 0}, {0, 2}, {0, 0}, {0, 1}, {0, 0}, {0, 0}})
	for _, c := range changes(zero, zero) {
		if c.Metric == "all.p50" && (!c.Difference.Low.OK || c.Ratio.Low.OK) {
			t.Errorf("latencies of 0: %+v", c)
		}
	}
}

// TestSmallest: an interval needs bursts and requests, and nothing else: latencies do not matter.
func TestSmallest(t *testing.T) {
	for _, c := range []struct {
		q            analyze.Quantile
		bursts, size int
		missing      int
	}{
		{analyze.Median, 6, 1, 0}, {analyze.Median, 5, 100, 1}, {analyze.P95, 20, 4, 0}, {analyze.P95, 20, 3, 4},
		{analyze.P95, 19, 100, 1}, {analyze.P99, 100, 4, 0}, {analyze.P99, 99, 40, 1}, {analyze.P99, 100, 3, 23},
	} {
		rng := rand.New(rand.NewPCG(7, 7))
		for _, s := range []server{{median: 10, within: 0.2}, {median: 10, between: 1}} {
			of := blocksOf(s.measure(rng, c.bursts, c.size).Bursts, analyze.WarmPart)
			got := of.quantile(c.q, of.upTo(c.q))
			if got.Low.OK != (c.missing == 0) || got.more != c.missing || got.Low.OK && got.Low.V > got.Value.V ||
				got.High.OK && got.High.V < got.Value.V {
				t.Errorf("p%v of %d × %d: %+v, %d more", float64(c.q)/10, c.bursts, c.size, got.Estimate, got.more)
			}
		}
	}
}

// TestFewBurstsStall: where three of 100 bursts stall, two of 100 may as well: the lower limit of the p99 is not among
// the latencies of stalled bursts, of which only some are beyond the p99 itself.
func TestFewBurstsStall(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	var bursts [][]float64
	for i := range 100 {
		ms := 100.0
		if i%40 == 5 {
			ms = 300
		}
		var values []float64
		for range 20 {
			values = append(values, ms*(1+0.1*rng.Float64()))
		}
		bursts = append(bursts, values)
	}
	of := blocksOf(recorded(bursts).Bursts, analyze.All)
	if got := of.quantile(analyze.P99, of.upTo(analyze.P99)); !(got.Low.V < 200 && got.Value.V >= 300) {
		t.Errorf("%+v, want a lower limit without a stall", got.Estimate)
	}
}
