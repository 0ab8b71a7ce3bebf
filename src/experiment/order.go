package experiment

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Values of Order.
const (
	OrderSequential  = "sequential"  // one sub-experiment after the other
	OrderParallel    = "parallel"    // all side by side
	OrderInterleaved = "interleaved" // they take turns, a round at a time, in blocks of random order
)

// Until is when a run that is repeated ends.
type Until struct {
	P50CI      string  `json:"p50_ci"`      // half width of the median's interval, as a share of the median: "2%"
	MaxMinutes float64 `json:"max_minutes"` // after which no round begins
}

// Share is P50CI as a fraction of the median.
func (u *Until) Share() float64 {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(u.P50CI, "%"), 64)
	if err != nil { // Parse lets none through
		return 0
	}
	return percent / 100
}

// Longest is MaxMinutes.
func (u *Until) Longest() time.Duration { return toDuration(u.MaxMinutes * time.Minute.Seconds()) }

// Ordering is Order; where it is not filled in, what Sequential says.
func (e *Experiment) Ordering() string {
	return cmp.Or(e.Order, map[bool]string{true: OrderSequential, false: OrderParallel}[e.Sequential])
}

// Interleaved reports whether the sub-experiments take turns.
func (e *Experiment) Interleaved() bool { return e.Order == OrderInterleaved }

// Repetitions is how often the plan is sent; at least so often with Until.
func (e *Experiment) Repetitions() int { return max(e.Repeat, 1) }

// Repeats reports whether the plan is sent, or may be sent, more than once.
func (e *Experiment) Repeats() bool { return e.Repetitions() > 1 || e.Until != nil }

// TakesTurns reports whether rounds wait for what other sub-experiments do.
func (e *Experiment) TakesTurns() bool { return e.Interleaved() || e.Repeats() }

// orderKeys are in which order sub-experiments are measured, and how often.
func orderKeys() []key {
	return []key{
		{name: "Order", rule: words(OrderSequential, OrderParallel, OrderInterleaved),
			computed: "sequential where Sequential is true, else parallel",
			doc: "sequential: one sub-experiment after the other; parallel: side by side; interleaved: they take " +
				"turns, a round at a time, in blocks of random order, so that a drift of the platform is in all of " +
				"them alike."},
		{name: "Repeat", rule: atLeast(1, 1_000_000), def: 1,
			doc: "How often the whole plan is sent, in the same run and into the same tables."},
		{name: "Until", rule: rule{kind: object, fields: untilKeys()},
			doc: "Repeat the plan until the interval of each median is narrow enough; with Repeat, not before so " +
				"many repetitions."},
	}
}

// untilKeys are the keys of Until.
func untilKeys() []key {
	return []key{
		{name: "p50_ci", required: true, rule: rule{kind: text, check: checkShare, pattern: sharePattern,
			want: `a share over 0% and up to 50%, such as "2%"`},
			doc: "Half width of the 95 % interval of the median, as a share of the median, at which the run ends."},
		{name: "max_minutes", required: true, rule: rule{kind: number, min: 0, above: true, max: maxSeconds / 60},
			doc: "The run ends after so many minutes of measuring at the latest."},
	}
}

// sharePattern is the form of a share, for the schema.
const sharePattern = `^[0-9]+(\.[0-9]+)?%$`

// checkShare accepts a share that an interval can be asked to have.
func checkShare(s string) (value, note string, err error) {
	number, isShare := strings.CutSuffix(s, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !isShare || err != nil || !(percent > 0 && percent <= 50) {
		return "", "", fmt.Errorf(`want a share over 0%% and up to 50%%, such as "2%%"`)
	}
	return s, "", nil
}

// fillOrder makes Order and Sequential say the same, and reports where the file has them contradict each other. It is
// called before sub-experiments are read.
func (d *decoder) fillOrder(root *node, good map[string]bool) {
	e, sequential := d.exp, root.find("Sequential")
	if !good["Order"] {
		e.Order = e.Ordering()
	} else if sequential != nil && good["Sequential"] {
		m := root.find("Order")
		switch {
		case e.Sequential && e.Order != OrderSequential:
			d.problem(m.off, "Order", "found %q beside \"Sequential\": true; want one of the two keys", e.Order)
		case !e.Sequential && e.Order == OrderSequential:
			d.problem(m.off, "Order", "found %q beside \"Sequential\": false; want one of the two keys", e.Order)
		}
	}
	e.Sequential = e.Order == OrderSequential
	if m := root.find("Until"); m != nil && good["Until"] {
		for _, k := range untilKeys() {
			if m.value.find(k.name) == nil {
				d.problem(m.value.off, "Until."+k.name, "missing; want %s", k.allowed())
			}
		}
	}
}

// checkOrder refuses sub-experiments that cannot take turns, or cannot be repeated.
func (d *decoder) checkOrder(root *node) {
	e := d.exp
	if !e.TakesTurns() || len(d.problems) > 0 {
		return
	}
	key, what := "Order", "interleaved"
	switch {
	case e.Interleaved():
	case e.Until != nil:
		key, what = "Until", "repeating"
	default:
		key, what = "Repeat", "repeating"
	}
	off := root.off
	if m := root.find(key); m != nil {
		off = m.off
	}
	existing := map[string]string{} // function to title
	for i := range e.SubExperiments {
		s := &e.SubExperiments[i]
		if why := s.noTurns(); why != "" {
			d.problem(off, key, "%s is for bursts: sub-experiment %q %s", what, s.Title, why)
		}
		if !IsExisting(s.Function) {
			continue
		}
		if first, twice := existing[s.Function]; twice {
			d.problem(off, key, "%s: sub-experiments %q and %q want the same existing function %s, which has one "+
				"configuration at a time", what, first, s.Title, s.Function)
		}
		existing[s.Function] = s.Title
	}
}

// noTurns says why a sub-experiment cannot take turns with others; empty where it can.
func (s *SubExperiment) noTurns() string {
	switch {
	case s.Sustained():
		return "is a sustained load, whose instants are planned beforehand; want Bursts in place of it"
	case !s.bursting():
		return fmt.Sprintf("has Type %s, whose measurements are no rounds of bursts", s.Type)
	case s.Schedule == "open":
		return "has Schedule open, whose instants are planned beforehand; want closed"
	}
	return ""
}

// Turns is how many rounds each of some sub-experiments has in a repetition, in their order.
func (e *Experiment) Turns(subs []int) []int {
	out := make([]int, len(subs))
	for i, sub := range subs {
		out[i] = e.SubExperiments[sub].Rounds()
	}
	return out
}

// interleave is how long probing takes where sub-experiments take turns: all requests one after the other, and in each
// block the longest pause, as far as the requests of the others have not filled it.
func (e *Experiment) interleave(subs []int, a Assumed) (busy, pause float64) {
	var longest, alone float64
	for _, i := range subs {
		s := &e.SubExperiments[i]
		own, pauses := s.seconds(a)
		if s.ColdStart == ColdForce { // made cold within its turn, while the others wait
			update := float64(s.Rounds()) * a.Update.Seconds()
			own, pauses = own+update, max(0, pauses-update)
		}
		busy, longest, alone = busy+own, max(longest, pauses), max(alone, own+pauses)
	}
	return busy, min(longest, max(0, alone-busy))
}

// BurstsBegun is how many bursts a sub-experiment is to send in the repetitions that Repeat asks for, and in those that
// have begun when done of them are sent.
func (e *Experiment) BurstsBegun(sub, done int) int {
	each := e.SubExperiments[sub].Bursts
	if each == 0 {
		return 0
	}
	return each * max(e.Repetitions(), (done+each-1)/each)
}

// LongestRun is how long probing takes at most, as far as the plan can say.
func (e *Experiment) LongestRun() time.Duration {
	d := e.Estimate().Duration
	if e.Until != nil {
		d = max(d, e.Until.Longest())
	}
	return d
}

// MostRepetitions is how often the plan of some sub-experiments is sent at most, about: as often as fits into the time
// of Until, as far as answers take no time beyond what is assumed.
func (e *Experiment) MostRepetitions(subs []int, assumed Assumed) int {
	n := e.Repetitions()
	if e.Until == nil {
		return n
	}
	one := *e
	one.Until, one.Repeat = nil, 1
	once := one.EstimateWith(subs, assumed).Duration
	one.Repeat = 2
	each := one.EstimateWith(subs, assumed).Duration - once // with the pause between two
	if each <= 0 {
		return n
	}
	return max(n, 1+int(max(0, e.Until.Longest()-once)/each))
}
