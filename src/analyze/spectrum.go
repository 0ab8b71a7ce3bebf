package analyze

import "math/bits"

// spectrum counts durations in steps of at most 1/64 of their size, so that quantiles of many spectra fit in memory and
// spectra can be joined (HdrHistogram has the same division). Values under 128 µs are exact.
type spectrum struct {
	counts []uint32
	n      int
}

const (
	spectrumExact = 128 // values below have a step each; above, each doubling has half as many
	spectrumBits  = 7   // of spectrumExact
)

// step is the number of a value's step.
func step(us int64) int {
	if us < spectrumExact {
		return int(max(us, 0))
	}
	shift := bits.Len64(uint64(us)) - spectrumBits
	return shift*spectrumExact/2 + int(us>>shift)
}

// middle is the value in the middle of a step, in µs.
func middle(at int) int64 {
	if at < spectrumExact {
		return int64(at)
	}
	shift := (at - spectrumExact/2) / (spectrumExact / 2)
	low := int64(at-shift*spectrumExact/2) << shift
	return low + (int64(1)<<shift-1)/2
}

func (s *spectrum) add(us int64) {
	at := step(us)
	for len(s.counts) <= at {
		s.counts = append(s.counts, 0)
	}
	s.counts[at]++
	s.n++
}

func (s *spectrum) join(other *spectrum) {
	for len(s.counts) < len(other.counts) {
		s.counts = append(s.counts, 0)
	}
	for at, n := range other.counts {
		s.counts[at] += n
	}
	s.n += other.n
}

// quantile is the middle of the step that has the nearest-rank quantile, in µs; 0 where there is no value.
func (s *spectrum) quantile(q Quantile) int64 {
	rank, seen := q.Rank(s.n), 0
	for at, n := range s.counts {
		if seen += int(n); seen >= rank && n > 0 {
			return middle(at)
		}
	}
	return 0
}
