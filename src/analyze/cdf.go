package analyze

import "sort"

// CDF is the empirical distribution function of a sample, reduced to what a page can show.
type CDF struct {
	X []float64 // ms, ascending, no two equal; the least and the greatest of the sample are among them
	N []int     // so many of the sample are at most X
}

// Len is the size of the sample.
func (c CDF) Len() int {
	if len(c.N) == 0 {
		return 0
	}
	return c.N[len(c.N)-1]
}

// maxCorners is the approximate number of steps of a CDF that are kept: the part of the sample between two of them is
// too small to see.
const maxCorners = 1 << 14

// thinned is the distribution function of a sample in ascending order.
func thinned(n int, at func(int) float64) CDF {
	var c CDF
	every := max(1, n/maxCorners)
	for i := 0; i < n; {
		x := at(i)
		// The number of values that are not greater, looked for among those that follow.
		end := i + 1 + sort.Search(n-i-1, func(k int) bool { return at(i+1+k) > x })
		c.X, c.N = append(c.X, x), append(c.N, end)
		if end == n {
			break
		}
		i = min(max(end, i+every), n-1)
	}
	return c
}
