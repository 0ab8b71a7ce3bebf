package analyze

import "math"

// Histogram is a sample in bins of one width. Edges are one more than Counts; a bin holds low ≤ x < high, the last one
// its upper edge too.
type Histogram struct {
	Edges  []float64
	Counts []int
}

// Bins makes a histogram of a sample in ascending order. The bin width is that of Freedman and Diaconis (1981),
// 2·IQR/∛n; if the quartiles are equal, it is that of Sturges (1926), range/(1+log₂ n). There are at most maxBins:
// otherwise one far outlier would cause millions. Equal values make one bin around them, a tenth of the value wide (1
// around zero); no values make no bins.
func Bins(sorted []float64, maxBins int) Histogram {
	n := len(sorted)
	if n == 0 || maxBins < 1 {
		return Histogram{}
	}
	low, high := sorted[0], sorted[n-1]
	if math.IsNaN(low) || math.IsInf(high-low, 0) {
		return Histogram{}
	}
	if high == low {
		half := math.Abs(low) / 20
		if half == 0 {
			half = 0.5
		}
		return Histogram{Edges: []float64{low - half, low + half}, Counts: []int{n}}
	}
	width := 2 * (P75.Of(sorted).V - P25.Of(sorted).V) / math.Cbrt(float64(n))
	if width <= 0 {
		width = (high - low) / (1 + math.Log2(float64(n)))
	}
	// Compared as floats first: the quotient may not fit an int.
	bins := int(math.Max(1, math.Min(math.Ceil((high-low)/width), float64(maxBins))))
	h := Histogram{Edges: make([]float64, bins+1), Counts: make([]int, bins)}
	for i := range h.Edges {
		h.Edges[i] = low + (high-low)*float64(i)/float64(bins)
	}
	h.Edges[bins] = high
	b := 0
	for _, x := range sorted {
		for b < bins-1 && x >= h.Edges[b+1] {
			b++
		}
		h.Counts[b]++
	}
	return h
}
