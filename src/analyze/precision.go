package analyze

import (
	"math"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// Precision is how well the median of a sub-experiment is known, of the part that most of its requests are of.
type Precision struct {
	Part   string // "cold", "warm", or "all" where functions do not report that
	N      int    // requests of the part
	Bursts int    // that they are in
	Median Value  // ms
	// half width of the median's interval as a share of the median; no data with fewer than MinBursts bursts
	HalfWidth Value
}

// Precision gives an interval of the given error probability: that of a normal distribution of the logarithm, with the
// deviation of the resampled medians and a quantile of Student's t for the number of bursts (Efron and Tibshirani, An
// Introduction to the Bootstrap, 1993, §12), wider where neighbouring bursts are alike. It holds at error probabilities
// for which percentiles of the resamples would need many more of them. It needs Options.Resampling.
func (s Summary) Precision(alpha float64) Precision {
	part := All
	switch {
	case s.Cold.Count > s.Warm.Count:
		part = ColdPart
	case s.Warm.Count > 0:
		part = WarmPart
	}
	out := Precision{Part: part.String(), N: s.of(part),
		Median: [...]Value{All: s.P50, ColdPart: s.Cold.P50, WarmPart: s.Warm.P50}[part]}
	r := s.Resampled
	if r == nil || r.P50[part] == nil || !(out.Median.V > 0) || out.N < MinSamples(Median) {
		return out
	}
	out.Bursts = len(r.Medians[part])
	logs := make([]float64, len(r.P50[part]))
	for i, ms := range r.P50[part] {
		if ms <= 0 {
			return out
		}
		logs[i] = math.Log(ms)
	}
	n := float64(out.Bursts)
	_, sd := moments(logs)
	wide := distribution.StudentQuantile(1-alpha/2, n-1) * math.Sqrt(n/(n-1)*Inflation(r.Medians[part]))
	out.HalfWidth = Of(math.Expm1(wide * sd.V))
	return out
}

// Spent is the share of Alpha that may be used up when a part t of the time has passed, from 0 to 1, where intervals
// are looked at repeatedly: the spending function α·ln(1 + (e-1)·t) of K. K. G. Lan and D. L. DeMets, "Discrete
// sequential boundaries for clinical trials", Biometrika 70, 1983, by calendar time (Biometrics 45, 1989). An interval
// of a look that has what was spent since the look before as its error probability misses its value, at any of the
// looks, with a probability of Alpha at most, however they depend on each other.
func Spent(t float64) float64 {
	return Alpha * math.Log1p((math.E-1)*max(0, min(t, 1)))
}
