package change

import (
	"math"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// smallestZ is the number of standard deviations up to which the quantiles of Student's t and of the normal
// distribution are in the same ratio, to 7 digits.
const smallestZ = 1e-3

// normal975 is the 97.5 % quantile of the standard normal distribution.
const normal975 = 1.959963984540054

// estimated is a metric of one side.
type estimated struct {
	analyze.Estimate
	limits *limits // of a quantile that has an interval; else nil
	// bursts that an interval needs beyond those that there are; 0: it has one
	more     int
	byBurst  []float64 // what the rank-sum test compares, of each block: the metric, or a share of requests
	sizes    []float64 // of these blocks: requests that the metric is made of
	memory   float64   // autocorrelation of neighbouring blocks with which the interval is made
	df       float64   // degrees of freedom of its standard error
	tail     bool      // it is a quantile above the median
	bursts   int
	requests int
	all      int // bursts of the run, also those without such requests; 0: the same as bursts
}

// whole is a number of bursts with such requests as that of the run's bursts among which they come.
func (e estimated) whole(bursts int) int {
	if e.all <= e.bursts || e.bursts == 0 {
		return bursts
	}
	return (bursts*e.all + e.bursts - 1) / e.bursts
}

// totals are a numerator and a denominator of each block, in the order of time: what an average or a share is made of.
type totals struct {
	numerators, denominators []float64
	bursts                   int
	memory                   float64 // autocorrelation of neighbouring blocks; 0: none is found
}

// off is by how much each block's numerator is away from what it would be with the ratio of all.
func (t totals) off() []float64 {
	ratio := t.ratio()
	out := make([]float64, len(t.numerators))
	for i, n := range t.numerators {
		out[i] = n - ratio*t.denominators[i]
	}
	return out
}

func (t totals) ratio() float64 { return sum(t.numerators) / sum(t.denominators) }

func (t totals) byBurst() []float64 {
	out := make([]float64, len(t.numerators))
	for i, n := range t.numerators {
		out[i] = n / t.denominators[i]
	}
	return out
}

// variance is that of the ratio, and the degrees of freedom of that. Blocks are independent (Cochran, Sampling
// Techniques, §6.4; see leveraged for those of different sizes), unless neighbours are alike: then it is the
// long-run variance by the cosine transform, which needs no model of how they are (Lazarus, Lewis, Stock and Watson,
// Journal of Business & Economic Statistics 36, 2018). Of the number of cosines, which is the degrees of freedom,
// they give the one that is best for weak dependence. There are fewer if with the given autocorrelation, falling off
// geometrically, the variance came out more than a twentieth too small: the bias is π²/6·(number/blocks)²·2r/(1-r)².
func (t totals) variance() (v, df float64) {
	off, total, k := t.leveraged(), sum(t.denominators), float64(len(t.numerators))
	if t.memory == 0 {
		for _, o := range off {
			v += o * o
		}
		return k / (k - 1) * v / (total * total), t.degrees()
	}
	unbiased := k * (1 - t.memory) * math.Sqrt(0.15/t.memory) / math.Pi
	df = max(2, math.Round(min(0.4*math.Pow(k, 2./3), unbiased)))
	for j := 1.0; j <= df; j++ {
		wave := 0.0
		for i, o := range off {
			wave += o * math.Cos(math.Pi*j*(float64(i)+0.5)/k)
		}
		v += 2 / k * wave * wave
	}
	return v / df * k / (total * total), min(df, t.degrees())
}

// freedom is the degrees of freedom of a variance of what so many blocks are off: as many as a chi-squared variable of
// the same variance has, by their kurtosis (L. H. Shoemaker, "Fixing the F test for equal variances", The American
// Statistician 57, 2003). Where neighbours are alike, as many as are worth an independent one are joined before.
func (t totals) freedom() float64 {
	off, per := t.off(), 1
	if t.memory > 0 {
		per = max(1, min(int(math.Ceil((1+t.memory)/(1-t.memory))), len(off)/3))
	}
	var k, second, fourth float64
	for i := 0; i < len(off); i += per {
		o := sum(off[i:min(i+per, len(off))])
		second += o * o
		fourth += o * o * o * o
		k++
	}
	if second == 0 {
		return math.Inf(1)
	}
	return 2 * k / (k*fourth/(second*second) - (k-3)/(k-1))
}

// certainty is the degrees of freedom of a proportion's variance: fewer where few blocks have most of it.
func (t totals) certainty() float64 {
	_, df := t.variance()
	return max(1, min(df, t.freedom()))
}

// effective is the number of independent requests that say as much of a proportion as the given ones: their number over
// the design effect (Kish, Survey Sampling, §8.2), and less by the uncertainty of that with few bursts (Korn and
// Graubard, Survey Methodology 24, 1998). Where few of the bursts have nearly all of the requests that are beyond a
// quantile, the uncertainty is that of fewer degrees of freedom (Shoemaker 2003). It is that of a limit which is z
// standard deviations away. It is at most the number of requests.
func (t totals) effective(z float64) float64 {
	n, k, p := sum(t.denominators), float64(len(t.numerators)), t.ratio()
	if n == k && t.memory == 0 {
		return n // bursts of one request: each is an observation
	}
	v, df := t.variance()
	switch {
	case p == 0 || p == 1:
		return k // nothing is known of what requests of one burst would share
	case v == 0:
		return n // as in a plan: so many of each burst
	}
	df = max(1, min(df, t.freedom()))
	z = max(z, smallestZ) // at 0, where one side is known exactly, both quantiles are 0
	uncertain := z / distribution.StudentQuantile(math.Erfc(-z/math.Sqrt2)/2, df)
	return min(n, p*(1-p)/v*uncertain*uncertain)
}

// alike sets the memory of both sides where neighbouring blocks are alike.
func alike(a, b *totals) {
	inflation := analyze.Inflation(a.off(), b.off())
	a.memory = (inflation - 1) / (inflation + 1)
	b.memory = a.memory
}

// alone sets the memory of one side by itself.
func (t *totals) alone() {
	inflation := analyze.Inflation(t.off())
	t.memory = (inflation - 1) / (inflation + 1)
}

// lasting is like alike, for averages.
func lasting(a, b *totals) {
	inflation := analyze.InflationOfValues(a.off(), b.off())
	a.memory = max(a.memory, (inflation-1)/(inflation+1))
	b.memory = a.memory
}

// begin is a ratio of totals without its interval; ok says that there are enough bursts for one.
func (t totals) begin() (out estimated, ok bool) {
	requests := sum(t.denominators)
	out = estimated{bursts: t.bursts, requests: int(requests)}
	if requests == 0 {
		return out, false
	}
	out.Value = analyze.Of(t.ratio())
	out.more = max(0, analyze.MinBursts-len(t.numerators))
	out.byBurst, out.sizes, out.memory, out.df = t.byBurst(), t.denominators, t.memory, t.certainty()
	return out, out.more == 0
}

// average is a ratio of totals, with Student's t interval on the logarithmic scale: latencies are skewed to the right,
// and so are their means.
func (t totals) average() estimated {
	out, ok := t.begin()
	mean := out.Value.V
	switch {
	case !ok:
		return out
	case mean <= 0: // nothing costs anything
		out.Low, out.High = out.Value, out.Value
		return out
	}
	v, df := t.variance()
	out.df = df
	width := distribution.StudentQuantile(1-analyze.Alpha/2, df) * math.Sqrt(v) / mean
	out.Low, out.High = analyze.Of(mean*math.Exp(-width)), analyze.Of(mean*math.Exp(width))
	return out
}

// share is a ratio of totals in percent with Wilson's interval (JASA 22, 1927) for as many independent requests as the
// bursts are worth.
func (t totals) share() estimated {
	out, ok := t.begin()
	p := out.Value.V
	out.Value.V *= 100
	if !ok {
		return out
	}
	n, z := t.effective(normal975), normal975*normal975
	middle := (p + z/(2*n)) / (1 + z/n)
	half := normal975 * math.Sqrt(p*(1-p)/n+z/(4*n*n)) / (1 + z/n)
	out.Low, out.High = analyze.Of(100*max(middle-half, 0)), analyze.Of(100*min(middle+half, 1))
	return out
}

// difference is b - a, with an interval from theirs (MOVER: Zou and Donner, Statistics in Medicine 27, 2008).
func difference(a, b analyze.Estimate) analyze.Estimate {
	if !a.Value.OK || !b.Value.OK {
		return analyze.Estimate{}
	}
	out := analyze.Estimate{Value: analyze.Of(b.Value.V - a.Value.V)}
	if a.Low.OK && a.High.OK && b.Low.OK && b.High.OK {
		out.Low = analyze.Of(out.Value.V - math.Hypot(b.Value.V-b.Low.V, a.High.V-a.Value.V))
		out.High = analyze.Of(out.Value.V + math.Hypot(b.High.V-b.Value.V, a.Value.V-a.Low.V))
	}
	return out
}

// ratio is b / a, with an interval from theirs: that of the difference of their logarithms.
func ratio(a, b analyze.Estimate) analyze.Estimate {
	out := analyze.Estimate{Value: analyze.Ratio(b.Value, a.Value)}
	for _, e := range []analyze.Estimate{a, b} {
		if !e.Low.OK || !e.High.OK || e.Low.V <= 0 {
			return out
		}
	}
	logs := difference(logarithm(a), logarithm(b))
	out.Low, out.High = analyze.Of(math.Exp(logs.Low.V)), analyze.Of(math.Exp(logs.High.V))
	return out
}

func logarithm(e analyze.Estimate) analyze.Estimate {
	return analyze.Estimate{Value: analyze.Of(math.Log(e.Value.V)), Low: analyze.Of(math.Log(e.Low.V)),
		High: analyze.Of(math.Log(e.High.V))}
}
