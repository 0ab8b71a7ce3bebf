package analyze

import "math"

// RankSum is the two-sided Wilcoxon-Mann-Whitney test of two samples: the probability that two samples of one
// distribution have rank sums that are as far apart, and whether the second sample has the higher ranks. Up to 40
// values it is exact, given the ties; above, it is that of the normal approximation with corrections for ties and
// continuity (Conover, Practical Nonparametric Statistics, §5.1).
func RankSum(a, b []float64) (p float64, higher bool) { return rankSum(a, b) }

// Inflation is the factor by which the variance of an average over bursts is larger than that of independent bursts,
// where neighbouring bursts are alike (one-sided test of the autocorrelation of ranks at 5 %, over all series
// together): (1+r)/(1-r) for an autocorrelation of r that falls off geometrically (Bayley and Hammersley, Supplement to
// the JRSS 8, 1946). It is 1 where they are not. A series has one value for each burst, in the order of time.
func Inflation(series ...[]float64) float64 {
	const (
		oneSided = 1.6448536269514722 // 95 % quantile of the standard normal distribution
		most     = 0.98
	)
	var above, below float64
	n := 0
	for _, values := range series {
		ranks, _ := doubledRanks(values)
		middle := float64(len(ranks) + 1)
		for k, r := range ranks {
			below += (float64(r) - middle) * (float64(r) - middle)
			if k > 0 {
				above += (float64(r) - middle) * (float64(ranks[k-1]) - middle)
			}
		}
		n += len(ranks)
	}
	if below == 0 || above/below <= oneSided/math.Sqrt(float64(n)) {
		return 1
	}
	r := min(above/below, most)
	return (1 + r) / (1 - r)
}
