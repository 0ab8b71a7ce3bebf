package microtest

import (
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	// gapFrom is the shortest gap between two timestamps, in ms, in which a function had no processor. Timestamps of a
	// running function are closer together, also where only some of them are told; shorter stops are not seen.
	gapFrom = 1.0
	// spanFrom is the shortest span, in ms, that a share is estimated from: the period in which Linux gives out a
	// quota (cpu.cfs_period_us) is 100 ms by default.
	spanFrom = 100.0
	// cyclesFrom is from how many cycles of running and standing on the estimate has an error.
	cyclesFrom = 2
)

// Share estimates which part of the time a function had a processor, from timestamps in ms. The share is the time in
// small gaps over the whole.
//
// The loop begins and ends while it runs, so that the whole has one run more than it has stops. The share is therefore
// taken from the beginning of the first long stop to the beginning of the last one, which are whole cycles of a stop
// and a run, wherever that is half of the span or more. Long are those of half of the longest and more: others can be
// those of a busy machine. The share can be off by one cycle, which is its error.
func Share(stamps []float64) *sample.CPUShare {
	s := slices.Sorted(slices.Values(stamps))
	out := &sample.CPUShare{Stamps: len(s)}
	if len(s) < 2 {
		return out
	}
	out.Span = s[len(s)-1] - s[0]
	for i := range s[1:] {
		if gap := s[i+1] - s[i]; gap >= gapFrom {
			out.Gaps++
			out.Longest = max(out.Longest, gap)
		}
	}
	if out.Span < spanFrom {
		return out
	}
	from, to, cycles := window(s, max(out.Longest/2, gapFrom))
	standing := 0.0
	for i := from; i < to; i++ {
		if gap := s[i+1] - s[i]; gap >= gapFrom {
			standing += gap
		}
	}
	share := 1 - standing/(s[to]-s[from])
	out.Share = &share
	if cycles > 0 {
		off := share / float64(cycles)
		out.Error = &off
	}
	return out
}

// window gives the timestamps between which a share is taken, and how many cycles are between them; 0: too few, and it
// is all of them.
func window(s []float64, long float64) (from, to, cycles int) {
	var begins []int
	for i := range s[1:] {
		if s[i+1]-s[i] >= long {
			begins = append(begins, i)
		}
	}
	if n := len(begins) - 1; n >= cyclesFrom && s[begins[n]]-s[begins[0]] >= (s[len(s)-1]-s[0])/2 {
		return begins[0], begins[n], n
	}
	return 0, len(s) - 1, 0
}
