package change

import (
	"math"
	"slices"
)

// Bursts of different sizes: a large one draws the ratio of all to itself, and has few others beside it.

// leveraged is off, made larger where a block has much of the ratio in itself, so that the variance made of it has no
// bias if the blocks' averages have equal variances (Bell and McCaffrey, Survey Methodology 28, 2002). Of blocks of
// equal sizes it is off itself.
func (t totals) leveraged() []float64 {
	off, k := t.off(), float64(len(t.denominators))
	for i, left := range t.left() {
		off[i] *= math.Sqrt((1 - 1/k) / left)
	}
	return off
}

// left is how much of the variance of a block's average is left, for each block, in its distance from the ratio of all:
// with w as a block's part of all requests, 1 - 2w + Σw².
func (t totals) left() []float64 {
	total, squares := sum(t.denominators), 0.0
	for _, d := range t.denominators {
		squares += d / total * d / total
	}
	out := make([]float64, len(t.denominators))
	for i, d := range t.denominators {
		out[i] = 1 - 2*d/total + squares
	}
	return out
}

// degrees is the degrees of freedom of the variance of leveraged blocks: as many as a chi-squared variable has that
// varies as much as their sum of squares does, if the blocks' averages have equal variances (Satterthwaite's method as
// Bell and McCaffrey apply it). With equal sizes it is one less than the number of blocks.
//
// The sum of squares is a quadratic form of the averages. With w as a block's part of all requests and c = w² / left,
// its matrix is the sum of c (e-w)(e-w)ᵀ over the unit vectors e, and the result is trace² / trace of the square.
func (t totals) degrees() float64 {
	var c, cc, cw, cww, ww, ccw float64 // sums of products
	total, left := sum(t.denominators), t.left()
	for i, d := range t.denominators {
		w := d / total
		v := w * w / left[i]
		c, cc, cw, cww, ww, ccw = c+v, cc+v*v, cw+v*w, cww+v*w*w, ww+w*w, ccw+v*v*w
	}
	trace := c - 2*cw + c*ww
	square := cc - 4*ccw + 2*c*cww + 2*cw*cw + 2*cc*ww - 4*c*cw*ww + c*c*ww*ww
	return min(max(trace*trace/square, 1), float64(len(t.denominators)-1))
}

// differ reports whether the blocks of two sides have other sizes: the largest distance of their distributions is one
// that chance makes in less than 5 % (Smirnov's two-sample test; Conover, §6.3).
func differ(a, b []float64) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	n, m := float64(len(a)), float64(len(b))
	i, k, far := 0, 0, 0.0
	for i < len(a) && k < len(b) {
		at := min(a[i], b[k])
		for i < len(a) && a[i] == at {
			i++
		}
		for k < len(b) && b[k] == at {
			k++
		}
		far = max(far, math.Abs(float64(i)/n-float64(k)/m))
	}
	return far > math.Sqrt(-math.Log(0.025)/2*(n+m)/(n*m))
}
