package analyze

import (
	"cmp"
	"math"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// normal975 is the 97.5 % quantile of the standard normal distribution.
const normal975 = 1.959963984540054

// expansion is the factor by which an interval from the resamples of n bursts is widened: a resample of n has too
// little variance by (n-1)/n, and its percentiles are those of a normal distribution rather than of Student's t
// (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, §4).
func expansion(n int) float64 {
	df := float64(n - 1)
	return math.Sqrt(float64(n)/df) * distribution.StudentQuantile(1-Alpha/2, df) / normal975
}

// interval is the expanded interval of a latency (ms).
func (r *Resampled) interval(v Value, draws []float64, part Part) Estimate {
	e := estimate(v, draws)
	if draws == nil || len(r.Medians[part]) < MinBursts {
		return e
	}
	return e.widenedRatio(expansion(len(r.Medians[part])))
}

// widenedRatio widens an interval by a factor, on the logarithmic scale.
func (e Estimate) widenedRatio(factor float64) Estimate {
	if !e.Low.OK || !e.High.OK || !(e.Value.V > 0) || !(e.Low.V > 0) {
		return e
	}
	e.Low = Of(e.Value.V * math.Pow(e.Low.V/e.Value.V, factor))
	e.High = Of(e.Value.V * math.Pow(e.High.V/e.Value.V, factor))
	return e
}

// widened widens an interval by a factor.
func (e Estimate) widened(factor float64) Estimate {
	if !e.Low.OK || !e.High.OK {
		return e
	}
	e.Low = Of(e.Value.V + (e.Low.V-e.Value.V)*factor)
	e.High = Of(e.Value.V + (e.High.V-e.Value.V)*factor)
	return e
}

// excludes reports whether an interval leaves a value out.
func (e Estimate) excludes(v float64) bool {
	return e.Low.OK && e.High.OK && (e.Low.V > v || e.High.V < v)
}

// test is the comparison of two points of a line; indices count the line's points.
type test struct {
	line         *Line
	fast, slow   int // by their levels
	ratio, delta Estimate
	p            float64 // corrected
	differs      bool
}

// conclude makes the statement of each line. All pairs of points of all lines are one family of tests.
func conclude(all []Comparison) {
	var tests []*test
	untested := 0
	for c := range all {
		for l := range all[c].Lines {
			own, others := all[c].Lines[l].tests()
			tests, untested = append(tests, own...), untested+others
		}
	}
	holm(tests, untested)
	for c := range all {
		all[c].Tests = len(tests) + untested
		for l := range all[c].Lines {
			line := &all[c].Lines[l]
			var own []*test
			for _, t := range tests {
				if t.line == line {
					own = append(own, t)
				}
			}
			line.conclude(own, all[c].Axis.Values != nil)
			all[c].pair(line, own)
		}
	}
}

// allPairs is the number of points up to which each two of them are tested.
const allPairs = 12

// tests compares each two points that have enough requests. Of many points, only the fastest and neighbours are
// compared with others; the number of pairs that are left out counts in the correction, since any of them could have
// been the fastest one's.
func (l *Line) tests() (out []*test, untested int) {
	enough := l.enough()
	if len(enough) < 2 {
		return nil, 0
	}
	blocks := l.inBlocks(enough)
	if blocks != nil {
		l.Blocks = len(blocks.logs[0])
		for k, i := range enough {
			l.Points[i].level = blocks.levels[k]
		}
	}
	wider, fastest := Inflation(l.bursts(enough)...), l.fastest(enough)
	for k, i := range enough {
		for further, j := range enough[k+1:] {
			if len(enough) > allPairs && i != fastest && j != fastest && further > 0 {
				untested++
				continue
			}
			t, a, b := &test{line: l, fast: i, slow: j}, k, k+1+further
			if l.Points[i].level > l.Points[j].level {
				t.fast, t.slow, a, b = j, i, b, a
			}
			if blocks != nil {
				t.paired(blocks, a, b)
			} else {
				t.apart(wider)
			}
			out = append(out, t)
		}
	}
	return out, untested
}

// apart fills in a test of two points whose bursts have nothing in common. The variance of their medians is wider times
// that of independent bursts. Where it is, or bursts have other sizes, the probability is at least that of the medians'
// ratio: ranks of as few bursts as are left find nothing in runs that drift, even of what takes twice as long.
func (t *test) apart(wider float64) {
	a, b := t.line.Points[t.fast], t.line.Points[t.slow]
	ratios, deltas := make([]float64, len(a.draws)), make([]float64, len(a.draws))
	for d := range ratios {
		ratios[d], deltas[d] = b.draws[d]/a.draws[d], b.draws[d]-a.draws[d]
	}
	factor := expansion(min(len(a.bursts), len(b.bursts))) * math.Sqrt(wider)
	fast, slow := a.MainP50.Value.V, b.MainP50.Value.V
	t.ratio = estimate(Of(slow/fast), ratios).widenedRatio(factor)
	t.delta = estimate(Of(slow-fast), deltas).widened(factor)
	var slower bool
	t.p, slower = rankSum(a.bursts, b.bursts)
	if wider > 1 || a.otherSizes(b) {
		t.p = max(t.p, bySpread(slow/fast, ratios, wider, min(len(a.bursts), len(b.bursts))))
	}
	t.differs = slower && t.delta.excludes(0)
}

// otherSizes reports whether bursts have on average over a tenth more requests than those of another point. Medians of
// such bursts vary differently even if all requests are alike, and the median of two requests is the shorter one: the
// rank-sum test finds that.
func (p Point) otherSizes(other Point) bool {
	size, others := float64(p.N)/float64(len(p.bursts)), float64(other.N)/float64(len(other.bursts))
	return max(size, others) > 1.1*min(size, others)
}

// bySpread is the probability that a ratio is as far from 1 without a difference: of its logarithm's Student's t with
// the standard error of its resamples, in which whole bursts or blocks of n were drawn. It is 0 where there is no
// logarithm.
func bySpread(ratio float64, ratios []float64, wider float64, n int) float64 {
	var sum, squares float64
	for _, r := range ratios {
		sum += math.Log(r)
		squares += math.Log(r) * math.Log(r)
	}
	k, df := float64(len(ratios)), float64(n-1)
	spread := math.Sqrt((squares - sum*sum/k) / (k - 1) * wider * float64(n) / df)
	off := math.Abs(math.Log(ratio))
	if !(spread >= 0) || math.IsInf(spread, 0) || off == 0 && spread == 0 {
		return 0
	}
	return distribution.StudentTails(off/spread, df)
}

// bursts are the medians of the bursts of points.
func (l *Line) bursts(points []int) (lists [][]float64) {
	for _, i := range points {
		lists = append(lists, l.Points[i].bursts)
	}
	return lists
}

// fastest is the point with the lowest level, of equal ones the first.
func (l *Line) fastest(points []int) int {
	return slices.MinFunc(points, func(i, j int) int {
		return cmp.Compare(l.Points[i].level, l.Points[j].level)
	})
}

// holm corrects probabilities for their number and that of the untested ones, as if those were larger (Holm,
// Scandinavian Journal of Statistics 6, 1979), and claims the differences that are left at 5 %.
func holm(tests []*test, untested int) {
	ordered := slices.Clone(tests)
	slices.SortStableFunc(ordered, func(a, b *test) int { return cmp.Compare(a.p, b.p) })
	before := 0.0
	for i, t := range ordered {
		t.p = min(1, max(before, t.p*float64(len(ordered)+untested-i)))
		before = t.p
		t.differs = t.differs && t.p <= Alpha
	}
}

// exactRanks is the largest number of bursts for which rankSum counts all arrangements.
const exactRanks = 40

// rankSum is the probability that two samples of one distribution have rank sums that are as far apart (two-sided
// Wilcoxon-Mann-Whitney test), and whether the second sample is the one with the higher ranks. Up to 40 values the
// probability is exact, given the ties; above, it is that of the normal approximation with corrections for ties and
// continuity (Conover, Practical Nonparametric Statistics, §5.1).
func rankSum(a, b []float64) (p float64, higher bool) {
	ranks, ties := doubledRanks(slices.Concat(a, b))
	n, na := len(ranks), len(a)
	sum := 0
	for _, r := range ranks[:na] {
		sum += r
	}
	mean := na * (n + 1) // of doubled ranks
	off := mean - sum
	higher = off > 0
	if off < 0 {
		off = -off
	}
	if n <= exactRanks {
		return exactRankSum(ranks, na, off), higher
	}
	// Of doubled ranks: four times the variance of ranks, twice the step between sums.
	size := float64(n)
	variance := float64(na) * float64(n-na) / 3 * (size + 1 - ties/(size*(size-1)))
	if variance <= 0 {
		return 1, higher
	}
	return math.Erfc(max(0, float64(off)-1) / math.Sqrt(2*variance)), higher
}

// exactRankSum counts the ways to choose na of the ranks whose sum is at least off from the mean.
func exactRankSum(ranks []int, na, off int) float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, na+1) // by how many were chosen, and their sum
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0
	for i, r := range ranks {
		reach += r
		for k := min(i+1, na); k > 0; k-- {
			for s := reach; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	mean := na * (len(ranks) + 1)
	var far, every float64
	for s, w := range ways[na] {
		every += w
		if s <= mean-off || s >= mean+off {
			far += w
		}
	}
	return far / every
}

// doubledRanks are twice the ranks of values, from 2; equal values share the mean of theirs. ties is the sum of t³-t
// over groups of t equal values.
func doubledRanks(values []float64) (ranks []int, ties float64) {
	byValue := make([]int, len(values))
	for i := range byValue {
		byValue[i] = i
	}
	slices.SortFunc(byValue, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	ranks = make([]int, len(values))
	for from := 0; from < len(byValue); {
		to := from + 1
		for to < len(byValue) && values[byValue[to]] == values[byValue[from]] {
			to++
		}
		for _, i := range byValue[from:to] {
			ranks[i] = from + 1 + to
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// pair records how each point of a line compares with its fastest.
func (c *Comparison) pair(l *Line, tests []*test) {
	if len(l.Fastest) == 0 {
		return
	}
	fastest := l.Fastest[0]
	for i, p := range l.Points {
		for _, t := range tests {
			if t.fast != fastest || t.slow != i {
				continue
			}
			c.Pairs = append(c.Pairs, Pair{Line: l.Name, First: l.Points[fastest].Label, Second: p.Label, Sub: p.Sub,
				Ratio: t.ratio, Difference: t.delta, P: Of(t.p), Differs: t.differs})
		}
	}
}
