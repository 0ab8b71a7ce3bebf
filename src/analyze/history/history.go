// Package history follows the latencies of one experiment over many runs: it makes a series of each percentile, and
// finds in it where the level has changed.
package history

import (
	"math"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/changepoint"
)

// Run is one run of the experiment, as its statistics say.
type Run struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Failed  string    `json:"failed,omitempty"` // why it has no values; empty: it has
	Page    string    `json:"page,omitempty"`   // of the run, from the history's page; empty: none
	// with what it was measured: the same names in the same order in all runs
	Facts []Fact `json:"facts"`
	Subs  []Sub  `json:"-"`
}

// Fact is something that a run was measured with, such as the version of stellar.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Sub is a sub-experiment of a run. Those of all runs are in the same order.
type Sub struct {
	Title  string
	Failed string // why it has no values; empty: it has
	Stats  analyze.Summary
	// the intervals in Stats take whole bursts as independent, not requests
	WholeBursts bool
}

// What an interval takes as independent.
const (
	ByBurst   = "bursts"
	ByRequest = "requests"
)

// Point is a percentile of one run in ms, with its 95 % interval. Without a value, the run is a gap of the series.
type Point struct {
	analyze.Estimate
	Requests int `json:"requests"`
	// what the interval takes as independent; empty: there is no interval
	Independent string `json:"independent,omitempty"`
}

// Series is a percentile of a sub-experiment over all runs.
type Series struct {
	Sub    int     `json:"sub_experiment"`
	Title  string  `json:"title"`  // in the newest run
	Part   string  `json:"part"`   // cold, warm; all, where functions do not say which requests are cold
	Metric string  `json:"metric"` // p50, p99
	Points []Point `json:"points"` // one for each run
	// why no change is looked for; empty: it is
	Untested string   `json:"untested,omitempty"`
	Changes  []Change `json:"changes"`
}

// Change is a change of the level of a series.
type Change struct {
	Before string `json:"before"` // id of the last run of the old level
	Since  string `json:"since"`  // id of the first run of the new one
	Run    int    `json:"run"`    // its index in History.Runs

	From  float64 `json:"from_ms"` // median over the runs between the change before and this one
	To    float64 `json:"to_ms"`   // and between this one and the next
	P     float64 `json:"p"`
	Worse bool    `json:"worse"`
	// what else changed between the two runs, such as the version of stellar
	Beside []string `json:"beside,omitempty"`
	// why it is known; empty: it was not acknowledged
	Acknowledged string `json:"acknowledged,omitempty"`
	// a later change has brought the level back
	Recovered bool `json:"recovered,omitempty"`
	// it is one to the worse that the newest run is past and that was not acknowledged
	Open bool `json:"open"`
}

// Share is the change as a share of the old level: 0.1 is 10 % longer.
func (c Change) Share() float64 { return c.To/c.From - 1 }

// Options say what counts as a change.
type Options struct {
	Smallest     float64 // share of the old level under which a change is not told
	Acknowledged []Acknowledgement
	Tables       *changepoint.Tables // for several histories; nil: one of its own
}

// History is what the runs show.
type History struct {
	Runs     []Run    `json:"runs"` // in the order in which they started
	Series   []Series `json:"series"`
	Tests    int      `json:"tests"`    // series in which changes are looked for
	Fewest   int      `json:"fewest"`   // runs with values that a series must have for a change to be found
	Delay    int      `json:"delay"`    // runs beyond a step before it can be found, at the end of the longest series
	Smallest float64  `json:"smallest"` // Options.Smallest
}

// Alpha is the probability that changes are claimed where none are, over all series together.
const Alpha = 0.05

// fewestForTail is the number of requests from which the 99th percentile is not simply the longest one.
const fewestForTail = 100

// New follows runs, in any order, of one experiment.
func New(runs []Run, o Options) History {
	h := History{Runs: slices.Clone(runs), Smallest: o.Smallest}
	slices.SortStableFunc(h.Runs, func(a, b Run) int { return a.Started.Compare(b.Started) })
	h.addSeries()
	longest := 0
	for i := range h.Series {
		if s := &h.Series[i]; s.Untested == "" {
			h.Tests++
			longest = max(longest, s.count())
		}
	}
	alpha := Alpha / float64(max(h.Tests, 1))
	h.Fewest = changepoint.Fewest(alpha)
	find := changepoint.NewFinder(alpha, o.Tables)
	if longest >= h.Fewest {
		h.Delay = find.Delay(longest)
	}
	for i := range h.Series {
		s := &h.Series[i]
		s.Changes = []Change{}
		if s.Untested == "" {
			s.findChanges(find, h.Runs, o)
		}
	}
	return h
}

// parts are what a sub-experiment's series are of: cold and warm requests apart where functions say which are cold.
func parts() []part {
	return []part{
		{"all", func(s analyze.Summary) analyze.Split {
			if s.Cold.Count+s.Warm.Count > 0 {
				return analyze.Split{}
			}
			return analyze.Split{Count: s.Count, P50: s.P50, P99: s.P99, CI50: s.CI50, CI99: s.CI99}
		}},
		{"cold", func(s analyze.Summary) analyze.Split { return whole(s, s.Cold) }},
		{"warm", func(s analyze.Summary) analyze.Split { return whole(s, s.Warm) }},
	}
}

type part struct {
	name string
	of   func(analyze.Summary) analyze.Split
}

// whole gives a part that is all of a sub-experiment the intervals of all, which older statistics have, too.
func whole(s analyze.Summary, of analyze.Split) analyze.Split {
	if of.Count == s.Count {
		of.CI50, of.CI99 = s.CI50, s.CI99
	}
	return of
}

func (h *History) addSeries() {
	subs := 0
	for _, r := range h.Runs {
		subs = max(subs, len(r.Subs))
	}
	for sub := range subs {
		for _, p := range parts() {
			p50 := Series{Sub: sub, Part: p.name, Metric: "p50"}
			p99 := Series{Sub: sub, Part: p.name, Metric: "p99"}
			var counts []int
			for _, r := range h.Runs {
				of, independent := analyze.Split{}, ByRequest
				if sub < len(r.Subs) && r.Failed == "" && r.Subs[sub].Failed == "" {
					of = p.of(r.Subs[sub].Stats)
					if r.Subs[sub].WholeBursts {
						independent = ByBurst
					}
					p50.Title, p99.Title = r.Subs[sub].Title, r.Subs[sub].Title
				}
				p50.add(of.Count, of.P50, of.CI50, independent)
				if of.Count < analyze.MinSamples(analyze.Median) {
					of.P99 = analyze.Value{} // as everywhere
				}
				p99.add(of.Count, of.P99, of.CI99, independent)
				if of.Count > 0 {
					counts = append(counts, of.Count)
				}
			}
			if len(counts) == 0 {
				continue
			}
			slices.Sort(counts)
			if counts[len(counts)/2] < fewestForTail {
				p99.Untested = "of under 100 requests the p99 is the longest one"
			}
			h.Series = append(h.Series, p50, p99)
		}
	}
}

func (s *Series) add(requests int, v analyze.Value, ci analyze.Interval, independent string) {
	p := Point{Requests: requests}
	if v.OK && v.V <= 0 {
		v = analyze.Value{} // no latency: what has written it is no clock
	}
	p.Value = v
	if v.OK && ci.OK() {
		p.Low, p.High, p.Independent = ci.Low, ci.High, independent
	}
	s.Points = append(s.Points, p)
}

// count is the number of runs with a value.
func (s *Series) count() (n int) {
	for _, p := range s.Points {
		if p.Value.OK {
			n++
		}
	}
	return n
}

// findChanges looks for changes among the runs with a value.
func (s *Series) findChanges(find *changepoint.Finder, runs []Run, o Options) {
	var values, logs []float64
	var at []int // runs
	for i, p := range s.Points {
		if p.Value.OK {
			values, at = append(values, p.Value.V), append(at, i)
			logs = append(logs, math.Log(p.Value.V))
		}
	}
	found := find.Find(logs)
	// A change that is too small to tell joins its two levels, which can leave another one too small.
	for {
		levels := levelsOf(values, found)
		small, least := -1, math.Inf(1)
		for i := range found {
			if share := math.Abs(levels[i+1]/levels[i] - 1); share < o.Smallest && share < least {
				small, least = i, share
			}
		}
		if small < 0 {
			break
		}
		found = slices.Delete(found, small, small+1)
	}
	levels := levelsOf(values, found)
	for i, f := range found {
		c := Change{Before: runs[at[f.At-1]].ID, Since: runs[at[f.At]].ID, Run: at[f.At], From: levels[i],
			To: levels[i+1], P: f.P, Worse: levels[i+1] > levels[i],
			Beside: beside(runs[at[f.At-1]], runs[at[f.At]])}
		c.Recovered = c.Worse && i < len(found)-1 && recovered(values, found, i, o.Smallest)
		s.acknowledge(&c, runs, o.Acknowledged)
		c.Open = c.Worse && !c.Recovered && c.Acknowledged == ""
		s.Changes = append(s.Changes, c)
	}
}

// recovered reports whether the last level is not above the one before a change: by less than the smallest share that
// is told, or not so that a rank-sum test says it.
func recovered(values []float64, changes []changepoint.Change, i int, smallest float64) bool {
	from := 0
	if i > 0 {
		from = changes[i-1].At
	}
	old, last := values[from:changes[i].At], values[changes[len(changes)-1].At:]
	level := func(of []float64) float64 { return analyze.Median.Of(slices.Sorted(slices.Values(of))).V }
	p, higher := analyze.RankSum(old, last)
	return !higher || p > Alpha || level(last) <= level(old)*(1+smallest)
}

// levelsOf are the medians between changes.
func levelsOf(values []float64, changes []changepoint.Change) []float64 {
	var out []float64
	from := 0
	for i := 0; i <= len(changes); i++ {
		to := len(values)
		if i < len(changes) {
			to = changes[i].At
		}
		out = append(out, analyze.Median.Of(slices.Sorted(slices.Values(values[from:to]))).V)
		from = to
	}
	return out
}

// beside says what else is different in the second of two runs.
func beside(a, b Run) []string {
	var out []string
	for i, f := range b.Facts {
		if i < len(a.Facts) && a.Facts[i].Value != f.Value {
			out = append(out, f.Name+": "+a.Facts[i].Value+" → "+f.Value)
		}
	}
	return out
}
