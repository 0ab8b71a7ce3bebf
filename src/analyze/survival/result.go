package survival

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Result is what the waits of a sub-experiment say.
type Result struct {
	Curve      []Point
	Fit        Fit
	Functions  int           // measured side by side
	Unanswered int           // waits that do not tell whether the instance lived
	Took       time.Duration // from the first request to the last one
	Cost       float64       // USD of all requests; NaN: not known
}

// Findings says in sentences what was found, for the terminal.
func (r Result) Findings() []string {
	out := []string{fmt.Sprintf("%s; %d waits, %d lived through, in %s on %d functions", r.Fit, r.Fit.Trials,
		r.Fit.Lived, r.Took.Round(100*time.Millisecond), r.Functions)}
	if r.Unanswered > 0 {
		out = append(out, fmt.Sprintf("%d waits have no answer: their request failed, or another instance than the "+
			"one before was warm, or the function does not say", r.Unanswered))
	}
	return out
}

// Alive is the fitted probability that an instance lives through a wait of so many seconds; false: nothing was fitted.
func (f Fit) Alive(seconds float64) (float64, bool) {
	switch {
	case !(f.Seconds > 0):
		return 0, false
	case f.Model == Exponential:
		return math.Exp(-seconds / f.Seconds), true
	case f.Model == Fixed && seconds < f.Seconds:
		return 1, true
	case f.Model == Fixed:
		return 0, true
	}
	return math.Exp(-math.Ln2 * math.Pow(seconds/f.Seconds, f.Shape)), true
}

// WriteCurve writes survival.csv: a row for each wait, with its interval at 95 %.
func (r Result) WriteCurve(w io.Writer) error {
	lines := [][]string{{"Wait (s)", "Waits", "Lived", "Alive", "Alive CI Low", "Alive CI High"}}
	for _, p := range r.Curve {
		lines = append(lines, []string{decimals(p.Wait, 6), strconv.Itoa(p.Trials), strconv.Itoa(p.Lived),
			decimals(p.Alive, 6), decimals(p.Low, 6), decimals(p.High, 6)})
	}
	return write(w, lines)
}

// WriteStatistics writes eviction-statistics.csv, one row. What does not exist is an empty cell.
func (r Result) WriteStatistics(w io.Writer) error {
	model, fit := r.Fit.Model, r.Fit
	if model == Undecided {
		model = "undecided"
	}
	shape := 0.0
	if model == Other {
		shape = fit.Shape
	}
	cost := ""
	if r.Cost >= 0 {
		cost = strconv.FormatFloat(r.Cost, 'f', -1, 64)
	}
	return write(w, [][]string{
		{"Keep-Alive", "Keep-Alive (s)", "Keep-Alive CI Low (s)", "Keep-Alive CI High (s)", "Weibull Shape", "P(fixed)",
			"P(exponential)", "P(other)", "Waits", "Lived", "Unanswered", "Functions", "Time (s)", "Cost (USD)"},
		{string(model), positive(fit.Seconds), positive(fit.Low), positive(fit.High), positive(shape),
			decimals(fit.Fixed, 6), decimals(fit.Exponential, 6), decimals(fit.Other, 6), strconv.Itoa(fit.Trials),
			strconv.Itoa(fit.Lived), strconv.Itoa(r.Unanswered), strconv.Itoa(r.Functions),
			decimals(r.Took.Seconds(), 3), cost},
	})
}

func write(w io.Writer, lines [][]string) error {
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("writing the survival of instances: %w", err)
	}
	return nil
}

func decimals(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// positive is a number over 0, else empty.
func positive(v float64) string {
	if !(v > 0) || math.IsInf(v, 0) {
		return ""
	}
	return decimals(v, 6)
}
