// Package distribution has the probability distributions that confidence intervals need: beta, Student's t, and the
// exact interval of a proportion.
package distribution

import "math"

// Beta is the regularized incomplete beta function I_x(a, b) for a, b > 0, by its continued fraction (NIST Digital
// Library of Mathematical Functions, 8.17.22), evaluated by Lentz's method. It is the probability that a beta(a, b)
// variable is at most x.
func Beta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // the fraction converges fast on the other side
		return 1 - Beta(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	return front * betaFraction(x, a, b) / a
}

// betaFraction is the continued fraction of Beta.
func betaFraction(x, a, b float64) float64 {
	const tiny, enough = 1e-300, 1e-15
	nonZero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonZero(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 10_000; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/nonZero(1+even*d), nonZero(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/nonZero(1+odd*d), nonZero(1+odd/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < enough {
			break
		}
	}
	return f
}

// BetaQuantile is the x with Beta(x, a, b) = p, to 1e-15.
func BetaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		middle := (low + high) / 2
		if Beta(middle, a, b) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// StudentQuantile is the p-quantile of Student's t distribution with df degrees of freedom, for p from 0.5 to 1 and df
// over 0. With x = df / (df + t²), P(|T| > t) = I_x(df/2, 1/2) (Abramowitz and Stegun, 26.7.1).
func StudentQuantile(p, df float64) float64 {
	x := BetaQuantile(2*(1-p), df/2, 0.5)
	return math.Sqrt(df * (1 - x) / x)
}

// StudentTails is P(|T| > t) for a variable T of Student's t distribution with df degrees of freedom, and t from 0 on.
func StudentTails(t, df float64) float64 { return Beta(df/(df+t*t), df/2, 0.5) }

// ProportionInterval is the exact two-sided interval of a proportion of which k of n were observed, at the level
// 1 - alpha (Clopper and Pearson, Biometrika 26, 1934).
func ProportionInterval(k, n int, alpha float64) (low, high float64) {
	low, high = 0, 1
	if k > 0 {
		low = BetaQuantile(alpha/2, float64(k), float64(n-k+1))
	}
	if k < n {
		high = BetaQuantile(1-alpha/2, float64(k+1), float64(n-k))
	}
	return low, high
}
