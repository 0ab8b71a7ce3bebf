package analyze

import (
	"math"
	"slices"
	"time"
)

// micros stores durations in whole µs, four bytes each. They are in blocks, so that ten million of them need not be
// copied to add one. Values that do not fit in four bytes (over 71 minutes) are stored separately.
type micros struct {
	blocks [][]uint32
	n      int
	long   map[int]float64 // by index, in ms
}

const (
	microsBlock = 1 << 16
	tooLong     = math.MaxUint32 // in a block: look aside
)

// toMicros rounds to the nearest µs, as latencies.csv does.
func toMicros(d time.Duration) int64 {
	us := int64(d / time.Microsecond)
	if d%time.Microsecond >= 500 {
		us++
	}
	return us
}

func toMS(us int64) float64 { return float64(us) / 1000 }

func (m *micros) add(us int64) {
	at := m.n / microsBlock
	if at == len(m.blocks) {
		m.blocks = append(m.blocks, make([]uint32, 0, microsBlock))
	}
	short := uint32(tooLong)
	if us < tooLong {
		short = uint32(us)
	} else {
		if m.long == nil {
			m.long = map[int]float64{}
		}
		m.long[m.n] = toMS(us)
	}
	m.blocks[at] = append(m.blocks[at], short)
	m.n++
}

// ms appends count values from the given index on to a slice, in ms.
func (m *micros) ms(to []float64, from, count int) []float64 {
	for i := from; i < from+count; {
		block := m.blocks[i/microsBlock]
		part := block[i%microsBlock : min(len(block), i%microsBlock+from+count-i)]
		for k, us := range part {
			if us == tooLong {
				to = append(to, m.long[i+k])
				continue
			}
			to = append(to, float64(us)/1000)
		}
		i += len(part)
	}
	return to
}

// ascending is a sorted sample: the values that fit in four bytes in µs, then the few others in ms.
type ascending struct {
	us   []uint32
	long []float64
}

func (a ascending) len() int { return len(a.us) + len(a.long) }

// at is the value of a rank, from 0, in ms.
func (a ascending) at(i int) float64 {
	if i < len(a.us) {
		return float64(a.us[i]) / 1000
	}
	return a.long[i-len(a.us)]
}

// quantile is the nearest-rank quantile; an empty sample has none.
func (a ascending) quantile(q Quantile) Value {
	if a.len() == 0 {
		return Value{}
	}
	return Of(a.at(q.Rank(a.len()) - 1))
}

// interval is QuantileInterval of the sample.
func (a ascending) interval(q Quantile) Interval {
	low, high, ok := Ranks(a.len(), q)
	if !ok {
		return Interval{Need: MinSamples(q)}
	}
	return Interval{Low: Of(a.at(low - 1)), High: Of(a.at(high - 1)), Need: MinSamples(q)}
}

// sorted is m in order; m itself does not change.
func (m *micros) sorted() ascending {
	var a ascending
	a.us = make([]uint32, 0, m.n-len(m.long))
	for _, block := range m.blocks {
		a.fill(block)
	}
	for _, ms := range m.long {
		a.long = append(a.long, ms)
	}
	a.sort(make([]uint32, len(a.us)))
	return a
}

// fill adds the values except the long ones.
func (a *ascending) fill(block []uint32) {
	for _, us := range block {
		if us != tooLong {
			a.us = append(a.us, us)
		}
	}
}

// sort sorts the sample; scratch has at least its length.
func (a *ascending) sort(scratch []uint32) {
	sortMicros(a.us, scratch)
	slices.Sort(a.long)
}

// sortMicros sorts by radix: three passes of eleven bits, without those in which all values agree. Ten million values
// take a tenth of the time of a sort by comparison.
func sortMicros(values, scratch []uint32) {
	const bits, buckets = 11, 1 << 11
	if len(values) < 256 {
		slices.Sort(values)
		return
	}
	var counts [3][buckets]int
	for _, v := range values {
		counts[0][v%buckets]++
		counts[1][v>>bits%buckets]++
		counts[2][v>>(2*bits)]++
	}
	from, to := values, scratch[:len(values)]
	for pass := range counts {
		c, shift := &counts[pass], pass*bits
		if c[from[0]>>shift%buckets] == len(values) {
			continue
		}
		place := 0
		for b, n := range c {
			c[b] = place
			place += n
		}
		for _, v := range from {
			b := v >> shift % buckets
			to[c[b]] = v
			c[b]++
		}
		from, to = to, from
	}
	if &from[0] != &values[0] {
		copy(values, from)
	}
}

// merged is all samples in one, in order, in ms.
func merged(parts ...ascending) []float64 {
	total := 0
	for _, p := range parts {
		total += p.len()
	}
	out := make([]float64, 0, total)
	parts = slices.DeleteFunc(slices.Clone(parts), func(p ascending) bool { return p.len() == 0 })
	next := make([]int, len(parts)) // of each part
	for len(parts) > 1 {
		least := 0
		for i := range parts {
			if parts[i].at(next[i]) < parts[least].at(next[least]) {
				least = i
			}
		}
		out = append(out, parts[least].at(next[least]))
		if next[least]++; next[least] == parts[least].len() {
			parts, next = slices.Delete(parts, least, least+1), slices.Delete(next, least, least+1)
		}
	}
	for _, p := range parts {
		for i := next[0]; i < p.len(); i++ {
			out = append(out, p.at(i))
		}
	}
	return out
}
