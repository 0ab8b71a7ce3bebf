// Package change says whether two runs differ: for each metric of each sub-experiment the difference and the ratio with
// 95 % intervals, a test, and a verdict in a word.
//
// Requests of one burst share their queue and their instances, so whole bursts are the independent observations: each
// interval counts as many requests as independent ones would say the same (the design effect), and each test compares
// bursts. Nothing is drawn at random: the same rows give the same result.
package change

import (
	"cmp"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// Sub is what one run measured of one sub-experiment.
type Sub struct {
	Title  string
	Rows   int // all, those of warm-up among them
	Bursts analyze.Bursts
	Costs  []BurstCost // of the bursts of which requests have a cost; nil where none has one
	// why it ended before its last burst, such as too many errors; empty: it did not
	Stopped string
}

// BurstCost is what the requests of one burst cost together.
type BurstCost struct {
	USD      float64
	Requests int // those that have a cost
}

// Side is a run. Its i-th sub-experiment is compared with the i-th one of another side.
type Side struct {
	Name  string
	Subs  []Sub
	Alone []string // titles of sub-experiments that the other run lacks
}

// Result is the comparison of a run with the first one.
type Result struct {
	A    string `json:"a"`
	B    string `json:"b"`
	Subs []Pair `json:"sub_experiments"`
	// titles of sub-experiments without a partner
	OnlyA []string `json:"only_a,omitempty"`
	OnlyB []string `json:"only_b,omitempty"`
	// comparisons of all results together, for which P is corrected
	Tests int `json:"tests"`
}

// Pair is one sub-experiment of both runs.
type Pair struct {
	Title   string   `json:"title"`
	Changes []Change `json:"changes"`
	// why B ended before its last burst where A did not; else empty
	Stopped string `json:"b_stopped,omitempty"`
}

// Units of metrics.
const (
	MS     = "ms"
	Points = "pp"  // percentage points: of shares, whose values are percentages
	USD    = "usd" // for a million requests
)

// Verdicts. Latencies are faster or slower, other metrics higher or lower.
const (
	Faster = "faster"
	Slower = "slower"
	Higher = "higher"
	Lower  = "lower"
	None   = "no difference found"
	TooFew = "too few samples"
	NoData = "no data" // one of the runs has no value at all
)

// Change is how one metric differs between two runs. A value without data does not exist: nothing was measured, or the
// samples are too few for it.
type Change struct {
	Metric     string           `json:"metric"` // cold.p50, errors, …; see Metrics
	Unit       string           `json:"unit"`   // of A, B and Difference
	A          analyze.Estimate `json:"a"`
	B          analyze.Estimate `json:"b"`
	Difference analyze.Estimate `json:"difference"` // B - A
	Ratio      analyze.Estimate `json:"ratio"`      // B / A
	// of the rank-sum test over bursts, corrected by Holm's method for all comparisons; no data without a test
	P       analyze.Value `json:"p"`
	Verdict string        `json:"verdict"`
	// with None, the largest change either way that the interval leaves possible: of the ratio minus 1, or in Unit
	// where the unit is Points
	Smaller analyze.Value `json:"smaller_than"`
	// with TooFew, how many more bursts each run needs for an interval, of as many requests as today
	MoreBursts int    `json:"more_bursts,omitempty"`
	Bursts     [2]int `json:"bursts"`   // that the values come from, in A and B
	Requests   [2]int `json:"requests"` // likewise

	whole int // bursts of the run that has fewer, also those without such requests
}

// Claimed reports whether a difference was found.
func (c Change) Claimed() bool {
	return c.Verdict == Faster || c.Verdict == Slower || c.Verdict == Higher || c.Verdict == Lower
}

// Relative is the change in percent of A; of shares in percentage points.
func (c Change) Relative() analyze.Estimate {
	if c.Unit == Points {
		return c.Difference
	}
	percent := func(v analyze.Value) analyze.Value {
		if !v.OK {
			return v
		}
		return analyze.Of(100 * (v.V - 1))
	}
	return analyze.Estimate{Value: percent(c.Ratio.Value), Low: percent(c.Ratio.Low), High: percent(c.Ratio.High)}
}

// Compare compares pairs of runs: the second side with the first one, the fourth with the third, and so on. A
// difference is claimed where the test finds one at 5 % over all comparisons that are made, and the interval of the
// difference leaves out 0.
func Compare(sides ...Side) []Result {
	out := make([]Result, len(sides)/2)
	var tested []*Change
	for i := range out {
		first, second := sides[2*i], sides[2*i+1]
		out[i] = Result{A: first.Name, B: second.Name, Subs: []Pair{}, OnlyA: first.Alone, OnlyB: second.Alone}
		for k := range min(len(first.Subs), len(second.Subs)) {
			a, b := first.Subs[k], second.Subs[k]
			pair := Pair{Title: cmp.Or(a.Title, b.Title), Changes: changes(a, b)}
			if a.Stopped == "" {
				pair.Stopped = b.Stopped
			}
			out[i].Subs = append(out[i].Subs, pair)
		}
	}
	for i := range out {
		for k := range out[i].Subs {
			for c := range out[i].Subs[k].Changes {
				if change := &out[i].Subs[k].Changes[c]; change.P.OK {
					tested = append(tested, change)
				}
			}
		}
	}
	holm(tested)
	for i := range out {
		out[i].Tests = len(tested)
		for k := range out[i].Subs {
			for c := range out[i].Subs[k].Changes {
				out[i].Subs[k].Changes[c].judge()
			}
		}
	}
	return out
}
