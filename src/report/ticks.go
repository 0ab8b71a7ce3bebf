package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// linear places about `want` labelled ticks at multiples of 1, 2, 2.5 or 5 times a power of ten; whole means that the
// axis counts things, so that fractions make no sense.
type linear struct {
	want  int
	whole bool
}

// Ticks gives the labelled ticks between low and high, ascending.
func (l linear) Ticks(low, high float64) []plot.Tick {
	if !(high > low) || math.IsInf(high-low, 0) {
		return nil
	}
	step := niceStep((high-low)/float64(max(l.want, 1)), l.whole)
	decimals := stepDecimals(step)
	var ticks []plot.Tick
	first := math.Ceil(low/step - 1e-9)
	for k := first; k*step <= high+step*1e-9; k++ {
		v := k * step
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v+0, 'f', decimals, 64)})
	}
	return ticks
}

// niceStep is the smallest of 1, 2, 2.5, 5 × 10ᵏ that is not below the given step.
func niceStep(least float64, whole bool) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		step := m * power
		if whole && step != math.Trunc(step) {
			continue
		}
		if step >= least*(1-1e-9) {
			return step
		}
	}
	return 1 // whole, and less than one was asked for
}

// stepDecimals is the number of decimals that distinguish multiples of a step.
func stepDecimals(step float64) int {
	for d := range 12 {
		scaled := step * math.Pow(10, float64(d))
		if math.Abs(scaled-math.Round(scaled)) < 1e-6*scaled {
			return d
		}
	}
	return 12
}

// decades places ticks for a logarithmic axis: labels at 1, 2 and 5 of each decade while there is room for them, else
// at the powers of ten, else at every other (third, …) one; the remaining multiples are unlabelled.
type decades struct{}

// Ticks gives the labelled and the minor ticks between low and high, ascending.
func (decades) Ticks(low, high float64) []plot.Tick {
	if !(low > 0) || !(high > low) || math.IsInf(high, 0) {
		return nil
	}
	span := math.Log10(high / low)
	fine := span <= 3.7 // more 1-2-5 labels than that would touch each other
	every := max(1, int(math.Ceil(span/11)))
	var ticks []plot.Tick
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	for e := first; e <= last; e++ {
		for m := 1; m <= 9; m++ {
			v := float64(m) * math.Pow10(e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if (m == 1 && e%every == 0) || (fine && (m == 2 || m == 5)) {
				t.Label = decadeLabel(m, e)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// decadeLabel writes m × 10ᵉ in full as long as that is short.
func decadeLabel(m, e int) string {
	if e > 6 || e < -6 {
		return strconv.Itoa(m) + "e" + strconv.Itoa(e)
	}
	return strconv.FormatFloat(float64(m)*math.Pow10(e), 'f', max(0, -e), 64)
}

// logRange widens a range of latencies by a few percent of its length on a logarithmic axis.
func logRange(low, high float64) (float64, float64) {
	pad := math.Pow(high/low, 0.03)
	return low / pad, high * pad
}

// linearRange widens a range likewise on a linear axis, but not below zero: there are no negative latencies.
func linearRange(low, high float64) (float64, float64) {
	pad := (high - low) * 0.04
	if pad == 0 {
		pad = math.Max(high*0.1, 0.1)
	}
	return math.Max(0, low-pad), high + pad
}
