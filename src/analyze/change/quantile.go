package change

import (
	"math"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// upTo are the numbers of requests up to the quantile, of each block.
func (b blocks) upTo(q analyze.Quantile) totals {
	return b.below(q.Of(b.sorted).V)
}

// below are the numbers of requests of each block that take at most a limit (ms).
func (b blocks) below(limit float64) totals {
	return totals{numerators: b.count(func(ms float64) bool { return ms <= limit }), denominators: b.sizes(),
		bursts: b.bursts}
}

// limits are the confidence limits of a quantile: order statistics of as many independent requests as the bursts are
// worth (Woodruff, JASA 47, 1952).
type limits struct {
	of   blocks
	upTo totals  // requests up to the quantile
	part float64 // their part of all, in the population
	n    float64 // independent requests, for an interval at 95 %
}

// at is the pair of limits (ms) that are z standard deviations away, as of a normal distribution: each leaves out the
// quantile with the probability beyond z of that. Between neighbouring order statistics they are interpolated, beyond
// the last ones they are the last ones.
//
// A limit is where a test says that the quantile is not, and this test has the design effect at the limit (Francisco
// and Fuller, Annals of Statistics 19, 1991). At the lower limit of a quantile above the median, it can be much larger
// than at the quantile: of a few bursts that stalled, some requests are beyond the quantile, and all are beyond the
// limit. Of both places, the one where bursts are worth less counts.
func (l limits) at(z float64) (low, high float64) {
	n := l.upTo.effective(z)
	low, high = l.limit(n, -z), l.limit(n, z)
	if l.part <= 0.5 {
		return low, high
	}
	there := l.of.below(low)
	there.memory = l.upTo.memory
	return l.limit(min(n, there.effective(z)), -z), high
}

// limit is the order statistic at z standard deviations of n independent requests.
func (l limits) limit(n, z float64) float64 {
	return l.of.at(orderStatistic(n, l.part, z) * float64(len(l.of.sorted)+1) / (n + 1))
}

// quantile is a quantile of latencies with the interval between the two order statistics that leave 2.5 % on either
// side (Conover, Practical Nonparametric Statistics, §3.2). Whether there is one is a matter of how many bursts and
// requests there are, and not of their latencies: else it would be given where those happen to look independent, which
// is where it is too narrow.
func (b blocks) quantile(q analyze.Quantile, of totals) estimated {
	out := estimated{bursts: b.bursts, requests: len(b.sorted), sizes: of.denominators, memory: of.memory,
		tail: q > analyze.Median}
	out.Value = q.Of(b.sorted)
	if len(b.sorted) == 0 {
		out.more = analyze.MinBursts
		return out
	}
	p := float64(q) / 1000
	bursts, requests := smallest(p)
	per := float64(len(b.sorted)) / float64(b.bursts)
	if need := max(bursts, int(math.Ceil(requests/per))); need > b.bursts {
		out.more = need - b.bursts
		return out
	}
	out.limits = &limits{of: b, upTo: of, part: p, n: of.effective(normal975)}
	out.df = of.certainty()
	low, high := out.limits.at(normal975)
	out.Low, out.High = analyze.Of(low), analyze.Of(high)
	return out
}

// smallest are the numbers of bursts and of requests from which on a quantile has an interval. Of independent requests,
// all are on one side of it with a probability of at most 2.5 %: from 5.3 on for the median, 72 for p95, 367 for p99.
// The requests of a burst may all be beyond it or none, and then one such burst is to be expected: in 20 for p95, in
// 100 for p99. In simulations, intervals of half as many bursts of such requests have the truth in them too seldom.
func smallest(p float64) (bursts int, requests float64) {
	beyond := min(p, 1-p)
	return max(analyze.MinBursts, int(math.Round(1/beyond))), math.Log(analyze.Alpha/2) / math.Log(1-beyond)
}

// orderStatistic is the rank, from 0 to n+1, of the order statistic below which the p-quantile is with the probability
// that a normal variable is below z. The number of n requests below the quantile is binomial, and the binomial
// distribution is that of real numbers by the incomplete beta function.
func orderStatistic(n, p, z float64) float64 {
	target := math.Erfc(-z/math.Sqrt2) / 2
	// P(fewer than r of n are below the quantile) = 1 - I_p(r, n-r+1) grows with r, from 0 to 1.
	off := func(r float64) float64 { return 1 - distribution.Beta(p, r, n-r+1) - target }
	// It is within 2 of the normal approximation with its first correction (Cornish and Fisher, 1938), or anywhere.
	guess := n*p + z*math.Sqrt(n*p*(1-p)) + 0.5 + (z*z-1)*(1-2*p)/6
	low, high := 0.0, n+1
	atLow, atHigh := -target, 1-target
	for _, r := range []float64{guess - 2, guess + 2} {
		if r <= low || r >= high {
			continue
		}
		if v := off(r); v < 0 {
			low, atLow = r, v
		} else {
			high, atHigh = r, v
		}
	}
	return root(off, low, high, atLow, atHigh)
}

// root is where a growing function is 0, between two arguments of which the values are given (regula falsi, Illinois
// variant: Dowell and Jarratt, BIT 11, 1971).
func root(of func(float64) float64, low, high, atLow, atHigh float64) float64 {
	side := 0
	for range 100 {
		next := (low*atHigh - high*atLow) / (atHigh - atLow)
		if high-low < 1e-12*high || next <= low || next >= high {
			break
		}
		switch v := of(next); {
		case v == 0:
			return next
		case v < 0:
			low, atLow = next, v
			if side < 0 {
				atHigh /= 2
			}
			side = -1
		default:
			high, atHigh = next, v
			if side > 0 {
				atLow /= 2
			}
			side = 1
		}
	}
	return (low*atHigh - high*atLow) / (atHigh - atLow)
}

// at is the value at a rank, from 1, between two order statistics by interpolation.
func (b blocks) at(rank float64) float64 {
	rank = min(max(rank, 1), float64(len(b.sorted)))
	under := int(rank)
	value := b.sorted[under-1]
	if under < len(b.sorted) {
		value += (rank - float64(under)) * (b.sorted[under] - value)
	}
	return value
}

// shared are the standard deviations by which two quantiles are off in opposite directions where their difference is
// off by 1.96 of its own: their squares add up to that of 1.96. Where both are known equally well, each is 1.39 (H.
// Goldstein and M. J. R. Healy, "The graphical presentation of a collection of means", JRSS A 158, 1995). The limits of
// the difference are made of limits there, and not of those at 95 %: the latter are among the few longest latencies,
// whose distances from the quantile vary much more. Intervals from these distances are too wide.
//
// Both are in the ratio of the standard errors. One estimate of it is the ratio of the widths of intervals, which has a
// large error itself. Another is that of the square roots of the numbers of requests, which assumes equal densities at
// the quantiles. Their geometric mean hardly varies, and whatever the densities are, intervals have at least 97 % of
// their width.
func shared(a, b limits) (za, zb float64) {
	lowA, highA := a.at(2 * normal975)
	lowB, highB := b.at(2 * normal975)
	widthA, widthB := highA-lowA, highB-lowB
	if lowA > 0 && lowB > 0 {
		widthA, widthB = math.Log(highA/lowA), math.Log(highB/lowB)
	}
	partA, partB := math.Sqrt(widthA/math.Sqrt(a.n)), math.Sqrt(widthB/math.Sqrt(b.n))
	if widthA == 0 && widthB == 0 {
		partA, partB = math.Sqrt(b.n), math.Sqrt(a.n)
	}
	all := math.Hypot(partA, partB)
	return normal975 * partA / all, normal975 * partB / all
}

// quantiles sets the intervals of the difference and the ratio of two quantiles.
func (c *Change) quantiles(a, b limits) {
	za, zb := shared(a, b)
	lowA, highA := a.at(za)
	lowB, highB := b.at(zb)
	c.Difference.Low, c.Difference.High = analyze.Of(lowB-highA), analyze.Of(highB-lowA)
	if lowA > 0 && lowB > 0 {
		c.Ratio.Low, c.Ratio.High = analyze.Of(lowB/highA), analyze.Of(highB/lowA)
	}
}

// Intervals are the median and the 99th percentile (ms) of a part of the requests, with 95 % intervals for which whole
// bursts are independent, as in comparisons. Without enough bursts there is a value and no interval.
func (s Sub) Intervals(part analyze.Part) (p50, p99 analyze.Estimate) {
	of := blocksOf(s.Bursts, part)
	if len(of.sorted) == 0 {
		return p50, p99
	}
	middle, all, tail := of.upTo(analyze.Median), of.total(), of.upTo(analyze.P99)
	for _, t := range []*totals{&middle, &all, &tail} {
		t.alone()
	}
	middle.memory = max(middle.memory, all.memory)
	tail.memory = max(tail.memory, middle.memory)
	return of.quantile(analyze.Median, middle).Estimate, of.quantile(analyze.P99, tail).Estimate
}
