package analyze

import (
	"math"
	"testing"
)

// pmf is the binomial distribution of n trials by repeated addition of one to those of d, which may be nil: no
// logarithms, no gamma function.
func pmf(d []float64, n int, p float64) []float64 {
	if d == nil {
		d = []float64{1}
	}
	for trial := len(d); trial <= n; trial++ {
		d = append(d, 0)
		for k := trial; k >= 0; k-- {
			d[k] *= 1 - p
			if k > 0 {
				d[k] += d[k-1] * p
			}
		}
	}
	return d
}

func sum(xs []float64) float64 {
	s := 0.0
	for _, x := range xs {
		s += x
	}
	return s
}

func TestMinSamples(t *testing.T) {
	for q, want := range map[Quantile]int{Median: 6, P25: 11, P75: 11, P90: 29, P95: 59, P99: 299, P999: 2995,
		0: math.MaxInt, 1000: math.MaxInt} {
		if got := MinSamples(q); got != want {
			t.Errorf("MinSamples(%d) = %d, want %d", q, got, want)
		}
	}
}

func TestRanksCoverAndAreTight(t *testing.T) {
	for _, q := range []Quantile{P25, Median, P90, P99, P999} {
		var d []float64
		for _, n := range []int{2, 5, 6, 7, 8, 10, 11, 29, 50, 100, 298, 299, 300, 367, 368, 500, 1000, 2994, 2995,
			3000} {
			low, high, ok := Ranks(n, q)
			if ok != (n >= MinSamples(q)) {
				t.Errorf("q %d n %d: ok = %v", q, n, ok)
			}
			if !ok {
				continue
			}
			if low < 1 || high > n || low >= high {
				t.Fatalf("q %d n %d: ranks %d to %d", q, n, low, high)
			}
			if r := q.Rank(n); r < low || r > high {
				t.Errorf("q %d n %d: the estimate's rank %d is outside %d to %d", q, n, r, low, high)
			}
			d = pmf(d, n, float64(q)/1000)
			below, above := sum(d[:low]), sum(d[high:])
			if below+above > Alpha+1e-9 {
				t.Errorf("q %d n %d: ranks %d to %d cover %.6f", q, n, low, high, 1-below-above)
			}
			// One rank further in must break the budget of 2.5 % of its tail, or the whole one.
			if more := below + d[low]; more <= Alpha/2-1e-9 && more+above <= Alpha-1e-9 {
				t.Errorf("q %d n %d: low rank %d could be %d", q, n, low, low+1)
			}
			if more := above + d[high-1]; more <= Alpha/2-1e-9 && more+below <= Alpha-1e-9 {
				t.Errorf("q %d n %d: high rank %d could be %d", q, n, high, high-1)
			}
			if q == Median && low+high != n+1 {
				t.Errorf("median, n %d: ranks %d and %d are not symmetric", n, low, high)
			}
		}
	}
}

// The ranks of the median's 95 % interval as printed in statistical tables (e.g. Conover, table A3; Hahn & Meeker).
func TestMedianRanksOfTheTables(t *testing.T) {
	for n, want := range map[int][2]int{6: {1, 6}, 8: {1, 8}, 9: {2, 8}, 10: {2, 9}, 12: {3, 10}, 15: {4, 12},
		20: {6, 15}, 25: {8, 18}, 50: {18, 33}, 100: {40, 61}} {
		low, high, ok := Ranks(n, Median)
		if !ok || low != want[0] || high != want[1] {
			t.Errorf("n %d: %d to %d, %v; want %v", n, low, high, ok, want)
		}
	}
}

// For large samples the ranks follow the normal approximation, and the sums must not have lost their tails.
func TestRanksOfAMillion(t *testing.T) {
	for _, q := range []Quantile{Median, P99, P999} {
		const n = 1_000_000
		low, high, ok := Ranks(n, q)
		p := float64(q) / 1000
		half := 1.959964 * math.Sqrt(n*p*(1-p))
		if !ok || math.Abs(float64(low)-(n*p-half)) > 3 || math.Abs(float64(high)-(n*p+half)) > 3 {
			t.Errorf("q %d: %d to %d, want about %.0f ± %.0f", q, low, high, n*p, half)
		}
	}
}

func TestQuantileInterval(t *testing.T) {
	xs := make([]float64, 100)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	if got, want := QuantileInterval(xs, Median), (Interval{Low: Of(40), High: Of(61), Need: 6}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	small := QuantileInterval(xs, P99)
	if small.OK() || small.Need != 299 || small.cell(small.Low) != "n<299" {
		t.Errorf("p99 of 100 samples: %+v", small)
	}
	if got := QuantileInterval(xs[:5], Median); got.cell(got.High) != "n<6" {
		t.Errorf("median of 5 samples: %+v", got)
	}
}
