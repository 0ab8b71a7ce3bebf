package analyze

import (
	"fmt"
	"math"
)

// Alpha is the error probability of all intervals: they cover at 95 %.
const Alpha = 0.05

// Interval is a confidence interval. If the sample is too small for one, Low and High have no data and Need is the size
// of the smallest sample that has one.
type Interval struct {
	Low  Value `json:"low"`
	High Value `json:"high"`
	Need int   `json:"need"`
}

// OK reports whether there is an interval.
func (i Interval) OK() bool { return i.Low.OK && i.High.OK }

// cell writes one bound for the CSV, or why there is none: `n<299`.
func (i Interval) cell(bound Value) string {
	if !i.OK() {
		return fmt.Sprintf("n<%d", i.Need)
	}
	return bound.Format(msDecimals)
}

// QuantileInterval is the distribution-free confidence interval of a quantile at 95 %, from order statistics of a
// sample in ascending order (Conover, Practical Nonparametric Statistics, §3.2; Hahn & Meeker, Statistical Intervals,
// §5.2). See Ranks for which order statistics are taken.
func QuantileInterval(sorted []float64, q Quantile) Interval {
	low, high, ok := Ranks(len(sorted), q)
	if !ok {
		return Interval{Need: MinSamples(q)}
	}
	return Interval{Low: Of(sorted[low-1]), High: Of(sorted[high-1]), Need: MinSamples(q)}
}

// MinSamples is the smallest sample for which the interval from its minimum to its maximum covers the quantile at 95 %:
// qⁿ + (1−q)ⁿ ≤ 0.05. It is 6 for the median, 299 for p99, 2995 for p99.9.
func MinSamples(q Quantile) int {
	p := q.fraction()
	if p <= 0 || p >= 1 {
		return math.MaxInt
	}
	n, below, above := 1, p, 1-p
	for below+above > Alpha {
		n++
		below, above = below*p, above*(1-p)
	}
	return n
}

// Ranks returns the ranks (from 1) of the two order statistics between which the quantile of any continuous
// distribution is with a probability of at least 95 %. The number of samples below the quantile is binomial(n, q), and
// [x(low), x(high)] misses the quantile if that number is under low or at least high. It is the narrowest pair with at
// most 2.5 % in each tail, symmetric in rank for the median. If one tail cannot be that small (p99 of 299 to 367
// samples: the maximum itself is below the quantile too often), that tail takes what it needs and the other one gets
// the rest.
func Ranks(n int, q Quantile) (low, high int, ok bool) {
	p := q.fraction()
	if p <= 0 || p >= 1 || n < MinSamples(q) {
		return 0, 0, false
	}
	allBelow := math.Pow(p, float64(n))
	noneBelow := math.Pow(1-p, float64(n))
	lowBudget, highBudget := Alpha/2, Alpha/2
	if allBelow > Alpha/2 {
		lowBudget, highBudget = Alpha-allBelow, allBelow
	} else if noneBelow > Alpha/2 {
		lowBudget, highBudget = noneBelow, Alpha-noneBelow
	}
	low = lowerRank(n, p, lowBudget)
	// Mirrored: the samples at or above the quantile are binomial(n, 1−q).
	high = n + 1 - lowerRank(n, 1-p, highBudget)
	return low, high, low < high
}

// lowerRank is the largest rank l ≥ 1 with P(B < l) ≤ budget for B binomial(n, p). The caller's budget is never under
// P(B = 0).
func lowerRank(n int, p, budget float64) int {
	mean := float64(n) * p
	sd := math.Sqrt(mean * (1 - p))
	// Twelve deviations and a few below the mean there is less left than a float64 can add to the sum.
	k := max(0, int(mean-12*sd-20))
	sum := 0.0
	for ; k < n; k++ {
		sum += binomial(n, k, p)
		if sum > budget {
			break
		}
	}
	return max(k, 1)
}

// binomial is P(B = k) for B binomial(n, p), by logarithms of the gamma function.
func binomial(n, k int, p float64) float64 {
	all, _ := math.Lgamma(float64(n) + 1)
	in, _ := math.Lgamma(float64(k) + 1)
	out, _ := math.Lgamma(float64(n-k) + 1)
	return math.Exp(all - in - out + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}
