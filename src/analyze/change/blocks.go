package change

import (
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// maxBlocks is the largest number of independent observations of a side. Of more bursts, as of a sustained load of
// single requests, neighbours are joined (Carlstein, Annals of Statistics 14, 1986).
const maxBlocks = 10_000

// blocks are the latencies of one part of a side's requests, by burst.
type blocks struct {
	values [][]float64 // ms, of each block
	sorted []float64   // of all of them
	bursts int
}

// blocksOf collects the bursts that have requests of a part.
func blocksOf(bursts analyze.Bursts, part analyze.Part) blocks {
	var out blocks
	for b := range bursts.All() {
		if len(b.Of(part)) > 0 {
			out.bursts++
		}
	}
	per := (out.bursts + maxBlocks - 1) / maxBlocks
	i := 0
	for b := range bursts.All() {
		values := b.Of(part)
		if len(values) == 0 {
			continue
		}
		if i%per == 0 {
			out.values = append(out.values, nil)
		}
		last := len(out.values) - 1
		out.values[last] = append(out.values[last], values...)
		out.sorted = append(out.sorted, values...)
		i++
	}
	slices.Sort(out.sorted)
	return out
}

// sizes are the numbers of requests of the blocks.
func (b blocks) sizes() []float64 {
	out := make([]float64, len(b.values))
	for i, v := range b.values {
		out[i] = float64(len(v))
	}
	return out
}

// count gives for each block the number of values for which a condition holds.
func (b blocks) count(is func(ms float64) bool) []float64 {
	out := make([]float64, len(b.values))
	for i, values := range b.values {
		for _, v := range values {
			if is(v) {
				out[i]++
			}
		}
	}
	return out
}

// total is the sum of latencies and the number of requests of each block.
func (b blocks) total() totals {
	t := totals{denominators: b.sizes(), bursts: b.bursts}
	for _, values := range b.values {
		t.numerators = append(t.numerators, sum(values))
	}
	return t
}

// beyond is the share of each block's requests that take longer than a limit (ms).
func (b blocks) beyond(limit float64) []float64 {
	return totals{numerators: b.count(func(ms float64) bool { return ms > limit }), denominators: b.sizes()}.byBurst()
}

// medians are those of the blocks.
func (b blocks) medians() []float64 {
	out := make([]float64, len(b.values))
	for i, values := range b.values {
		out[i] = analyze.Median.Of(slices.Sorted(slices.Values(values))).V
	}
	return out
}

// joined are totals of which neighbours are summed up, so that there are at most maxBlocks.
func joined(t totals) totals {
	t.bursts = len(t.numerators)
	per := (len(t.numerators) + maxBlocks - 1) / maxBlocks
	var n, d []float64
	for i := range t.numerators {
		if i%per == 0 {
			n, d = append(n, 0), append(d, 0)
		}
		n[len(n)-1] += t.numerators[i]
		d[len(d)-1] += t.denominators[i]
	}
	t.numerators, t.denominators = n, d
	return t
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
