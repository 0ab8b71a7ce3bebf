package change

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// pairs is for docs/compare.md: go test ./src/analyze/change -run TestCoverage -v -args -pairs 3000.
var pairs = flag.Int("pairs", 0, "simulate so many pairs of runs of each kind, and of more kinds")

var seed = flag.Uint64("seed", 16, "of the simulated runs")

// simulated is a kind of pairs of runs.
type simulated struct {
	name         string
	bursts       int
	sizeA, sizeB []int // of the bursts in turn
	a, b         server
	metrics      string // of which every pair has an interval
	always       bool   // part of each run of the tests
	wide         bool   // intervals may have the truth in them in more than 97 %
}

// simulations are kinds of pairs: equal servers first, with ever more in common.
func simulations() []simulated {
	alone := server{median: 100, within: 0.2, spikes: 0.03}
	burst := server{median: 100, between: 0.2, within: 0.2, spikes: 0.03}
	lasts := server{median: 100, between: 0.2, within: 0.2, memory: 0.5}
	long := server{median: 100, between: 0.2, within: 0.05, memory: 0.9}
	most := server{median: 100, between: 0.3, within: 0.1}
	mild := server{median: 100, between: 0.1, within: 0.2, spikes: 0.03}
	heavy := server{median: 100, within: 0.1, tail: 2}
	var out []simulated
	equal := func(name string, bursts, size int, s server, metrics string, always bool) {
		out = append(out, simulated{name: name, bursts: bursts, sizeA: []int{size}, sizeB: []int{size}, a: s, b: s,
			metrics: metrics, always: always})
	}
	equal("alike within bursts", 60, 10, burst, "p50 p95 mean", true)
	equal("neighbours alike, too", 120, 5, lasts, "p50 p95 p99 mean", true)
	equal("independent", 20, 1, alone, "p50 mean", false)
	equal("independent", 80, 1, alone, "p50 p95 mean", false)
	equal("independent", 400, 1, alone, "p50 p95 p99 mean", false)
	equal("independent", 1000, 1, alone, "p50 p95 p99 mean", false)
	equal("independent, tail of index 2", 400, 1, heavy, "p50 p95 p99 mean", false)
	equal("alike within bursts", 8, 5, burst, "p50 mean", false)
	equal("alike within bursts", 12, 50, burst, "p50 mean", false)
	equal("alike within bursts", 30, 100, mild, "p50 p95 mean", false)
	equal("alike within bursts", 100, 10, burst, "p50 p95 p99 mean", false)
	equal("alike within bursts", 400, 5, burst, "p50 p95 p99 mean", false)
	equal("nearly equal within bursts", 30, 50, most, "p50 p95 mean", false)
	equal("nearly equal within bursts", 100, 100, most, "p50 p95 p99 mean", false)
	stalls := server{median: 100, between: 0.1, within: 0.2, stalls: 0.03}
	equal("3 % of bursts stall", 100, 20, stalls, "p50 p95 p99 mean", false)
	equal("3 % of bursts stall", 400, 5, stalls, "p50 p95 p99 mean", false)
	equal("neighbours alike, too", 30, 10, lasts, "p50 p95 mean", false)
	equal("neighbours alike, too", 100, 10, lasts, "p50 p95 p99 mean", false)
	equal("neighbours alike for long", 1000, 1, long, "p50 p95 p99 mean", false)
	inARow := server{median: 100, between: 0.1, within: 0.1, stalls: 0.2, last: 10}
	equal("20 % of bursts stall, ten in a row", 400, 5, inARow, "p50 p95 p99 mean", false)
	seldom := server{median: 100, between: 0.1, within: 0.1, stalls: 0.04, last: 5}
	equal("4 % of bursts stall, five in a row", 1500, 2, seldom, "p50 p95 p99 mean", false)
	modes := server{median: 10, within: 0.1, slow: 0.04}
	sizes := func(name string, bursts int, s server, a, b []int, metrics string, always bool) {
		out = append(out, simulated{name: name, bursts: bursts, sizeA: a, sizeB: b, a: s, b: s, metrics: metrics,
			always: always, wide: always})
	}
	sizes("two modes, then in larger bursts", 400, modes, []int{1}, []int{5}, "p50 p95 p99 mean", true)
	sizes("alike within bursts, then in larger ones", 60, burst, []int{2}, []int{20}, "p50 mean", false)
	sizes("alike within bursts of several sizes", 120, burst, []int{1, 10, 100}, []int{1, 10, 100},
		"p50 p95 p99 mean", false)
	sizes("alike in few bursts of several sizes", 12, burst, []int{1, 10, 100, 1000}, []int{1, 10, 100, 1000},
		"p50 mean", true)
	different := func(name string, bursts, size int, a, b server) {
		out = append(out, simulated{name: name, bursts: bursts, sizeA: []int{size}, sizeB: []int{size}, a: a, b: b,
			metrics: "p50 p95 p99 mean"})
	}
	different("20 % slower, twice the spread", 200, 5, burst, server{median: 120, between: 0.3, within: 0.3})
	different("spikes gone", 400, 5, burst, server{median: 100, between: 0.2, within: 0.2})
	different("10 % slower, 4 times the spread", 500, 1, server{median: 100, within: 0.1},
		server{median: 110, within: 0.4})
	return out
}

// truths are the logarithms of the true ratios.
func (s simulated) truths() map[string]float64 {
	out := map[string]float64{}
	if s.a == s.b {
		return out
	}
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := blocksOf(s.a.measure(rng, 1_000_000, 1).Bursts, analyze.WarmPart),
		blocksOf(s.b.measure(rng, 1_000_000, 1).Bursts, analyze.WarmPart)
	for _, of := range statistics() {
		if of.q > 0 {
			out[of.name] = math.Log(of.q.Of(b.sorted).V / of.q.Of(a.sorted).V)
		} else {
			out[of.name] = math.Log(b.total().ratio() / a.total().ratio())
		}
	}
	return out
}

// covered are the numbers of pairs whose interval has the true ratio in it, and of those that have an interval.
type covered struct{ hits, below, above, given int }

// simulate compares pairs of runs. claimed is the number of them of which a difference is claimed in any metric.
func (s simulated) simulate(pairs int) (by map[string]*covered, claimed int) {
	rng, truth := rand.New(rand.NewPCG(*seed, 1)), s.truths()
	by = map[string]*covered{}
	for range pairs {
		any := false
		a, b := s.a.measure(rng, s.bursts, s.sizeA...), s.b.measure(rng, s.bursts, s.sizeB...)
		for _, got := range compare(a, b).Changes {
			any = any || got.Claimed()
			metric := strings.TrimPrefix(got.Metric, "warm.")
			of := by[metric]
			if of == nil {
				of = &covered{}
				by[metric] = of
			}
			if !got.Ratio.Low.OK || !got.Ratio.High.OK {
				continue
			}
			of.given++
			switch want := math.Exp(truth[metric]); {
			case got.Ratio.Low.V > want:
				of.above++
			case got.Ratio.High.V < want:
				of.below++
			default:
				of.hits++
			}
		}
		if any {
			claimed++
		}
	}
	return by, claimed
}

// TestCoverage measures on simulated runs how often the 95 % interval of the ratio has the true ratio in it: 93 to 97
// of 100 for bursts whose requests are alike, also where neighbouring bursts are. In the same runs of one server a
// difference is claimed in any metric in at most 5 of 100. With -pairs, it prints this of all simulations, and with
// 3000 of them it checks them all.
func TestCoverage(t *testing.T) {
	runs := 400
	switch {
	case *pairs > 0:
		runs = *pairs
	case raceEnabled:
		runs = 30
	}
	for _, s := range simulations() {
		if !s.always && *pairs == 0 {
			continue
		}
		t.Run(fmt.Sprintf("%d x %d, %s", s.bursts, s.sizeA, s.name), func(t *testing.T) {
			by, claimed := s.simulate(runs)
			report := ""
			for _, metric := range strings.Fields(s.metrics) {
				of := by[metric]
				share := float64(of.hits) / float64(of.given)
				if of.given != runs {
					t.Errorf("%s has an interval in %d of %d runs only", metric, of.given, runs)
				}
				report += fmt.Sprintf(" %s %.1f %% (missed below %d, above %d)", metric, 100*share, of.above, of.below)
				bad := !raceEnabled && (share < 0.93 || share > 0.97 && !s.wide) || !(share >= 0.8)
				if (s.always || *pairs >= 3000) && bad {
					t.Errorf("the interval of %s has the truth in it in %.1f %% of runs", metric, 100*share)
				}
			}
			t.Logf("coverage%s; a difference is claimed in %d of %d", report, claimed, runs)
			if s.a == s.b && (s.always || *pairs >= 3000) && float64(claimed) > 0.05*float64(runs)+1 {
				t.Errorf("a difference is claimed in %d of %d pairs of runs that have none", claimed, runs)
			}
		})
	}
}
