package analyze

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"stellar/src/fail"
)

// MinBursts is the smallest number of bursts that a bootstrap takes: under six independent observations no
// distribution-free 95 % interval exists even for a median.
const MinBursts = 6

// Resampling is how a bootstrap draws. The same seed and samples give the same interval.
type Resampling struct {
	Seed  uint64
	Draws int // resamples; 0: 2000
}

// Estimate is a statistic of a sample with its 95 % interval.
type Estimate struct {
	Value Value `json:"value"`
	Low   Value `json:"low"`
	High  Value `json:"high"`
}

// BootstrapQuantile is a quantile of the bursts' latencies (ms) with a percentile-bootstrap interval that resamples
// whole bursts with replacement (cluster bootstrap: Davison & Hinkley, Bootstrap Methods, §3.8). Requests of one burst
// share their queue and their instances, so resampling single requests would make intervals too narrow.
func BootstrapQuantile(bursts []Burst, q Quantile, r Resampling) (Estimate, error) {
	c, err := newClusters(bursts)
	if err != nil {
		return Estimate{}, err
	}
	rng := rand.New(rand.NewPCG(r.Seed, uint64(q)))
	draws := make([]float64, cmp.Or(r.Draws, defaultDraws))
	for i := range draws {
		draws[i] = c.draw(rng, q)
	}
	return estimate(Of(c.plain(q)), draws), nil
}

// BootstrapRatio is the quantile of a over that of b with a percentile-bootstrap interval; both sides resample whole
// bursts, independently. An interval that does not contain 1 is a difference.
func BootstrapRatio(a, b []Burst, q Quantile, r Resampling) (Estimate, error) {
	ca, err := newClusters(a)
	if err != nil {
		return Estimate{}, err
	}
	cb, err := newClusters(b)
	if err != nil {
		return Estimate{}, err
	}
	rng := rand.New(rand.NewPCG(r.Seed, uint64(q)))
	draws := make([]float64, cmp.Or(r.Draws, defaultDraws))
	for i := range draws {
		draws[i] = ca.draw(rng, q) / cb.draw(rng, q)
	}
	return estimate(Of(ca.plain(q)/cb.plain(q)), draws), nil
}

const defaultDraws = 2000

func estimate(v Value, draws []float64) Estimate {
	if slices.ContainsFunc(draws, math.IsNaN) { // 0/0: both sides had a draw of zero
		return Estimate{Value: v}
	}
	slices.Sort(draws)
	// Nearest ranks at 2.5 % and 97.5 %; infinite draws (over a zero) end as a missing bound.
	return Estimate{Value: v, Low: Quantile(25).Of(draws), High: Quantile(975).Of(draws)}
}

// clusters is a sample sorted once, each latency with the burst it is of: a resample then is a weight for each burst,
// and its quantile one walk, instead of a sort for each draw.
type clusters struct {
	latency []float64
	burst   []int // index of the burst that latency[i] is of
	sizes   []int
	weight  []int // scratch of draw
}

func newClusters(bursts []Burst) (*clusters, error) {
	c := &clusters{}
	type one struct {
		ms    float64
		burst int
	}
	var all []one
	for _, b := range bursts {
		if len(b.Latencies) == 0 {
			continue
		}
		for _, l := range b.Latencies {
			all = append(all, one{l, len(c.sizes)})
		}
		c.sizes = append(c.sizes, len(b.Latencies))
	}
	if len(c.sizes) < MinBursts {
		return nil, fail.With(fail.CodeFailed, "interval over bursts: %d with data, at least %d are needed", len(c.sizes), MinBursts).
			WithHint("Give the sub-experiment more Bursts.")
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.burst, b.burst)) })
	for _, o := range all {
		c.latency, c.burst = append(c.latency, o.ms), append(c.burst, o.burst)
	}
	c.weight = make([]int, len(c.sizes))
	return c, nil
}

func (c *clusters) plain(q Quantile) float64 { return q.Of(c.latency).V }

// draw is the nearest-rank quantile of one resample of as many bursts as there are.
func (c *clusters) draw(rng *rand.Rand, q Quantile) float64 {
	clear(c.weight)
	n := 0
	for range c.sizes {
		b := rng.IntN(len(c.sizes))
		c.weight[b]++
		n += c.sizes[b]
	}
	rank := q.Rank(n)
	for i, b := range c.burst {
		if rank -= c.weight[b]; rank <= 0 {
			return c.latency[i]
		}
	}
	return c.latency[len(c.latency)-1]
}
