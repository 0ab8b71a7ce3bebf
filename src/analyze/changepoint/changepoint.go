// Package changepoint finds where the level of a series changes.
//
// The method is binary segmentation (Scott & Knott, Biometrics 30, 1974; the hierarchical estimation of Matteson &
// James, Journal of the American Statistical Association 109, 2014) with a rank test at each step: the largest
// standardized Mann-Whitney statistic over all places at which a segment can be split (Pettitt, Applied Statistics 28,
// 1979, in the standardized form of Hawkins & Deng, Journal of Quality Technology 42, 2010). Its p-value comes from
// random permutations. Ranks make the null distribution depend on the segment's length alone, so that one table serves
// all series, and they make single outliers harmless: one value, however large, is never a change.
//
// A series gets an error probability. If its first test rejects, the two halves are tested at half of that probability
// each, and so on. A null hypothesis passes on only what its own rejection has freed (the graphical procedures of Bretz
// et al., Statistics in Medicine 28, 2009), so the probability of any false change in a series stays under its own.
// Values of a series that has no change are taken to be exchangeable: a slow drift is a change.
package changepoint

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Change is a place where the level of a series changes.
type Change struct {
	At int     // index of the first value of the new level
	P  float64 // of its test
}

const (
	fewestDraws = 20_000
	mostDraws   = 200_000
	mostSteps   = 50_000_000 // of the permutations of one table: draws times length
	drawsEach   = 1_000      // draws for each 1/Alpha: what is above the limit is known to 3 % of it (1/√1000)
	nearby      = 10         // places on either side of the best split that are looked at again
)

// Tables are null distributions, which finders make when they need them and share. They are not for several goroutines
// at once. The zero value has none yet.
type Tables struct{ made map[size][]float64 } // the statistics of permutations, ascending

type size struct{ n, draws int }

// Finder finds changes in series of which each has the same error probability.
type Finder struct {
	alpha  float64
	tables *Tables
}

// NewFinder makes a finder that claims a change in a series without one with a probability of at most alpha. For
// several series at once, alpha is the whole probability divided by their number (Bonferroni). Without tables it makes
// its own.
func NewFinder(alpha float64, tables *Tables) *Finder {
	if tables == nil {
		tables = &Tables{}
	}
	return &Finder{alpha, tables}
}

// Find returns the changes of a series, in ascending order. The same values give the same changes.
func (f *Finder) Find(values []float64) []Change {
	changes := f.find(values, 0, len(values), f.alpha)
	slices.SortFunc(changes, func(a, b Change) int { return a.At - b.At })
	return changes
}

func (f *Finder) find(values []float64, from, to int, alpha float64) []Change {
	segment := values[from:to]
	if len(segment) < Fewest(alpha) {
		return nil
	}
	most, at := largest(ranks(segment))
	p := f.p(len(segment), most)
	if p > alpha {
		return nil
	}
	at = from + refined(segment, at)
	out := append(f.find(values, from, at, alpha/2), f.find(values, at, to, alpha/2)...)
	return append(out, Change{At: at, P: p})
}

// Fewest is the length of the shortest series in which a change can be found at this error probability: that of two
// levels of equal length, of which one is completely above the other. With n values, 2 of the n!/((n/2)!)² ways to
// choose the upper half do that.
func Fewest(alpha float64) int {
	ways := 2.0 // of 2 values
	for n := 2; ; n += 2 {
		if 2/ways <= alpha || n > 1000 {
			return n
		}
		half := float64(n / 2)
		ways *= (2*half + 1) * (2*half + 2) / ((half + 1) * (half + 1))
	}
}

// Delay is the number of values beyond a change that are needed, at the end of a series of length n, before it can be
// found, if all of them are above (or all below) those before it; n/2 at most.
func (f *Finder) Delay(n int) int {
	for k := 1; k < n/2; k++ {
		if f.p(n, separated(n, k)) <= f.alpha {
			return k
		}
	}
	return n / 2
}

// separated is the statistic of k values that are all above the others.
func separated(n, k int) float64 { return math.Sqrt(3 * float64(k) * float64(n-k) / float64(n+1)) }

// ranks are the ranks of values, from 1. Equal ones share the mean of theirs, which makes the statistic smaller.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		end := i + 1
		for end < len(order) && values[order[end]] == values[order[i]] {
			end++
		}
		for _, at := range order[i:end] {
			out[at] = float64(i+1+end) / 2
		}
		i = end
	}
	return out
}

// largest is the largest standardized Mann-Whitney statistic over all splits, and the length of its first part.
func largest(ranks []float64) (most float64, at int) {
	n := float64(len(ranks))
	sum := 0.0
	for i, r := range ranks[:len(ranks)-1] {
		k := float64(i + 1)
		sum += r
		off := sum - k*(n+1)/2
		if z := off * off / (k * (n - k)); z > most {
			most, at = z, i+1
		}
	}
	return math.Sqrt(most * 12 / (n + 1)), at
}

// p is the probability that a permutation of n ranks has so large a statistic, or a larger one. The sample itself
// counts as one of the permutations, so that it is never 0 (Davison & Hinkley, Bootstrap Methods, §4.3).
func (f *Finder) p(n int, statistic float64) float64 {
	draws := min(max(fewestDraws, int(drawsEach/f.alpha)), mostDraws, max(1000, mostSteps/n))
	table := f.tables.of(size{n, draws})
	below, _ := slices.BinarySearch(table, statistic-1e-9)
	return float64(len(table)-below+1) / float64(len(table)+1)
}

// of is the table of a size.
func (t *Tables) of(s size) []float64 {
	if table, there := t.made[s]; there {
		return table
	}
	rng := rand.New(rand.NewPCG(uint64(s.n), 0x9e3779b97f4a7c15))
	all := make([]float64, s.n)
	for i := range all {
		all[i] = float64(i + 1)
	}
	table := make([]float64, s.draws)
	for i := range table {
		for a := s.n - 1; a > 0; a-- { // Fisher and Yates
			b := rng.IntN(a + 1)
			all[a], all[b] = all[b], all[a]
		}
		table[i], _ = largest(all)
	}
	slices.Sort(table)
	if t.made == nil {
		t.made = map[size][]float64{}
	}
	t.made[s] = table
	return table
}

// refined is the split near another one with the least sum of distances from the two medians: the rank statistic is
// often larger one place beside the change.
func refined(values []float64, at int) int {
	best, least := at, math.Inf(1)
	for k := max(1, at-nearby); k <= min(len(values)-1, at+nearby); k++ {
		if off := distance(values[:k]) + distance(values[k:]); off < least {
			best, least = k, off
		}
	}
	return best
}

// distance is the sum of the distances of values from their median.
func distance(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	sum := 0.0
	for i, half := 0, len(sorted)/2; i < half; i++ {
		sum += sorted[len(sorted)-1-i] - sorted[i]
	}
	return sum
}
