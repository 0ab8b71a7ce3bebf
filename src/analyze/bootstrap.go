package analyze

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
)

// MinBursts is the smallest number of bursts for a bootstrap: with fewer than six independent observations, no
// distribution-free 95 % interval exists even for a median.
const MinBursts = 6

// maxBlocks is the largest number of blocks that are resampled. If there are more bursts, as in a sustained load of
// single requests, neighbours are joined: a block bootstrap (Carlstein, Annals of Statistics 14, 1986), which also
// keeps what neighbours have in common.
const maxBlocks = 10_000

// Resampling says how a bootstrap draws. The same seed and samples give the same interval.
type Resampling struct {
	Seed  uint64
	Draws int // resamples; 0: 2000
}

const defaultDraws = 2000

// Estimate is a statistic of a sample with its 95 % interval.
type Estimate struct {
	Value Value `json:"value"`
	Low   Value `json:"low"`
	High  Value `json:"high"`
}

// Resampled are the quantiles (ms) of resamples of whole bursts with replacement (cluster bootstrap: Davison & Hinkley,
// Bootstrap Methods, §3.8). Requests of one burst share their queue and their instances, so resampling single requests
// would make intervals too narrow. A list is nil where fewer than MinBursts bursts have data.
type Resampled struct {
	P50 [3][]float64 // by Part, in the order they were drawn
	P99 [3][]float64
	// the median of each burst, in their order; of neighbours together where they are resampled together
	Medians [3][]float64

	rounds [3][]roundMedian // of parts that are compared; nil without Options.Blocks
	how    Resampling
}

// addRounds sets the medians by round.
func (r *Resampled) addRounds(bursts Bursts, o Options) {
	r.how = *o.Resampling
	for part, draws := range r.P50 {
		if o.Blocks && draws != nil {
			r.rounds[part] = bursts.rounds(Part(part))
		}
	}
}

// resampled draws for everything that Compare needs. at returns each part's values by rank. Draws of different
// sub-experiments are independent, even if they share the seed.
func resampled(bursts Bursts, r Resampling, sub int, at [3]func(int) float64) *Resampled {
	out := &Resampled{}
	told := false // whether functions say which requests are cold: then they are not compared together
	for b := range bursts.counts() {
		told = told || b.Cold+b.Warm > 0
	}
	for _, p := range []Part{All, ColdPart, WarmPart} {
		if told == (p == All) {
			continue
		}
		s := newResampler(bursts, p, at[p])
		if s == nil {
			continue
		}
		out.P50[p], out.Medians[p] = s.draws(Median, r, sub), s.medians()
		out.P99[p] = s.draws(P99, r, sub)
	}
	return out
}

// estimate is a value with the interval from its draws (percentile bootstrap).
func estimate(v Value, draws []float64) Estimate {
	if len(draws) == 0 || slices.ContainsFunc(draws, math.IsNaN) { // 0/0: both sides had a draw of zero
		return Estimate{Value: v}
	}
	draws = slices.Sorted(slices.Values(draws))
	// Nearest ranks at 2.5 % and 97.5 %; infinite draws (over a zero) end as a missing bound.
	return Estimate{Value: v, Low: Quantile(25).Of(draws), High: Quantile(975).Of(draws)}
}

// resampler resamples blocks of bursts. A resample is a weight for each block, and its quantile is where the cumulated
// weights of the rows reach its rank. Nearly all resamples have it close to the sample's own quantile. So only the rows
// in a window around that are held, and for the others the number of rows per block below the window.
type resampler struct {
	bursts Bursts
	part   Part
	at     func(rank int) float64 // the part's value of a rank, from 0
	n      int
	per    int   // bursts in a block
	sizes  []int // rows of each block
	weight []int // scratch of draw

	q      Quantile
	reach  int // the window's half width in ranks
	below  []int
	window []inWindow
}

type inWindow struct {
	ms    float64
	block int32
}

// newResampler returns nil if too few bursts have data.
func newResampler(bursts Bursts, part Part, at func(int) float64) *resampler {
	r := &resampler{bursts: bursts, part: part, at: at, per: 1}
	with := 0
	for b := range bursts.counts() {
		if b.size(part) > 0 {
			with++
		}
	}
	if with < MinBursts {
		return nil
	}
	r.per = (with + maxBlocks - 1) / maxBlocks
	r.sizes = make([]int, (with+r.per-1)/r.per)
	r.weight, r.below = make([]int, len(r.sizes)), make([]int, len(r.sizes))
	r.each(func(block int, values []float64) { r.sizes[block] += len(values) })
	for _, size := range r.sizes {
		r.n += size
	}
	return r
}

// size is the number of latencies of a part.
func (b Burst) size(p Part) int {
	switch p {
	case ColdPart:
		return b.Cold
	case WarmPart:
		return b.Warm
	}
	return b.Cold + b.Warm + b.Unknown
}

// each goes through the bursts with data, with the block of each.
func (r *resampler) each(do func(block int, values []float64)) {
	i := 0
	for b := range r.bursts.All() {
		if values := b.Of(r.part); len(values) > 0 {
			do(i/r.per, values)
			i++
		}
	}
}

// medians are those of the blocks.
func (r *resampler) medians() []float64 {
	out := make([]float64, 0, len(r.sizes))
	var values []float64
	last := 0
	flush := func() {
		slices.Sort(values)
		out = append(out, Median.Of(values).V)
		values = values[:0]
	}
	r.each(func(block int, of []float64) {
		if block != last {
			flush()
			last = block
		}
		values = append(values, of...)
	})
	flush()
	return out
}

// draws returns the quantile of each of the given number of resamples.
func (r *resampler) draws(q Quantile, how Resampling, sub int) []float64 {
	var seed [32]byte
	for i, word := range []uint64{how.Seed, uint64(sub), uint64(r.part), uint64(q)} {
		binary.LittleEndian.PutUint64(seed[8*i:], word)
	}
	rng := rand.New(rand.NewChaCha8(seed))
	r.q, r.reach = q, r.likely(q)
	r.look()
	out := make([]float64, cmp.Or(how.Draws, defaultDraws))
	for i := range out {
		out[i] = r.draw(rng)
	}
	r.window = nil
	return out
}

// likely is the distance in ranks beyond which hardly any resample's quantile is: six deviations of the number of rows
// up to the sample's quantile, minus its rank.
func (r *resampler) likely(q Quantile) int {
	middle := r.at(q.Rank(r.n) - 1)
	upTo := make([]int, len(r.sizes))
	r.each(func(block int, values []float64) {
		for _, v := range values {
			if v <= middle {
				upTo[block]++
			}
		}
	})
	variance := 0.0
	for b, n := range upTo {
		off := float64(n) - q.fraction()*float64(r.sizes[b])
		variance += off * off
	}
	return 10 + int(6*math.Sqrt(variance))
}

// look fills the window.
func (r *resampler) look() {
	rank := r.q.Rank(r.n) - 1
	low, high := r.at(max(rank-r.reach, 0)), r.at(min(rank+r.reach, r.n-1))
	clear(r.below)
	r.window = r.window[:0]
	r.each(func(block int, values []float64) {
		for _, v := range values {
			switch {
			case v < low:
				r.below[block]++
			case v <= high:
				r.window = append(r.window, inWindow{v, int32(block)})
			}
		}
	})
	slices.SortFunc(r.window, func(a, b inWindow) int {
		return cmp.Or(cmp.Compare(a.ms, b.ms),
			cmp.Compare(a.block, b.block))
	})
}

// draw is the nearest-rank quantile of one resample of as many blocks as there are.
func (r *resampler) draw(rng *rand.Rand) float64 {
	clear(r.weight)
	n := 0
	for range r.sizes {
		b := rng.IntN(len(r.sizes))
		r.weight[b]++
		n += r.sizes[b]
	}
	rank := r.q.Rank(n)
	for {
		if v, ok := r.find(rank); ok {
			return v
		}
		// Beyond the window after all.
		r.reach = min(2*r.reach+10, r.n)
		r.look()
	}
}

// find is the value of a rank of the current resample; it fails if the rank is outside the window.
func (r *resampler) find(rank int) (float64, bool) {
	for b, n := range r.below {
		rank -= r.weight[b] * n
	}
	if rank <= 0 {
		return 0, false
	}
	for _, row := range r.window {
		if rank -= r.weight[row.block]; rank <= 0 {
			return row.ms, true
		}
	}
	return 0, false
}
