package change

import (
	"cmp"
	"math"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// compared compares two sides in a metric. The test is the rank-sum test over bursts: of their medians or means, of
// their shares of requests above the p95 or p99 of both runs together, of their shares or costs. Where neighbouring
// bursts are alike or sizes differ, the probability is at least that of the interval.
//
// It is not enough there to count as many bursts less: of a run that drifts, few are left, and then nothing is found
// of one that takes twice as long. Of a p95 or p99 both hold: where a few stalls last, its interval is too narrow. Of
// bursts of different sizes, medians and shares vary differently even if all requests are alike, and the rank-sum test
// finds that.
func compared(metric, unit string, a, b estimated) Change {
	c := Change{Metric: metric, Unit: unit, A: a.Estimate, B: b.Estimate, Bursts: [2]int{a.bursts, b.bursts},
		Requests: [2]int{a.requests, b.requests}, MoreBursts: max(a.whole(a.more), b.whole(b.more)),
		whole: min(a.whole(a.bursts), b.whole(b.bursts))}
	c.Difference, c.Ratio = difference(a.Estimate, b.Estimate), ratio(a.Estimate, b.Estimate)
	if a.limits != nil && b.limits != nil {
		c.quantiles(*a.limits, *b.limits)
	}
	if c.Difference.Low.OK && c.Difference.High.OK {
		p, _ := analyze.RankSum(a.byBurst, b.byBurst)
		usual := exchangeable(a, b)
		if usual || a.tail {
			p = analyze.Deflated(p, analyze.Inflation(a.byBurst, b.byBurst))
		}
		if !usual {
			p = max(p, inverted(c.Difference, a, b))
		}
		c.P = analyze.Of(p)
	}
	return c
}

// holm corrects probabilities for their number (Holm, Scandinavian Journal of Statistics 6, 1979).
func holm(tested []*Change) {
	slices.SortStableFunc(tested, func(a, b *Change) int { return cmp.Compare(a.P.V, b.P.V) })
	before := 0.0
	for i, c := range tested {
		before = min(1, max(before, c.P.V*float64(len(tested)-i)))
		c.P = analyze.Of(before)
	}
}

// judge sets the verdict.
func (c *Change) judge() {
	d := c.Difference
	switch {
	case !c.A.Value.OK || !c.B.Value.OK:
		c.Verdict, c.MoreBursts = NoData, 0
	case !d.Low.OK || !d.High.OK:
		c.Verdict = TooFew
	case c.P.OK && c.P.V <= analyze.Alpha && d.Low.V > 0:
		c.Verdict = Higher
		if c.Unit == MS {
			c.Verdict = Slower
		}
	case c.P.OK && c.P.V <= analyze.Alpha && d.High.V < 0:
		c.Verdict = Lower
		if c.Unit == MS {
			c.Verdict = Faster
		}
	case c.Unit == Points:
		c.Verdict, c.Smaller = None, analyze.Of(max(math.Abs(d.Low.V), math.Abs(d.High.V)))
	default:
		c.Verdict = None
		if c.Ratio.Low.OK && c.Ratio.High.OK {
			c.Smaller = analyze.Of(max(c.Ratio.High.V, 1/c.Ratio.Low.V) - 1)
		}
	}
}
