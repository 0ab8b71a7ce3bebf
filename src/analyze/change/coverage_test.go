package change

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestCoverage measures on simulated runs of one server how often the 95 % interval of the ratio has the true ratio, 1,
// in it: 93 to 97 of 100 for bursts whose requests are alike, also where neighbouring bursts are. In the same runs a
// difference is claimed in any metric in at most 5 of 100.
func TestCoverage(t *testing.T) {
	runs := 400
	if raceEnabled {
		runs = 30
	}
	for _, c := range []struct {
		name         string
		bursts, size int
		server       server
		metrics      []string // others have too few samples for an interval, or hardly enough
	}{
		{"alike within bursts", 60, 10, server{median: 100, between: 0.2, within: 0.2, spikes: 0.03},
			[]string{"warm.p50", "warm.p95", "warm.mean"}},
		{"neighbours alike, too", 120, 5, server{median: 100, between: 0.2, within: 0.2, memory: 0.5},
			[]string{"warm.p50", "warm.p95", "warm.mean"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(16, 1))
			hits, intervals, claimed := map[string]int{}, map[string]int{}, 0
			for range runs {
				any := false
				for _, got := range compare(c.server.measure(rng, c.bursts, c.size),
					c.server.measure(rng, c.bursts, c.size)).Changes {
					any = any || got.Claimed()
					if got.Ratio.Low.OK {
						intervals[got.Metric]++
					}
					if got.Ratio.Low.OK && got.Ratio.Low.V <= 1 && got.Ratio.High.V >= 1 {
						hits[got.Metric]++
					}
				}
				if any {
					claimed++
				}
			}
			report := ""
			for _, metric := range c.metrics {
				share := float64(hits[metric]) / float64(intervals[metric])
				if intervals[metric] < 9*runs/10 {
					t.Errorf("%s has an interval in %d of %d runs only", metric, intervals[metric], runs)
				}
				report += fmt.Sprintf(" %s %.1f %%", metric, 100*share)
				if !raceEnabled && (share < 0.93 || share > 0.97) || !(share >= 0.8) {
					t.Errorf("the interval of %s has the truth in it in %.1f %% of runs", metric, 100*share)
				}
			}
			t.Logf("coverage%s; false alarms %d of %d", report, claimed, runs)
			if float64(claimed) > 0.05*float64(runs)+1 {
				t.Errorf("a difference is claimed in %d of %d pairs of runs that have none", claimed, runs)
			}
		})
	}
}
