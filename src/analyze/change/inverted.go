package change

import (
	"math"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// exchangeable reports whether the bursts of both sides would be equally distributed and independent if all requests
// were alike, as the rank-sum test assumes: they have the same sizes, and neighbours are not alike.
func exchangeable(a, b estimated) bool {
	return a.memory == 0 && b.memory == 0 && !differ(a.sizes, b.sizes)
}

// inverted is the two-sided probability at which the interval of a difference between two sides would end at 0: that
// of Student's t, whose degrees of freedom are those of both sides together (Welch, Biometrika 34, 1947). Intervals of
// a p95 or p99 end among few long latencies, and those of neighbours that are alike for long are too narrow: there, the
// degrees of freedom are those of the side that has fewer.
func inverted(d analyze.Estimate, a, b estimated) float64 {
	width := func(e estimated) (half, deviation float64) {
		half = (e.High.V - e.Low.V) / 2
		return half, half / distribution.StudentQuantile(1-analyze.Alpha/2, e.df)
	}
	halfA, a1 := width(a)
	halfB, b1 := width(b)
	half := d.Value.V - d.Low.V // of the side where 0 is
	if d.Value.V < 0 {
		half = d.High.V - d.Value.V
	}
	switch {
	case d.Value.V == 0:
		return 1
	case half <= 0 || a1 == 0 && b1 == 0:
		return 0
	}
	df := min(a.df, b.df)
	if !a.tail {
		both := a1*a1 + b1*b1
		df = both * both / (a1*a1*a1*a1/a.df + b1*b1*b1*b1/b.df)
	}
	return distribution.StudentTails(math.Abs(d.Value.V)/half*math.Hypot(halfA, halfB)/math.Hypot(a1, b1), df)
}
