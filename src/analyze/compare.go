package analyze

import (
	"fmt"
	"slices"
	"strings"
)

// Axis is a key that sub-experiments vary, with its value for each of them.
type Axis struct {
	Key     string
	Unit    string
	Labels  []string  // by index of the sub-experiment
	Values  []float64 // likewise; nil where they are no numbers
	Group   string    // the title that its members share; may be empty
	Members []int     // indices of the sub-experiments that are compared along it; nil: all
	With    []string  // keys that differ exactly where this one does
}

// has reports whether a sub-experiment is compared along the axis.
func (a Axis) has(sub int) bool { return a.Members == nil || slices.Contains(a.Members, sub) }

// Comparison shows how the latencies of one part of the requests depend on one axis: a line for each combination of the
// others.
type Comparison struct {
	Axis  Axis
	Name  string // different for each comparison of a run, and fit for a file's name
	Part  string // of which requests: "cold", "warm", or "all" where functions do not report that
	Lines []Line
	Pairs []Pair // of each line: each value against its fastest
	Tests int    // comparisons of two values in the whole run, for which P of the pairs is corrected
	Order string // of the run's sub-experiments: Sequential, Parallel or interleaved; empty: it is not known
}

// Values of Comparison.Order for runs whose sub-experiments are not compared in blocks.
const (
	Sequential = "sequential" // one after the other
	Parallel   = "parallel"   // side by side
)

// Findings on a line.
const (
	FindingLittle      = "little"      // too few bursts for any statement
	FindingNone        = "none"        // no difference was found
	FindingLine        = "line"        // a straight line fits: Slope
	FindingStep        = "step"        // two levels fit: Step
	FindingDifferences = "differences" // some values differ: the line's Pairs
)

// Line is one combination of the other axes.
type Line struct {
	Name    string // keys and values of the other axes, joined; empty where there is no other axis
	Points  []Point
	Finding string
	Blocks  int       // that its points have in common, and are compared in; 0: they are not compared in blocks
	Slope   *Estimate // ms for one unit of the axis; nil without FindingLine
	Step    *Step     // nil without FindingStep
	// of the test for lack of fit of a straight line: small where none fits; no data where none was tried
	FitP Value
	// indices of the fastest point and of those that no difference from it was found for; the fastest is the first
	Fastest []int
	// the largest ratio, minus 1, that the intervals leave possible between those points, with FindingNone between any
	Smaller Value
}

// Point is one sub-experiment on an axis. All times are in ms; intervals resample whole bursts.
type Point struct {
	Sub              int
	Label            string
	X                float64 // its value, else its place on the axis
	Count, Errors    int
	Cold             Value    // cold requests; no data if no function said anything
	N                int      // requests of the comparison's part
	Enough           bool     // N, and the bursts that they are in, are enough to be compared
	MainP50, MainP99 Estimate // of the comparison's part
	WarmP50          Estimate
	draws            []float64     // resampled medians of the part; nil where there are too few bursts
	bursts           []float64     // median of each burst
	rounds           []roundMedian // nil where sub-experiments were not interleaved
	how              Resampling
	level            float64 // ms: the median, or what it were if all blocks were alike
}

// Pair compares a value of an axis with the fastest one of its line.
type Pair struct {
	Line       string
	First      string   // the fastest
	Second     string   //
	Sub        int      // index of the second's sub-experiment
	Ratio      Estimate // of the medians
	Difference Estimate // of the medians, ms
	P          Value    // of the test, corrected by Holm's method for all comparisons of the run
	Differs    bool     // a difference is claimed
}

// Step is where the medians of a numeric axis go from one level to another.
type Step struct {
	Before, After string   // labels of the neighbours
	Ratio         Estimate // of the levels
	Difference    Estimate // of the levels, ms
}

// minShare is the share of a sub-experiment's requests, as a divisor, that a part must have to be compared: fewer are
// strays, such as the cold starts at the beginning of any load.
const minShare = 50

// Compare makes a comparison for each axis and each part of the requests that has enough of them. A difference is
// claimed only where a test finds one, at 5 % over all comparisons, and the interval of the ratio leaves out 1: the
// rank-sum test over bursts; where sub-experiments were interleaved (Options.Blocks), the signed-rank test over the
// blocks that all points of the line have. Intervals need Options.Resampling when the summaries are made; the same seed
// and samples give the same ones.
func Compare(all []Summary, axes []Axis) []Comparison {
	var out []Comparison
	for _, axis := range axes {
		var members []Summary
		for _, s := range all {
			if axis.has(s.Index) {
				members = append(members, s)
			}
		}
		out = append(out, comparisons(members, axis, axes)...)
	}
	nameThem(out)
	conclude(out)
	return out
}

// comparisons are those of one axis: one for each part that two points of a line have enough of, else one of the part
// that most requests are of.
func comparisons(members []Summary, axis Axis, axes []Axis) []Comparison {
	var out []Comparison
	var main Comparison
	most := -1
	for _, part := range []Part{ColdPart, WarmPart, All} {
		c := Comparison{Axis: axis, Part: part.String()}
		n := 0
		for _, s := range members {
			c.add(s, part, LineName(axes, axis.Key, s.Index))
		}
		comparable := false
		for i := range c.Lines {
			slices.SortStableFunc(c.Lines[i].Points, func(a, b Point) int { return order(a.X, b.X) })
			comparable = comparable || len(c.Lines[i].enough()) > 1
			for _, p := range c.Lines[i].Points {
				n += p.N
			}
		}
		if n > most && (n > 0 || part == All) {
			main, most = c, n
		}
		if comparable {
			out = append(out, c)
		}
	}
	if len(out) == 0 && len(main.Lines) > 0 {
		return []Comparison{main}
	}
	return out
}

// String is the word for a part.
func (p Part) String() string { return [...]string{All: "all", ColdPart: "cold", WarmPart: "warm"}[p] }

func order(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// LineName is what a sub-experiment has on all axes of its group but one; empty where there is no other axis.
func LineName(axes []Axis, without string, sub int) string {
	var parts []string
	for _, o := range axes {
		if o.Key != without && o.has(sub) {
			parts = append(parts, o.ShortKey()+"="+o.Labels[sub])
		}
	}
	return strings.Join(parts, ", ")
}

// ShortKey is the key without the object that it is in: KeepAliveSeconds.
func (a Axis) ShortKey() string { return a.Key[strings.LastIndexByte(a.Key, '.')+1:] }

// of is the number of requests of a part. Of a sub-experiment whose functions tell cold from warm requests, none are
// compared together: the joint distribution says more of their mixture than of either.
func (s Summary) of(part Part) int {
	switch {
	case part == ColdPart:
		return s.Cold.Count
	case part == WarmPart:
		return s.Warm.Count
	case s.Cold.Count+s.Warm.Count > 0:
		return 0
	}
	return s.Count
}

// add adds a sub-experiment as a point of its line.
func (c *Comparison) add(s Summary, part Part, name string) {
	at := slices.IndexFunc(c.Lines, func(l Line) bool { return l.Name == name })
	if at < 0 {
		c.Lines = append(c.Lines, Line{Name: name})
		at = len(c.Lines) - 1
	}
	label := c.Axis.Labels[s.Index]
	p := Point{Sub: s.Index, Label: label, Count: s.Count, Cold: s.ColdCount(), Errors: s.Errors, N: s.of(part),
		X: c.position(label)}
	if c.Axis.Values != nil {
		p.X = c.Axis.Values[s.Index]
	}
	p.WarmP50.Value = s.Warm.P50
	switch {
	case p.N == 0:
	case part == ColdPart:
		p.MainP50.Value, p.MainP99.Value = s.Cold.P50, s.Cold.P99
	case part == WarmPart:
		p.MainP50.Value, p.MainP99.Value = s.Warm.P50, s.Warm.P99
	default:
		p.MainP50.Value, p.MainP99.Value = s.P50, s.P99
	}
	if r := s.Resampled; r != nil {
		p.WarmP50 = r.interval(s.Warm.P50, r.P50[WarmPart], WarmPart)
		if p.N > 0 {
			p.draws, p.bursts = r.P50[part], r.Medians[part]
			p.rounds, p.how = r.rounds[part], r.how
			p.MainP50 = r.interval(p.MainP50.Value, p.draws, part)
		}
		if p.N >= MinSamples(P99) {
			// of fewer samples the p99 is the longest one, and resampling cannot say what lies beyond it
			p.MainP99 = r.interval(p.MainP99.Value, r.P99[part], part)
		}
	}
	p.level = p.MainP50.Value.V
	p.Enough = p.draws != nil && p.N >= MinSamples(Median) && minShare*p.N >= p.Count
	c.Lines[at].Points = append(c.Lines[at].Points, p)
}

// position is a label's index among those of an axis without numbers, from 0.
func (c *Comparison) position(label string) float64 {
	var seen []string
	for i, l := range c.Axis.Labels {
		if c.Axis.has(i) && !slices.Contains(seen, l) {
			seen = append(seen, l)
		}
	}
	return float64(slices.Index(seen, label))
}

// enough are the indices of a line's points that can be compared.
func (l *Line) enough() (out []int) {
	for i, p := range l.Points {
		if p.Enough {
			out = append(out, i)
		}
	}
	return out
}

// nameThem gives each comparison a name of its own: the key, with its group where others have the same key, and with
// its part from the second one of an axis on.
func nameThem(all []Comparison) {
	taken := map[string]bool{}
	for i := range all {
		c := &all[i]
		name := c.Axis.Key
		if slices.ContainsFunc(all, func(o Comparison) bool {
			return o.Axis.Key == c.Axis.Key && o.Axis.Group != c.Axis.Group
		}) && c.Axis.Group != "" {
			name = c.Axis.Group + "-" + name
		}
		if i > 0 && all[i-1].Axis.Key == c.Axis.Key && all[i-1].Axis.Group == c.Axis.Group {
			name += "-" + c.Part
		}
		name = fileWord(name)
		c.Name = name
		for n := 2; taken[strings.ToLower(c.Name)]; n++ {
			c.Name = fmt.Sprintf("%s-%d", name, n)
		}
		taken[strings.ToLower(c.Name)] = true
	}
}

// longestName is the number of characters that a name has at most.
const longestName = 100

// fileWord replaces what is not a letter, a digit, a dot, a hyphen or an underscore: such names need no quoting in a
// shell.
func fileWord(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, s)
	return s[:min(len(s), longestName)]
}
