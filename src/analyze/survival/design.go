package survival

import "math"

// Design chooses waits one after the other, each where the answers so far leave most to learn. It is not safe for
// concurrent use.
type Design struct {
	low, high float64 // range of waits, seconds
	waits     []float64
	evidence  *evidence
	trials    []Trial
	chosen    int
	fit       Fit // of the first fitted answers
	fitted    int
}

const (
	// Precision is the half width of the keep-alive's interval, relative to it, at which a design is done. It lies
	// below 5 %, so that the true value is within 5 % of the estimate in more than 95 of 100 runs.
	Precision = 0.045
	// candidates is how many waits are compared while the model is not known.
	candidates = 32
	// golden spreads a sequence evenly: the fractional parts of its multiples (Weyl's sequence).
	golden = 0.6180339887498949
)

// NewDesign starts a design over a range of waits in seconds. A range that begins at 0 begins at a thousandth of its
// end.
func NewDesign(low, high float64) *Design {
	low = max(low, high/1000)
	d := &Design{low: low, high: high, evidence: newEvidence(low, high)}
	for k := range candidates {
		d.waits = append(d.waits, low*math.Pow(high/low, float64(k)/(candidates-1)))
	}
	return d
}

// Add takes the answer of a wait, in whichever order answers come.
func (d *Design) Add(t Trial) {
	if !(t.Wait > 0) {
		return
	}
	d.trials = append(d.trials, t)
	d.evidence.add(t)
}

// Done says whether the keep-alive is known: its model is known, and its interval is within Precision.
func (d *Design) Done() bool {
	d.refresh()
	if d.fit.Model == Undecided || d.fit.Error() > Precision {
		return false
	}
	d.fit, d.fitted = d.Fit(), len(d.trials)
	return d.fit.Model != Undecided && d.fit.Error() <= Precision
}

// refresh fits again where there are new answers; where an exponential keep-alive is known, a tenth of new ones.
func (d *Design) refresh() {
	step := 0
	if d.fit.Model == Exponential {
		step = d.fitted / 10
	}
	if n := len(d.trials); n > d.fitted+step {
		d.fit, d.fitted = d.Fit(), n
	}
}

// Next chooses a wait, in seconds, for one of so many functions that are measured side by side.
//
// While the model is not known, waits lie where an answer says most about model and keep-alive. A fixed keep-alive is
// then bracketed. Of an exponential one with the mean m, the answer after a wait of 1.59 m says most: the information
// on ln m is x²/(exp(x) - 1) at x = t/m. Waits lie around it, so that they also show whether the curve has that shape.
func (d *Design) Next(slot, of int) float64 {
	d.refresh()
	d.chosen++
	u := math.Mod(float64(d.chosen)*golden, 1)
	var wait float64
	switch f := d.fit; {
	case f.Model == Fixed && f.Bracket:
		wait = f.Low * math.Pow(f.High/f.Low, (float64(slot)+0.5)/float64(of))
	case f.Model == Fixed && f.Seconds > 0:
		wait = f.Seconds * math.Pow(f.High/f.Low, 2*u-1)
	case f.Model == Exponential && f.Seconds > 0:
		wait = f.Seconds * (0.9 + 1.6*u)
	default:
		wait = d.learn(u)
	}
	return d.rounded(wait)
}

// learn is a wait with much information: a quantile of the candidates, weighed by the square of what each gains.
func (d *Design) learn(u float64) float64 {
	gains := d.evidence.gains(d.waits)
	sum := 0.0
	for i, g := range gains {
		gains[i] = g * g
		sum += gains[i]
	}
	if sum == 0 {
		return d.low * math.Pow(d.high/d.low, u)
	}
	for i, g := range gains {
		if u -= g / sum; u <= 0 {
			return d.waits[i]
		}
	}
	return d.high
}

// rounded is a wait within the range, to half a percent: waits that are equal are told together.
func (d *Design) rounded(wait float64) float64 {
	steps := math.Round(math.Log(wait/d.low) / fineStep)
	return min(max(d.low*math.Exp(steps*fineStep), d.low), d.high)
}
