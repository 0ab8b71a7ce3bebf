package fidelity

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// None of the delays is a whole number of milliseconds: a client that cuts its latencies to such would be seen.

const ms = time.Millisecond

// steady is always the same.
func steady() []time.Duration { return []time.Duration{20*ms + 700*time.Microsecond} }

// bimodal is short nine times of ten, else long.
func bimodal(n int) []time.Duration {
	return shuffled(n, func(q float64) time.Duration {
		if q < 0.9 {
			return 5*ms + 900*time.Microsecond
		}
		return 120*ms + 700*time.Microsecond
	})
}

// pareto has the quantiles of a Pareto distribution from 5.1 ms with the shape 1.5: no variance, and a p99 far from its
// p50.
func pareto(n int) []time.Duration {
	return shuffled(n, func(q float64) time.Duration {
		return time.Duration(5.1 * float64(ms) * math.Pow(1-q, -1/1.5))
	})
}

// lognormal has the quantiles of a log-normal distribution of median 10 ms and sigma 1.
func lognormal(n int) []time.Duration {
	return shuffled(n, func(q float64) time.Duration {
		return time.Duration(10 * float64(ms) * math.Exp(math.Sqrt2*math.Erfinv(2*q-1)))
	})
}

// shuffled are n quantiles, evenly spaced, in an order that is the same every time.
func shuffled(n int, quantile func(q float64) time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = quantile((float64(i) + 0.5) / float64(n))
	}
	rand.New(rand.NewPCG(4, 4)).Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// percentile is the nearest-rank percentile: an observed value, never one between two.
func percentile(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank-1, 0)]
}

func TestDelaysAreWhatTheyAreCalled(t *testing.T) {
	for _, c := range []struct {
		name     string
		delays   []time.Duration
		p50, p99 time.Duration
	}{
		{"steady", steady(), 20700 * time.Microsecond, 20700 * time.Microsecond},
		{"bimodal", bimodal(300), 5900 * time.Microsecond, 120700 * time.Microsecond},
		{"Pareto", pareto(300), 8100 * time.Microsecond, 99 * ms},
		{"log-normal", lognormal(300), 10 * ms, 97 * ms},
	} {
		p50, p99 := percentile(c.delays, 50), percentile(c.delays, 99)
		if p50 < c.p50*98/100 || p50 > c.p50*102/100 || p99 < c.p99*95/100 || p99 > c.p99*105/100 {
			t.Errorf("%s: p50 %s, p99 %s, want %s and %s", c.name, p50, p99, c.p50, c.p99)
		}
		if slices.ContainsFunc(c.delays, func(d time.Duration) bool { return d%ms == 0 }) {
			t.Errorf("%s has a delay of whole milliseconds", c.name)
		}
	}
	if a, b := pareto(50), pareto(50); !slices.Equal(a, b) || slices.IsSorted(a) {
		t.Error("the order of the delays is not mixed, or not the same every time")
	}
}
