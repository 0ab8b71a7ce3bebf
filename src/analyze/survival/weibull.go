package survival

import "math"

// curve is a Weibull survival curve: an instance lives through a wait of t seconds with the probability
// exp(-exp(a + shape·ln t)). A shape of 1 is the exponential distribution; the larger the shape, the sharper the end.
type weibull struct {
	a, shape float64
	// the inverse of the expected information of a and the shape: variances and covariance; with a given shape only
	// varA
	varA, varShape, cov float64
	ok                  bool // the answers determine it
}

const (
	maxShape  = 200 // as sharp as can be told from a step
	minShape  = 0.05
	fitRounds = 60
)

// fitWeibull is the maximum likelihood estimate, a binomial regression of "the instance was gone" on the logarithm of
// the wait with the complementary log-log link, by Fisher scoring (McCullagh and Nelder, Generalized Linear Models,
// chapter 4). The log-likelihood is concave, so that there is one maximum. shape over 0 is kept as it is.
func fitWeibull(points []Point, shape float64) weibull {
	lived, gone, center := 0, 0, 0.0
	for _, p := range points {
		lived, gone = lived+p.Lived, gone+p.Trials-p.Lived
		center += float64(p.Trials) * math.Log(p.Wait)
	}
	if lived == 0 || gone == 0 {
		return weibull{} // any scale on one side of the waits explains that
	}
	center /= float64(lived + gone)
	free := shape <= 0
	b := weibull{a: math.Log(math.Log(float64(lived+gone) / float64(lived))), shape: shape, ok: true}
	if free {
		b.shape = 1
	}
	// The regression is on ln t - center, where its two parameters depend less on each other.
	logL := b.logLikelihood(points, center)
	for range fitRounds {
		da, ds := b.step(points, center, free)
		if !(math.Abs(da)+math.Abs(ds) > 1e-7) {
			break
		}
		next := b
		for half := 1.0; ; half /= 2 {
			next.a, next.shape = b.a+half*da, b.shape+half*ds
			if free {
				next.shape = min(max(next.shape, minShape), maxShape)
			}
			if l := next.logLikelihood(points, center); l >= logL || half < 1e-6 {
				logL = l
				break
			}
		}
		b.a, b.shape = next.a, next.shape
	}
	// Back to ln t.
	b.varA += center*center*b.varShape - 2*center*b.cov
	b.cov -= center * b.varShape
	b.a -= center * b.shape
	return b
}

// step is one step of Fisher scoring; it sets the variances.
func (b *weibull) step(points []Point, center float64, free bool) (da, ds float64) {
	var scoreA, scoreS, iaa, ias, iss float64
	for _, p := range points {
		x := math.Log(p.Wait) - center
		mu := math.Exp(min(b.a+b.shape*x, 500))
		odds := oddsOf(mu) // mu / (exp(mu) - 1): the derivative of ln P(gone)
		score := float64(p.Trials-p.Lived)*odds - float64(p.Lived)*mu
		weight := float64(p.Trials) * mu * odds
		scoreA, scoreS = scoreA+score, scoreS+score*x
		iaa, ias, iss = iaa+weight, ias+weight*x, iss+weight*x*x
	}
	if !free {
		b.varA = 1 / iaa
		return scoreA / iaa, 0
	}
	det := iaa*iss - ias*ias
	if !(det > 1e-12*iaa*iss) {
		b.varA = 1 / iaa
		return scoreA / iaa, 0
	}
	b.varA, b.varShape, b.cov = iss/det, iaa/det, -ias/det
	return (iss*scoreA - ias*scoreS) / det, (iaa*scoreS - ias*scoreA) / det
}

// oddsOf is mu / (exp(mu) - 1), which is 1 at 0.
func oddsOf(mu float64) float64 {
	switch {
	case mu < 1e-12:
		return 1
	case mu > 700:
		return 0
	}
	return mu / math.Expm1(mu)
}

func (b *weibull) logLikelihood(points []Point, center float64) (sum float64) {
	for _, p := range points {
		mu := math.Exp(b.a + b.shape*(math.Log(p.Wait)-center))
		if p.Lived > 0 {
			sum -= float64(p.Lived) * mu
		}
		if gone := p.Trials - p.Lived; gone > 0 {
			sum += float64(gone) * logGone(mu)
		}
	}
	return sum
}

// logGone is ln(1 - exp(-mu)).
func logGone(mu float64) float64 {
	if mu > 0.7 {
		return math.Log1p(-math.Exp(-mu))
	}
	return math.Log(-math.Expm1(-mu))
}

// quantile is the wait in seconds that a share of the instances does not live through.
func (b *weibull) quantile(gone float64) float64 {
	return math.Exp((math.Log(-math.Log1p(-gone)) - b.a) / b.shape)
}

// median is the wait that half of the instances live through, with its interval at 95 %: Wald's, on the logarithm.
func (b *weibull) median() (seconds, low, high float64) {
	seconds = b.quantile(0.5)
	ga, gs := -1/b.shape, -math.Log(seconds)/b.shape
	se := math.Sqrt(ga*ga*b.varA + 2*ga*gs*b.cov + gs*gs*b.varShape)
	return seconds, seconds * math.Exp(-z95*se), seconds * math.Exp(z95*se)
}

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959964
