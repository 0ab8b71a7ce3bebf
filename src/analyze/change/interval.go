package change

import (
	"math"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// normal975 is the 97.5 % quantile of the standard normal distribution.
const normal975 = 1.959963984540054

// estimated is a metric of one side.
type estimated struct {
	analyze.Estimate
	// bursts that an interval needs beyond those that there are; 0: it has one
	more     int
	byBurst  []float64 // what the test compares, of each block: the metric, or a share of requests
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
	serial                   bool // neighbouring blocks are alike
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
// Techniques, §6.4), unless neighbours are alike: then it is the long-run variance by the cosine transform, which needs
// no model of how they are (Lazarus, Lewis, Stock and Watson, Journal of Business & Economic Statistics 36, 2018).
func (t totals) variance() (v, df float64) {
	off, total, k := t.off(), sum(t.denominators), float64(len(t.numerators))
	if !t.serial {
		for _, o := range off {
			v += o * o
		}
		return k / (k - 1) * v / (total * total), k - 1
	}
	df = max(2, math.Round(0.4*math.Pow(k, 2./3)))
	for j := 1.0; j <= df; j++ {
		wave := 0.0
		for i, o := range off {
			wave += o * math.Cos(math.Pi*j*(float64(i)+0.5)/k)
		}
		v += 2 / k * wave * wave
	}
	return v / df * k / (total * total), df
}

// effective is the number of independent requests that say as much of a proportion as the given ones: their number over
// the design effect (Kish, Survey Sampling, §8.2), and less by the uncertainty of that with few bursts (Korn and
// Graubard, Survey Methodology 24, 1998). It is at most their number.
func (t totals) effective() float64 {
	n, k, p := sum(t.denominators), float64(len(t.numerators)), t.ratio()
	if n == k && !t.serial {
		return n // bursts of one request: each is an observation
	}
	v, df := t.variance()
	switch {
	case p == 0 || p == 1:
		return k // nothing is known of what requests of one burst would share
	case v == 0:
		return n // as in a plan: so many of each burst
	}
	uncertain := normal975 / distribution.StudentQuantile(1-analyze.Alpha/2, df)
	return min(n, p*(1-p)/v*uncertain*uncertain)
}

// alike sets serial of both sides where neighbouring blocks are alike.
func alike(a, b *totals) {
	a.serial = analyze.Inflation(a.off(), b.off()) > 1
	b.serial = a.serial
}

// upTo are the numbers of requests up to the quantile, of each block.
func (b blocks) upTo(q analyze.Quantile) totals {
	value := q.Of(b.sorted)
	return totals{numerators: b.count(func(ms float64) bool { return ms <= value.V }), denominators: b.sizes(),
		bursts: b.bursts}
}

// quantile is a quantile of latencies with the interval between the two order statistics that leave 2.5 % on either
// side (Conover, Practical Nonparametric Statistics, §3.2), for as many independent requests as the bursts are worth
// (Woodruff, JASA 47, 1952). Between neighbouring order statistics it is interpolated.
func (b blocks) quantile(q analyze.Quantile, of totals) estimated {
	out := estimated{bursts: b.bursts, requests: len(b.sorted)}
	out.Value = q.Of(b.sorted)
	p := float64(q) / 1000
	if len(b.values) < analyze.MinBursts {
		out.more = analyze.MinBursts - len(b.values)
		if len(b.sorted) > 0 { // if not even as many independent requests would do
			per := float64(len(b.sorted)) / float64(b.bursts)
			out.more = max(out.more, int(math.Ceil(smallest(p)/per))-b.bursts)
		}
		return out
	}
	n := of.effective()
	if need := smallest(p); n < need {
		out.more = max(1, int(math.Ceil(float64(b.bursts)*(need/n-1))))
		return out
	}
	scale := float64(len(b.sorted)+1) / (n + 1)
	low, high := orderStatistics(n, p)
	out.Low, out.High = analyze.Of(b.at(low*scale)), analyze.Of(b.at(high*scale))
	return out
}

// smallest is the number of independent requests from which on the interval of a quantile has both ends: the
// probability that all of them are on one side of it is at most 2.5 %. It is 5.3 for the median, 72 for p95, 367 for
// p99.
func smallest(p float64) float64 {
	return math.Log(analyze.Alpha/2) / math.Log(max(p, 1-p))
}

// orderStatistics are the ranks, from 1, between which the p-quantile is with 95 %: the number of requests below it is
// binomial, and the binomial distribution is that of real numbers by the incomplete beta function.
func orderStatistics(n, p float64) (low, high float64) {
	// P(fewer than r of n are below the quantile) = 1 - I_p(r, n-r+1), and it grows with r.
	fewer := func(r float64) float64 { return 1 - distribution.Beta(p, r, n-r+1) }
	find := func(target float64) float64 {
		from, to := 0.0, n+1
		for range 50 {
			middle := (from + to) / 2
			if fewer(middle) < target {
				from = middle
			} else {
				to = middle
			}
		}
		return (from + to) / 2
	}
	return max(find(analyze.Alpha/2), 1), min(find(1-analyze.Alpha/2), n)
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

// begin is a ratio of totals without its interval; ok says that there are enough bursts for one.
func (t totals) begin() (out estimated, ok bool) {
	requests := sum(t.denominators)
	out = estimated{bursts: t.bursts, requests: int(requests)}
	if requests == 0 {
		return out, false
	}
	out.Value = analyze.Of(t.ratio())
	out.more = max(0, analyze.MinBursts-len(t.numerators))
	out.byBurst = t.byBurst()
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
	n, z := t.effective(), normal975*normal975
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
