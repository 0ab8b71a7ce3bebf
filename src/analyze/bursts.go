package analyze

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"time"
)

// Part is a part of the successful requests, by what the functions report.
type Part int

// The parts. A request of a function that says nothing is in All only.
const (
	All Part = iota
	ColdPart
	WarmPart
)

// Burst is the result of one burst.
type Burst struct {
	Number int
	Round  int // number of its round; equal in all sub-experiments of a block where they are interleaved
	// ms, of its successful requests: the cold ones, then the warm ones, then those of which nothing is known
	Latencies []float64
	Cold      int // successful requests by the function's word
	Warm      int
	Unknown   int // the function did not say
	Errors    int
}

// Of returns the latencies of a part.
func (b Burst) Of(p Part) []float64 {
	switch p {
	case ColdPart:
		return b.Latencies[:b.Cold]
	case WarmPart:
		return b.Latencies[b.Cold : b.Cold+b.Warm]
	}
	return b.Latencies
}

// Over counts the successful requests with a latency of at least the given ms, which a threshold would call cold.
func (b Burst) Over(ms float64) int {
	n := 0
	for _, l := range b.Latencies {
		if l >= ms {
			n++
		}
	}
	return n
}

// Bursts are the bursts of a sub-experiment in the order of their rows, stored so that ten million requests fit in
// memory: four bytes for each of them and about five for each burst. Bursts that are only warm-up are left out.
type Bursts struct {
	latencies micros
	spans     [][]byte // for each burst its number and its counts, as varints; its round as the distance
	count     int
	last      int  // the last burst's number
	disorder  bool // numbers do not ascend all the way
}

// spanBlock is the size of a block of spans; one span takes at most spanMost of it.
const (
	spanBlock = 64 << 10
	spanMost  = 6 * binary.MaxVarintLen64
)

// Len is the number of bursts.
func (b Bursts) Len() int { return b.count }

// All goes through the bursts in the order of their rows. A burst's Latencies are valid until the next burst.
func (b Bursts) All() iter.Seq[Burst] {
	return func(yield func(Burst) bool) {
		var scratch []float64
		at := 0
		for span := range b.counts() {
			n := span.Cold + span.Warm + span.Unknown
			scratch = b.latencies.ms(scratch[:0], at, n)
			at += n
			span.Latencies = scratch
			if !yield(span) {
				return
			}
		}
	}
}

// counts goes through the bursts without their latencies.
func (b Bursts) counts() iter.Seq[Burst] {
	return func(yield func(Burst) bool) {
		for _, block := range b.spans {
			for len(block) > 0 {
				var f [5]int
				for i := range f {
					v, n := binary.Uvarint(block)
					f[i], block = int(v), block[n:]
				}
				off, n := binary.Varint(block)
				block = block[n:]
				if !yield(Burst{Number: f[0], Round: f[0] - int(off),
					Cold: f[1], Warm: f[2], Unknown: f[3], Errors: f[4]}) {
					return
				}
			}
		}
	}
}

// kinds are the latencies of one burst in µs: cold, warm, unknown.
type kinds [3][]int64

func (b *Bursts) add(number, round int, of *kinds, errors int) {
	if len(b.spans) == 0 || cap(b.spans[len(b.spans)-1])-len(b.spans[len(b.spans)-1]) < spanMost {
		b.spans = append(b.spans, make([]byte, 0, spanBlock))
	}
	to := &b.spans[len(b.spans)-1]
	for _, v := range []int{number, len(of[0]), len(of[1]), len(of[2]), errors} {
		*to = binary.AppendUvarint(*to, uint64(v))
	}
	*to = binary.AppendVarint(*to, int64(number-round)) // one byte where each round is one burst
	for _, kind := range of {
		for _, us := range kind {
			b.latencies.add(us)
		}
	}
	b.disorder = b.disorder || b.count > 0 && number <= b.last
	b.last = number
	b.count++
}

// MakeBursts stores bursts that are in memory. Latencies are rounded to whole µs.
func MakeBursts(list []Burst) Bursts {
	var out Bursts
	for _, b := range list {
		var of kinds
		for i, l := range b.Latencies {
			k := 2
			if i < b.Cold {
				k = 0
			} else if i < b.Cold+b.Warm {
				k = 1
			}
			of[k] = append(of[k], toMicros(time.Duration(l*1e6)))
		}
		out.add(b.Number, b.Round, &of, b.Errors)
	}
	return out
}

// whole returns the bursts with all pieces of each of them joined. In files of this tool, the rows of a burst are
// consecutive, so that nearly always there is nothing to do; in other files, pieces are joined by number.
func (b Bursts) whole() Bursts {
	if !b.disorder {
		return b
	}
	numbers := make([]int, 0, b.count)
	for span := range b.counts() {
		numbers = append(numbers, span.Number)
	}
	slices.Sort(numbers)
	distinct := len(slices.Compact(numbers))
	if distinct == b.count {
		return b
	}
	type pieces struct {
		of            kinds
		round, errors int
	}
	together := make(map[int]*pieces, distinct)
	for piece := range b.All() {
		p := together[piece.Number]
		if p == nil {
			p = &pieces{round: piece.Round}
			together[piece.Number] = p
		}
		p.errors += piece.Errors
		for i, l := range piece.Latencies {
			k := 0
			if i >= piece.Cold+piece.Warm {
				k = 2
			} else if i >= piece.Cold {
				k = 1
			}
			p.of[k] = append(p.of[k], int64(l*1000+0.5)) // back to the µs it was made of
		}
	}
	var out Bursts
	for _, number := range slices.Sorted(maps.Keys(together)) {
		p := together[number]
		out.add(number, p.round, &p.of, p.errors)
	}
	return out
}

// parts are all latencies by kind, each in order: cold, warm, unknown.
func (b *Bursts) parts() (of [3]ascending) {
	var totals [3]int
	for span := range b.counts() {
		totals[0] += span.Cold
		totals[1] += span.Warm
		totals[2] += span.Unknown
	}
	for k, n := range totals {
		of[k].us = make([]uint32, 0, n)
	}
	at := 0
	for span := range b.counts() {
		for k, n := range []int{span.Cold, span.Warm, span.Unknown} {
			for from := at; from < at+n; {
				block := b.latencies.blocks[from/microsBlock]
				part := block[from%microsBlock : min(len(block), from%microsBlock+at+n-from)]
				of[k].fill(part)
				for i, us := range part {
					if us == tooLong {
						of[k].long = append(of[k].long, b.latencies.long[from+i])
					}
				}
				from += len(part)
			}
			at += n
		}
	}
	scratch := make([]uint32, max(len(of[0].us), len(of[1].us), len(of[2].us)))
	for k := range of {
		of[k].sort(scratch)
	}
	return of
}
