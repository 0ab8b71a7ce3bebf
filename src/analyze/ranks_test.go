package analyze

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestInflation: of a series of which only a part lasts, the factor is that of its long-run variance, and not that of
// its autocorrelation as if all of it fell off from there. Independent values have none.
func TestInflation(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const n, runs, memory, lasting = 4000, 8, 0.9, 0.6
	var mean, alone float64
	for range runs {
		series, common := make([]float64, n), rng.NormFloat64()
		for i := range series {
			common = memory*common + math.Sqrt(1-memory*memory)*rng.NormFloat64()
			series[i] = math.Sqrt(lasting)*common + math.Sqrt(1-lasting)*rng.NormFloat64()
		}
		mean += Inflation(series) / runs
		for i := range series {
			series[i] = rng.NormFloat64()
		}
		alone += Inflation(series) / runs
	}
	if want := 1 + 2*lasting*memory/(1-memory); mean < 0.8*want || mean > 1.2*want {
		t.Errorf("%.2f, want %.2f", mean, want)
	}
	if alone > 1.05 {
		t.Errorf("independent values: %.3f", alone)
	}
	if got := Inflation([]float64{3, 3, 3}); got != 1 {
		t.Errorf("equal values: %v", got)
	}
}

// TestSmallProbability: neighbours that are alike leave little of a probability that a float64 cannot tell from 0 next
// to 1.
func TestSmallProbability(t *testing.T) {
	for _, c := range []struct{ p, inflation, want float64 }{
		{0.05, 1, 0.05}, {math.Erfc(8.5 / math.Sqrt2), 18, math.Erfc(8.5 / 6)}, {1, 4, 1}, {0, 9, 0},
	} {
		if got := Deflated(c.p, c.inflation); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("p %v, inflation %v: %v, want %v", c.p, c.inflation, got, c.want)
		}
	}
}
