package survival

import (
	"fmt"
	"math"
)

// Model is a kind of keep-alive.
type Model string

// The kinds of keep-alives.
const (
	Undecided   Model = ""            // the answers do not tell
	Fixed       Model = "fixed"       // instances end after the same time
	Exponential Model = "exponential" // instances end at any time with the same rate
	Other       Model = "other"       // neither: a Weibull distribution of another shape
)

// Fit is the keep-alive that explains the answers.
type Fit struct {
	Model Model
	// Posterior probability of each model, the prior being a third each.
	Fixed, Exponential, Other float64
	// The keep-alive in seconds: of Fixed its length, of Exponential its mean, of Other its median; with its interval.
	// 0: none.
	Seconds, Low, High float64
	Shape              float64 // Weibull shape of Other; 0: none
	Trials, Lived      int
	// The interval of Fixed lies between the longest wait that was lived through and the shortest that was not.
	Bracket bool
}

// Error is half of the relative width of the interval; infinite where there is none.
func (f Fit) Error() float64 {
	if !(f.Low > 0) || !(f.High >= f.Low) {
		return math.Inf(1)
	}
	return math.Log(f.High/f.Low) / 2
}

// decided is the posterior probability from which on a model counts as told. It bounds the error: whatever waits were
// chosen and whenever one stops, a Bayes factor reaches B under the other model with a probability of 1/B at most
// (Ville 1939; Shafer, Shen, Vereshchagin and Vovk, Statistical Science 26, 2011).
const decided = 0.999

// FitTrials fits the keep-alive to all answers. The range of waits in seconds, from which they were chosen, is the
// prior of the keep-alive.
func FitTrials(trials []Trial, low, high float64) Fit {
	d := NewDesign(low, high)
	for _, t := range trials {
		d.Add(t)
	}
	return d.Fit()
}

// Fit is the keep-alive that explains the answers so far.
func (d *Design) Fit() Fit {
	f := Fit{Trials: len(d.trials)}
	f.Fixed, f.Exponential, f.Other = d.evidence.models()
	switch {
	case f.Fixed >= decided:
		f.Model = Fixed
	case f.Exponential >= decided:
		f.Model = Exponential
	case f.Other >= decided:
		f.Model = Other
	}
	for _, t := range d.trials {
		if t.Lived {
			f.Lived++
		}
	}
	if f.Model != Undecided {
		f.estimate(pooled(d.trials))
	}
	return f
}

// estimate is the keep-alive of a known model.
func (f *Fit) estimate(points []Point) {
	longest, shortest := 0.0, math.Inf(1)
	for _, p := range points {
		if p.Lived > 0 {
			longest = max(longest, p.Wait)
		}
		if p.Lived < p.Trials {
			shortest = min(shortest, p.Wait)
		}
	}
	switch {
	case f.Model == Fixed && longest < shortest && longest > 0:
		f.Seconds, f.Low, f.High, f.Bracket = math.Sqrt(longest*shortest), longest, shortest, true
	case f.Model == Exponential:
		if b := fitWeibull(points, 1); b.ok {
			f.Seconds = math.Exp(-b.a)
			wide := math.Exp(z95 * math.Sqrt(b.varA))
			f.Low, f.High = f.Seconds/wide, f.Seconds*wide
		}
	default:
		if b := fitWeibull(points, 0); b.ok {
			f.Seconds, f.Low, f.High = b.median()
			f.Shape = b.shape
		}
	}
}

// String says in a sentence what the keep-alive is.
func (f Fit) String() string {
	interval := fmt.Sprintf("%.4g s (95 %%: %.4g to %.4g s)", f.Seconds, f.Low, f.High)
	switch {
	case f.Trials == 0:
		return "no wait has an answer"
	case f.Bracket:
		return fmt.Sprintf("the keep-alive is fixed, %.4g s (all instances lived through waits up to %.4g s, none "+
			"from %.4g s on)", f.Seconds, f.Low, f.High)
	case f.Model == Fixed:
		return "the keep-alive is fixed, " + interval
	case f.Model == Exponential:
		return "the keep-alive is exponential, mean " + interval
	case f.Model == Other:
		return fmt.Sprintf("the keep-alive is neither fixed nor exponential: Weibull of shape %.2f, median %s",
			f.Shape, interval)
	case f.Lived == f.Trials:
		return fmt.Sprintf("all instances lived through all %d waits: the keep-alive is longer", f.Trials)
	case f.Lived == 0:
		return fmt.Sprintf("no instance lived through any of %d waits: the keep-alive is shorter", f.Trials)
	}
	return fmt.Sprintf("%d waits do not tell whether the keep-alive is fixed (probability %.3f), exponential (%.3f) "+
		"or neither (%.3f)", f.Trials, f.Fixed, f.Exponential, f.Other)
}
