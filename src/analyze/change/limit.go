package change

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// Limit is how much a metric may change from A to B: cold.p50>+5% is exceeded where the median of cold requests grows
// by more than 5 %.
type Limit struct {
	Text    string // as it was given
	metrics []string
	below   bool    // the metric must not fall
	by      float64 // with the sign of the change
	unit    string  // %, ms, pp
}

// States of a check.
const (
	Met       = "met"
	Missed    = "missed"
	Undecided = "undecided" // the interval has the limit in it, or there are too few samples for one
)

// Check is a limit on one sub-experiment.
type Check struct {
	Limit  string `json:"limit"`
	B      string `json:"b"`               // the run that was compared with A
	Title  string `json:"title,omitempty"` // the sub-experiment's; empty: the metric is in none
	Metric string `json:"metric"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	// with Undecided, about how many more bursts each run needs for a decision, if the change stays what it is; 0: not
	// known
	MoreBursts int `json:"more_bursts,omitempty"`
}

var limitForm = regexp.MustCompile(`^([a-z0-9.]+)([<>])([+-]?)([0-9]+(?:\.[0-9]+)?)(%|ms|pp)$`)

// ParseLimit reads METRIC>[+]NUMBER UNIT or METRIC<-NUMBER UNIT. METRIC is one of Metrics, or p50, p95, p99 or mean for
// that of cold, warm and all requests. UNIT is % of A's value; ms for latencies; pp, percentage points, for shares.
func ParseLimit(text string) (Limit, error) {
	parts := limitForm.FindStringSubmatch(strings.ReplaceAll(text, " ", ""))
	if parts == nil {
		return Limit{}, fmt.Errorf("%q is no limit: want METRIC>+NUMBER%%, such as cold.p50>+5%%, errors>+1pp or "+
			"warm.p99>+20ms", text)
	}
	l := Limit{Text: text, below: parts[2] == "<", unit: parts[5]}
	for _, name := range Metrics() {
		_, statistic, _ := strings.Cut(name, ".")
		if name == parts[1] || statistic == parts[1] && statistic != "share" {
			l.metrics = append(l.metrics, name)
		}
	}
	if len(l.metrics) == 0 {
		return Limit{}, fmt.Errorf("%q: there is no metric %s: use one of p50, p95, p99, mean, %s", text, parts[1],
			strings.Join(Metrics(), ", "))
	}
	isShare, isCost := parts[1] == coldShare || parts[1] == errorShare, parts[1] == cost
	switch {
	case isShare && l.unit != "pp":
		return Limit{}, fmt.Errorf("%q: a share changes by percentage points: write %s%s%s%spp", text, parts[1],
			parts[2], parts[3], parts[4])
	case !isShare && l.unit == "pp":
		return Limit{}, fmt.Errorf("%q: percentage points are for shares: write %% for a change of %s", text, parts[1])
	case isCost && l.unit == "ms":
		return Limit{}, fmt.Errorf("%q: a cost is no time: write %%", text)
	case l.below && parts[3] != "-", !l.below && parts[3] == "-":
		return Limit{}, fmt.Errorf("%q: > takes a growth (+5%%), < a fall (-5%%)", text)
	}
	var err error
	if l.by, err = strconv.ParseFloat(parts[3]+parts[4], 64); err != nil {
		return Limit{}, fmt.Errorf("%q: %w", text, err)
	}
	return l, nil
}

// Check checks the limit on all sub-experiments of the results. It is missed where the whole interval of the change is
// beyond it, and the difference is claimed: noise does not miss it. It is met where the whole interval is within. In
// between it is undecided. It is missed, too, where B has no value or lacks a sub-experiment of A, or no sub-experiment
// has the metric: what was not measured is not within a limit.
func (l Limit) Check(results []Result) []Check {
	var out []Check
	for _, r := range results {
		any := false
		for _, sub := range r.Subs {
			for _, c := range sub.Changes {
				if slices.Contains(l.metrics, c.Metric) {
					check := l.check(c)
					if sub.Stopped != "" && check.State != Missed {
						check.State, check.Reason, check.MoreBursts = Missed, "B stopped early: "+sub.Stopped, 0
					}
					check.B, check.Title = r.B, sub.Title
					out, any = append(out, check), true
				}
			}
		}
		if !any {
			out = append(out, Check{Limit: l.Text, B: r.B, Metric: l.metrics[0], State: Missed, Reason: l.absent(r)})
		}
		for _, title := range r.OnlyA {
			out = append(out, Check{Limit: l.Text, B: r.B, Title: title, Metric: l.metrics[0], State: Missed,
				Reason: "B has no such sub-experiment, or no results of it"})
		}
	}
	return out
}

// absent says why no sub-experiment has the limit's metric.
func (l Limit) absent(r Result) string {
	const none = "no sub-experiment has this metric: "
	part, statistic, _ := strings.Cut(l.metrics[0], ".")
	here := map[string]bool{}
	for _, sub := range r.Subs {
		for _, c := range sub.Changes {
			here[c.Metric] = true
		}
	}
	switch all := analyze.All.String() + "." + statistic; {
	case l.metrics[0] == cost:
		return none + "no request has a cost; `stellar report RUN --prices FILE` adds it"
	case l.metrics[0] == coldShare || here[all]:
		return none + "one of the runs does not say which requests are cold; there are all.p50 and the like"
	case part == analyze.All.String():
		return none + "these runs say which requests are cold; use cold." + statistic + " or warm." + statistic
	}
	return none + "too few requests, or none, were " + part
}

// check checks one change.
func (l Limit) check(c Change) Check {
	out := Check{Limit: l.Text, Metric: c.Metric, State: Undecided}
	e := l.change(c)
	far, near, sign := e.High.V, e.Low.V, 1.0 // of the interval, seen from the limit's side
	if l.below {
		far, near, sign = e.Low.V, e.High.V, -1
	}
	words := fmt.Sprintf("the change is %s%s", signed(e.Value.V), l.unit)
	if e.Low.OK && e.High.OK {
		words += fmt.Sprintf(" (95 %%: %s … %s)", signed(e.Low.V), signed(e.High.V))
	}
	switch {
	case !c.B.Value.OK && c.A.Value.OK:
		out.State, out.Reason = Missed, "B has no value"
	case !c.A.Value.OK:
		out.State, out.Reason = Missed, "A has no value to compare with"
	case c.Claimed() && !e.Value.OK: // A is free: no percentage of it is a growth
		out.State, out.Reason = Met, "A is 0, and B is not, which no percentage says"
		if !l.below {
			out.State = Missed
		}
	case c.Verdict == TooFew || !e.Low.OK || !e.High.OK:
		out.MoreBursts = c.MoreBursts
		out.Reason = "there are too few samples for an interval"
	case (near-l.by)*sign > 0 && c.Claimed():
		out.State, out.Reason = Missed, words
	case (l.by-far)*sign >= 0:
		out.State, out.Reason = Met, words
	default:
		out.Reason = words + ", which has the limit in it"
		if (near-l.by)*sign > 0 {
			out.Reason = words + ", which is beyond the limit, but the test over all comparisons finds no difference"
		}
		out.MoreBursts = l.more(c, e)
	}
	return out
}

// change is a change in the limit's unit.
func (l Limit) change(c Change) analyze.Estimate {
	if l.unit != "%" {
		return c.Difference
	}
	nothing := analyze.Estimate{Value: analyze.Of(0), Low: analyze.Of(0), High: analyze.Of(0)}
	if e := c.Relative(); e.Value.OK || c.Difference != nothing {
		return e
	}
	return nothing // free before and after
}

// most is the largest number of bursts that is told, as a multiple of those that there are: beyond it, the change is
// too close to the limit to be told from it.
const most = 100

// more is the number of bursts at which the interval would end at the limit: its width falls with the square root of
// their number.
func (l Limit) more(c Change, e analyze.Estimate) int {
	half := e.High.V - e.Value.V
	if e.Value.V > l.by {
		half = e.Value.V - e.Low.V
	}
	times := math.Pow(half/math.Abs(e.Value.V-l.by), 2)
	if !(times > 1 && times < most) {
		return 0
	}
	return int(math.Ceil(float64(c.whole) * (times - 1)))
}

// signed is a number with its sign and three significant digits.
func signed(v float64) string {
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if v > 0 {
		return "+" + text
	}
	return text
}
