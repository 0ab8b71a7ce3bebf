package analyze

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
)

// roundMedian is the median (ms) of a part's requests in one round, in all of its bursts.
type roundMedian struct {
	round int
	ms    float64
}

// rounds are the medians of a part by round, ascending. Rows of one round are consecutive.
func (b Bursts) rounds(part Part) []roundMedian {
	var out []roundMedian
	var values []float64
	last := 0
	flush := func() {
		if len(values) > 0 {
			slices.Sort(values)
			out = append(out, roundMedian{last, Median.Of(values).V})
		}
		values = values[:0]
	}
	for burst := range b.All() {
		if burst.Round != last {
			flush()
			last = burst.Round
		}
		values = append(values, burst.Of(part)...)
	}
	flush()
	return out
}

// blocks are the medians of points that were measured in turn: one of each point in each block. What changes slowly
// changes all medians of a block alike, so that it is in none of their ratios.
type blocks struct {
	ms     [][]float64 // by point, of each block
	logs   [][]float64 // likewise: the logarithm of its ratio to the geometric mean of its block
	levels []float64   // by point, ms: its level were all blocks alike
	seed   uint64
	number int // of resamples
}

// inBlocks finds the blocks that all of some points have; nil where those are too few, or where the run has none. Of
// more than maxBlocks, neighbours are joined.
func (l *Line) inBlocks(points []int) *blocks {
	count := map[int]int{}
	for _, i := range points {
		if l.Points[i].rounds == nil {
			return nil
		}
		for _, r := range l.Points[i].rounds {
			if r.ms > 0 {
				count[r.round]++
			}
		}
	}
	common := 0
	for _, n := range count {
		if n == len(points) {
			common++
		}
	}
	if common < MinBursts {
		return nil
	}
	first := l.Points[points[0]]
	out := &blocks{seed: first.how.Seed, number: cmp.Or(first.how.Draws, defaultDraws)}
	joined := (common + maxBlocks - 1) / maxBlocks
	for _, i := range points {
		var ms []float64
		k := 0
		for _, r := range l.Points[i].rounds {
			if count[r.round] != len(points) {
				continue
			}
			if k%joined == 0 {
				ms = append(ms, 0)
			}
			size := min(joined, common-k/joined*joined)
			ms[len(ms)-1] += math.Log(r.ms) / float64(size)
			k++
		}
		out.logs = append(out.logs, ms)
	}
	out.center()
	return out
}

// center makes logs relative to their block, and sets the levels.
func (b *blocks) center() {
	n, mean := len(b.logs[0]), 0.0
	b.ms = make([][]float64, len(b.logs))
	for i := range b.logs {
		b.ms[i] = make([]float64, n)
	}
	for k := range n {
		sum := 0.0
		for i := range b.logs {
			sum += b.logs[i][k]
		}
		middle := sum / float64(len(b.logs))
		for i := range b.logs {
			b.ms[i][k] = math.Exp(b.logs[i][k])
			b.logs[i][k] -= middle
		}
		mean += middle / float64(n)
	}
	for i := range b.logs {
		b.levels = append(b.levels, math.Exp(mean+newMidmean(b.logs[i]).of(nil)))
	}
}

// between gives the blocks' logarithms of the ratio of two points, and their differences in ms.
func (b *blocks) between(fast, slow int) (logs, deltas []float64) {
	for k := range b.logs[fast] {
		logs = append(logs, b.logs[slow][k]-b.logs[fast][k])
		deltas = append(deltas, b.ms[slow][k]-b.ms[fast][k])
	}
	return logs, deltas
}

// resample calls do for each resample of whole blocks with replacement, with how often each block is in it. The same
// blocks are drawn for all points: what they have in common stays in common.
func (b *blocks) resample(do func(draw int, weight []float64)) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], b.seed)
	copy(seed[8:], "blocks")
	rng := rand.New(rand.NewChaCha8(seed))
	n := len(b.logs[0])
	weight := make([]float64, n)
	for draw := range b.number {
		clear(weight)
		for range n {
			weight[rng.IntN(n)]++
		}
		do(draw, weight)
	}
}

// midmean is the mean of the middle half of values: nearly as narrow as the mean where they are normal, and not moved
// by a few long ones (25 % trimmed mean; S. M. Stigler, "Do robust estimators work with real data?", Annals of
// Statistics 5, 1977).
type midmean struct {
	values []float64
	order  []int // of values, ascending
}

func newMidmean(values []float64) midmean {
	m := midmean{values: values, order: make([]int, len(values))}
	for i := range m.order {
		m.order[i] = i
	}
	slices.SortStableFunc(m.order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	return m
}

// of is the midmean of a resample that has each value so often as its weight says; nil: of the values themselves.
func (m midmean) of(weight []float64) float64 {
	n := float64(len(m.values))
	low, high := n/4, n-n/4
	sum, below := 0.0, 0.0
	for _, i := range m.order {
		w := 1.0
		if weight != nil {
			w = weight[i]
		}
		if inside := min(below+w, high) - max(below, low); inside > 0 {
			sum += inside * m.values[i]
		}
		below += w
	}
	return sum / (high - low)
}

// paired fills in a test of two points of a line that were measured in the same blocks: the signed-rank test of their
// ratios, and intervals of the midmeans of ratios and differences over resampled blocks. i and j are places in b.
func (t *test) paired(b *blocks, i, j int) {
	logs, deltas := b.between(i, j)
	wider := Inflation(logs)
	ofLogs, ofDeltas := newMidmean(logs), newMidmean(deltas)
	ratios, more := make([]float64, b.number), make([]float64, b.number)
	b.resample(func(draw int, weight []float64) {
		ratios[draw], more[draw] = math.Exp(ofLogs.of(weight)), ofDeltas.of(weight)
	})
	factor := expansion(len(logs)) * math.Sqrt(wider)
	t.ratio = estimate(Of(math.Exp(ofLogs.of(nil))), ratios).widenedRatio(factor)
	t.delta = estimate(Of(ofDeltas.of(nil)), more).widened(factor)
	var slower bool
	t.p, slower = signedRank(logs)
	if wider > 1 {
		t.p = max(t.p, bySpread(t.ratio.Value.V, ratios, wider, len(logs)))
	}
	t.differs = slower && t.ratio.excludes(1)
}

// signedRank is the probability that differences that are as often positive as negative, whatever their sizes, have
// signed ranks whose sum is as far from its mean (two-sided Wilcoxon signed-rank test; F. Wilcoxon, Biometrics Bulletin
// 1, 1945), and whether the positive ones outweigh. Differences of zero are left out. Up to 40 it is exact, given the
// ties; above, it is that of the normal approximation with corrections for ties and continuity (Conover, Practical
// Nonparametric Statistics, §5.7).
func signedRank(differences []float64) (p float64, positive bool) {
	var sizes []float64
	var above []bool
	for _, d := range differences {
		if d != 0 {
			sizes, above = append(sizes, math.Abs(d)), append(above, d > 0)
		}
	}
	ranks, _ := doubledRanks(sizes)
	var total, sum, square int
	for i, r := range ranks {
		total += r
		square += r * r
		if above[i] {
			sum += r
		}
	}
	off := 2*sum - total // of quadrupled ranks, from their mean
	positive = off > 0
	if off < 0 {
		off = -off
	}
	switch {
	case len(ranks) == 0:
		return 1, false
	case len(ranks) <= exactRanks:
		return exactSignedRank(ranks, total, off), positive
	}
	// The sum of ±rank has the sum of their squares as its variance; neighbouring sums are 2 ranks apart.
	return math.Erfc(max(0, float64(off)-2) / math.Sqrt(2*float64(square))), positive
}

// exactSignedRank counts the ways to choose the signs that give a sum at least off from the mean.
func exactSignedRank(ranks []int, total, off int) float64 {
	ways := make([]float64, total+1)
	ways[0] = 1
	reach := 0
	for _, r := range ranks {
		reach += r
		for s := reach; s >= r; s-- {
			ways[s] += ways[s-r]
		}
	}
	var far, every float64
	for s, w := range ways {
		every += w
		if 2*s-total >= off || total-2*s >= off {
			far += w
		}
	}
	return far / every
}
