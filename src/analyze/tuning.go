package analyze

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Strategies by which a memory size is chosen.
const (
	Cheapest = "cost"
	Fastest  = "speed"
	Balanced = "balanced"
)

// Measured is what one memory size brought: the mean time (ms) and cost (USD) of a request.
type Measured struct {
	MemoryMB int
	Time     float64
	Cost     float64 // NaN: not known
}

// Choose orders measured sizes from the best to the worst by a strategy of AWS Lambda Power Tuning
// (github.com/alexcasalboni/aws-lambda-power-tuning, lambda/analyzer.js), and gives their indices. cost: the cheapest,
// of equal ones the faster. speed: the fastest, of equal ones the cheaper. balanced: the least
// weight·cost/maxCost + (1−weight)·time/maxTime, equal ones in their order.
func Choose(all []Measured, strategy string, weight float64) []int {
	score := scores(all, strategy, weight)
	ranking := make([]int, len(all))
	for i := range ranking {
		ranking[i] = i
	}
	slices.SortStableFunc(ranking, func(i, j int) int {
		switch {
		case score[i] != score[j]:
			return order(score[i], score[j])
		case strategy == Cheapest:
			return order(all[i].Time, all[j].Time)
		case strategy == Fastest:
			return order(all[i].Cost, all[j].Cost)
		}
		return 0
	})
	return ranking
}

// scores are what a strategy minimizes.
func scores(all []Measured, strategy string, weight float64) []float64 {
	maxCost, maxTime := 0.0, 0.0
	for _, m := range all {
		maxCost, maxTime = math.Max(maxCost, m.Cost), math.Max(maxTime, m.Time)
	}
	out := make([]float64, len(all))
	for i, m := range all {
		switch strategy {
		case Cheapest:
			out[i] = m.Cost
		case Fastest:
			out[i] = m.Time
		default:
			out[i] = weight*partOf(m.Cost, maxCost) + (1-weight)*partOf(m.Time, maxTime)
		}
	}
	return out
}

// partOf is a part of the most there is; 0 where that is nothing, as of requests that cost nothing.
func partOf(v, most float64) float64 {
	if most == 0 {
		return 0
	}
	return v / most
}

// Size gathers the rows of one memory size.
type Size struct {
	MemoryMB int
	Sub      int // index of the sub-experiment
	rows     []sizedRow
	blocks   map[int]int // burst number to its block
}

// sizedRow is what the choice needs of a row; NaN is what is not known.
type sizedRow struct {
	block                  int
	reported, client, cost float64
}

// NewSize starts a memory size.
func NewSize(memoryMB, sub int) *Size {
	return &Size{MemoryMB: memoryMB, Sub: sub, blocks: map[int]int{}}
}

// Add takes a row in. Rows that failed or are warm-up are left out.
func (s *Size) Add(r *sample.Sample) {
	if r.Warmup || r.Err != sample.OK || r.Latency < 0 {
		return
	}
	block, ok := s.blocks[r.Burst]
	if !ok {
		block = len(s.blocks)
		s.blocks[r.Burst] = block
	}
	row := sizedRow{block: block, reported: math.NaN(), client: float64(r.Latency) / 1e6, cost: math.NaN()}
	if r.ProviderDuration >= 0 {
		row.reported = float64(r.ProviderDuration) / 1e6
	}
	if r.Cost >= 0 {
		row.cost = r.Cost
	}
	s.rows = append(s.rows, row)
}

// TuningPoint is one memory size of a recommendation.
type TuningPoint struct {
	Sub      int      `json:"index"`
	MemoryMB int      `json:"memory_mb"`
	Count    int      `json:"count"`
	Time     Estimate `json:"time_ms"`
	Cost     Estimate `json:"cost_per_million_usd"`
}

// Tuning is the memory size that is recommended for a function.
type Tuning struct {
	Line     string        `json:"line,omitempty"` // what else differs between sub-experiments
	Strategy string        `json:"strategy"`
	Weight   float64       `json:"weight,omitempty"` // of the cost, where the strategy is balanced
	Reported bool          `json:"reported"`         // times are those of the platform's report, else the client's
	Points   []TuningPoint `json:"sizes"`            // by memory, ascending
	// MB that is recommended; 0: none, and Reason says why.
	MemoryMB int    `json:"recommended_mb,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// The sizes between which 95 % of resamples choose; 0: too few bursts.
	LowMB  int `json:"low_mb,omitempty"`
	HighMB int `json:"high_mb,omitempty"`
	// The next best size, and how much more of what the strategy minimizes it has, as a share of the best's.
	SecondMB int      `json:"second_mb,omitempty"`
	Excess   Estimate `json:"second_excess"`
}

// Differs reports whether the second best size differs from the best at all: the interval of its excess is above zero.
func (t Tuning) Differs() bool { return t.Excess.Low.OK && t.Excess.Low.V > 0 }

// discarded is the share of rows that are left out at either end, as AWS Lambda Power Tuning does (discardTopBottom):
// cold starts and other outliers do not decide.
const discarded = 0.2

// Tune recommends one of the sizes. Times are those of the platform's report where each size has some, else the
// client's latency. Means leave out the lowest and the highest fifth. Intervals resample whole bursts.
func Tune(sizes []*Size, strategy string, weight float64, how Resampling) Tuning {
	out := Tuning{Strategy: strategy}
	if strategy == Balanced {
		out.Weight = weight
	}
	slices.SortStableFunc(sizes, func(a, b *Size) int { return a.MemoryMB - b.MemoryMB })
	out.Reported = !slices.ContainsFunc(sizes, func(s *Size) bool { return !s.has(reportedOf) })
	timeOf := clientOf
	if out.Reported {
		timeOf = reportedOf
	}
	draws := how.Draws
	if draws == 0 {
		draws = tuningDraws(sizes)
	}
	var drawn []sizeDraws
	var measured []Measured
	for _, s := range sizes {
		d := s.resample(timeOf, how.Seed, draws)
		cost := estimate(Of(d.point.Cost*million), scaled(d.costs, million))
		out.Points = append(out.Points, TuningPoint{Sub: s.Sub, MemoryMB: s.MemoryMB, Count: len(s.rows),
			Time: estimate(Of(d.point.Time), d.times), Cost: cost})
		drawn, measured = append(drawn, d), append(measured, d.point)
	}
	if out.Reason = unchoosable(measured, strategy); out.Reason == "" {
		out.recommend(measured, drawn, weight)
	}
	return out
}

// unchoosable says why there is nothing to recommend; empty where there is.
func unchoosable(measured []Measured, strategy string) string {
	for _, m := range measured {
		switch {
		case math.IsNaN(m.Time):
			return "a size has no successful request"
		case math.IsNaN(m.Cost) && strategy != Fastest:
			return "the cost of requests is not known"
		}
	}
	if len(measured) < 2 {
		return "there is one size"
	}
	return ""
}

// recommend sets what is chosen, and how sure that is.
func (t *Tuning) recommend(measured []Measured, drawn []sizeDraws, weight float64) {
	ranking := Choose(measured, t.Strategy, weight)
	best, second := ranking[0], ranking[1]
	t.MemoryMB, t.SecondMB = measured[best].MemoryMB, measured[second].MemoryMB
	excess := func(all []Measured) float64 {
		score := scores(all, t.Strategy, weight)
		return score[second]/score[best] - 1
	}
	t.Excess.Value = Of(excess(measured))
	if slices.ContainsFunc(drawn, func(d sizeDraws) bool { return d.times == nil }) {
		return
	}
	all := make([]Measured, len(drawn))
	chosen, excesses := make([]float64, len(drawn[0].times)), make([]float64, len(drawn[0].times))
	for n := range chosen {
		for i, d := range drawn {
			all[i] = Measured{measured[i].MemoryMB, d.times[n], math.NaN()}
			if d.costs != nil {
				all[i].Cost = d.costs[n]
			}
		}
		chosen[n] = float64(all[Choose(all, t.Strategy, weight)[0]].MemoryMB)
		excesses[n] = excess(all)
	}
	e := estimate(Of(0), chosen)
	t.LowMB, t.HighMB = int(e.Low.V), int(e.High.V)
	t.Excess = estimate(t.Excess.Value, excesses)
}

func clientOf(r *sizedRow) float64   { return r.client }
func reportedOf(r *sizedRow) float64 { return r.reported }
func costOf(r *sizedRow) float64     { return r.cost }

// has reports whether a row has a value.
func (s *Size) has(of func(*sizedRow) float64) bool {
	for i := range s.rows {
		if !math.IsNaN(of(&s.rows[i])) {
			return true
		}
	}
	return false
}

// sizeDraws is a size's point and its resamples; nil where there are too few bursts, or nothing is known.
type sizeDraws struct {
	point        Measured
	times, costs []float64
}

// tuningDraws is how many resamples are drawn: fewer where there are very many rows, each of which every draw visits.
func tuningDraws(sizes []*Size) int {
	const least, visits = 200, 100_000_000
	rows := 1
	for _, s := range sizes {
		rows += len(s.rows)
	}
	return min(max(visits/rows, least), defaultDraws)
}

// resample draws whole bursts with replacement. Time and cost of a draw are of the same bursts.
func (s *Size) resample(timeOf func(*sizedRow) float64, seed uint64, draws int) sizeDraws {
	times, costs := s.sorted(timeOf), s.sorted(costOf)
	once := make([]int, len(s.blocks))
	for i := range once {
		once[i] = 1
	}
	d := sizeDraws{point: Measured{s.MemoryMB, trimmedMean(times, once), trimmedMean(costs, once)}}
	if len(s.blocks) < MinBursts {
		return d
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(s.Sub))
	rng := rand.New(rand.NewChaCha8(key))
	weight := make([]int, len(s.blocks))
	d.times = make([]float64, draws)
	if len(costs) > 0 {
		d.costs = make([]float64, draws)
	}
	for n := range draws {
		clear(weight)
		for range weight {
			weight[rng.IntN(len(weight))]++
		}
		d.times[n] = trimmedMean(times, weight)
		if d.costs != nil {
			d.costs[n] = trimmedMean(costs, weight)
		}
	}
	return d
}

// ranked is a value with the block that it is of.
type ranked struct {
	value float64
	block int
}

// sorted gives the values that are known in ascending order.
func (s *Size) sorted(of func(*sizedRow) float64) []ranked {
	var out []ranked
	for i := range s.rows {
		if v := of(&s.rows[i]); !math.IsNaN(v) {
			out = append(out, ranked{v, s.rows[i].block})
		}
	}
	slices.SortStableFunc(out, func(a, b ranked) int { return order(a.value, b.value) })
	return out
}

// trimmedMean is the mean without the lowest and the highest fifth, each rounded down to whole rows. A row counts as
// often as its block was drawn.
func trimmedMean(sorted []ranked, weight []int) float64 {
	n := 0
	for _, r := range sorted {
		n += weight[r.block]
	}
	drop := int(float64(n) * discarded)
	from, to := drop, n-drop
	sum, at := 0.0, 0
	for _, r := range sorted {
		next := at + weight[r.block]
		if in := min(next, to) - max(at, from); in > 0 {
			sum += float64(in) * r.value
		}
		at = next
	}
	return sum / float64(to-from)
}

func scaled(values []float64, by float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * by
	}
	return out
}
