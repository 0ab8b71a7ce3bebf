package analyze

import "math"

// RankSum is the two-sided Wilcoxon-Mann-Whitney test of two samples: the probability that two samples of one
// distribution have rank sums that are as far apart, and whether the second sample has the higher ranks. Up to 40
// values it is exact, given the ties; above, it is that of the normal approximation with corrections for ties and
// continuity (Conover, Practical Nonparametric Statistics, §5.1).
func RankSum(a, b []float64) (p float64, higher bool) { return rankSum(a, b) }

// Inflation is the factor by which the variance of an average over bursts is larger than that of independent bursts,
// where neighbouring bursts are alike (one-sided test of the autocorrelation of ranks at 5 %, over all series
// together). It is 1 where they are not. Otherwise it is the larger one of two: (1+r)/(1-r), as for an autocorrelation
// of r that falls off geometrically (Bayley and Hammersley, Supplement to the JRSS 8, 1946), and 1 plus twice the sum
// of the autocorrelations up to the distance from which pairs of them are no longer positive (Geyer, Statistical
// Science 7, 1992, initial monotone sequence). The first one is too small where what bursts have in common lasts long
// but is only part of their variance; the second one needs long series. A series has one value for each burst, in the
// order of time.
func Inflation(series ...[]float64) float64 { return inflation(centredRanks(series)) }

// InflationOfValues is Inflation by the autocorrelation of values in place of ranks, which shows stalls that last for
// some bursts: few values far out count little in ranks, and much in an average. The values of a series add up to 0.
func InflationOfValues(series ...[]float64) float64 { return inflation(series) }

func inflation(ranked [][]float64) float64 {
	const (
		oneSided = 1.6448536269514722 // 95 % quantile of the standard normal distribution
		most     = 0.98
		farthest = 400 // places between values, for the time that it takes: 0.98 to the power of that is nearly 0
	)
	n, longest := 0, 0
	for _, ranks := range ranked {
		n, longest = n+len(ranks), max(longest, len(ranks))
	}
	below := lagged(ranked, 0)
	first := lagged(ranked, 1)
	if below == 0 || first/below <= oneSided/math.Sqrt(float64(n)) {
		return 1
	}
	r := min(first/below, most)
	sum, last := 1+2*r, math.Inf(1)
	for lag := 2; lag+1 < min(longest, farthest); lag += 2 {
		last = min(last, (lagged(ranked, lag)+lagged(ranked, lag+1))/below)
		if last <= 0 {
			break
		}
		sum += 2 * last
	}
	return min(max(sum, (1+r)/(1-r)), (1+most)/(1-most))
}

// Deflated is a two-sided probability for a normal deviate whose variance is larger by a factor. The inverse is found
// by bisection: math.Erfcinv is that of 1 - p, which is 1 for a p under 1e-16.
func Deflated(p, inflation float64) float64 {
	if inflation <= 1 || p <= 0 {
		return p
	}
	low, high := 0.0, 28.0 // of which Erfc is 0
	for range 80 {
		if middle := (low + high) / 2; math.Erfc(middle) > p {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Erfc(low / math.Sqrt(inflation))
}

// centredRanks are twice the ranks of each series' values, less their average.
func centredRanks(series [][]float64) [][]float64 {
	out := make([][]float64, len(series))
	for i, values := range series {
		ranks, _ := doubledRanks(values)
		out[i] = make([]float64, len(ranks))
		for k, r := range ranks {
			out[i][k] = float64(r) - float64(len(ranks)+1)
		}
	}
	return out
}

// lagged is the sum of products of values that are so many places apart, over all series.
func lagged(series [][]float64, lag int) (sum float64) {
	for _, values := range series {
		for k := lag; k < len(values); k++ {
			sum += values[k] * values[k-lag]
		}
	}
	return sum
}
