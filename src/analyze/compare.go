package analyze

import (
	"math"
	"slices"
	"strings"
)

// Axis is a key in which sub-experiments differ, with its value for each of them.
type Axis struct {
	Key    string
	Unit   string
	Labels []string  // by index of the sub-experiment
	Values []float64 // likewise; nil where they are no numbers
}

// Comparison shows how latencies depend on one axis: a line for each combination of the others.
type Comparison struct {
	Axis  Axis
	Part  string // "cold" where there are cold requests, else "all": what Point.Main is of
	Lines []Line
	Pairs []Pair // where the axis has two values: the second against the first
}

// Line is one combination of the other axes.
type Line struct {
	Name   string // labels of the other axes, joined; empty where there is no other axis
	Points []Point
	Slope  *Estimate // ms for one unit of a numeric axis, by least squares over the medians; nil under three points
}

// Point is one sub-experiment on an axis. All times are in ms; intervals resample whole bursts.
type Point struct {
	Sub                 int
	Label               string
	X                   float64 // its value, else its place on the axis
	Count, Cold, Errors int
	MainP50, MainP99    Estimate // of the comparison's part
	WarmP50             Estimate
	draws               []float64 // resampled medians of the part; nil where there are too few bursts
}

// Pair compares the second of an axis's two values with the first, for one line.
type Pair struct {
	Line       string
	First      string
	Second     string
	Ratio      Estimate // of the medians
	Difference Estimate // of the medians, ms
}

// Compare makes a comparison for each axis. Intervals need Options.Resampling when the summaries are made; the same
// seed and samples give the same intervals.
func Compare(all []Summary, axes []Axis) []Comparison {
	var out []Comparison
	for _, axis := range axes {
		c := Comparison{Axis: axis, Part: "all"}
		if aboutCold(all) {
			c.Part = "cold"
		}
		for _, s := range all {
			c.add(s, LineName(axes, axis.Key, s.Index))
		}
		for l := range c.Lines {
			line := &c.Lines[l]
			slices.SortStableFunc(line.Points, func(a, b Point) int { return order(a.X, b.X) })
			line.slope(axis)
			c.pair(line)
		}
		out = append(out, c)
	}
	return out
}

// aboutCold reports whether the comparison is about cold starts: one sub-experiment is mostly cold, or each has enough
// cold requests, more than the few at the beginning of any load.
func aboutCold(all []Summary) bool {
	each := true
	for _, s := range all {
		if 2*s.Cold.Count > s.Count {
			return true
		}
		each = each && (s.Count == 0 || s.Cold.Count >= MinSamples(Median) && 50*s.Cold.Count >= s.Count)
	}
	return each && len(all) > 0 && all[0].Cold.Count > 0
}

func order(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// LineName is what a sub-experiment has on all axes but one; empty where there is no other axis.
func LineName(axes []Axis, without string, sub int) string {
	var parts []string
	for _, o := range axes {
		if o.Key == without {
			continue
		}
		label := o.Labels[sub]
		if o.Values != nil {
			label = strings.TrimSpace(label + " " + o.Unit)
			if o.Unit == "" {
				label = o.Key + " " + label
			}
		}
		parts = append(parts, label)
	}
	return strings.Join(parts, ", ")
}

// add adds a sub-experiment as a point of its line.
func (c *Comparison) add(s Summary, name string) {
	at := slices.IndexFunc(c.Lines, func(l Line) bool { return l.Name == name })
	if at < 0 {
		c.Lines = append(c.Lines, Line{Name: name})
		at = len(c.Lines) - 1
	}
	label := c.Axis.Labels[s.Index]
	p := Point{Sub: s.Index, Label: label, Count: s.Count, Cold: s.Cold.Count, Errors: s.Errors, X: c.position(label)}
	if c.Axis.Values != nil {
		p.X = c.Axis.Values[s.Index]
	}
	part, n := All, s.Count
	p.MainP50.Value, p.MainP99.Value = s.P50, s.P99
	if c.Part == "cold" {
		part, n = ColdPart, s.Cold.Count
		p.MainP50.Value, p.MainP99.Value = s.Cold.P50, s.Cold.P99
	}
	p.WarmP50.Value = s.Warm.P50
	if r := s.Resampled; r != nil {
		p.draws = r.P50[part]
		p.MainP50, p.WarmP50 = estimate(p.MainP50.Value, p.draws), estimate(p.WarmP50.Value, r.P50[WarmPart])
		if n >= MinSamples(P99) {
			// of fewer samples the p99 is the longest one, and resampling cannot say what lies beyond it
			p.MainP99 = estimate(p.MainP99.Value, r.P99[part])
		}
	}
	c.Lines[at].Points = append(c.Lines[at].Points, p)
}

// position is a label's index among those of an axis without numbers, from 0.
func (c *Comparison) position(label string) float64 {
	var seen []string
	for _, l := range c.Axis.Labels {
		if !slices.Contains(seen, l) {
			seen = append(seen, l)
		}
	}
	return float64(slices.Index(seen, label))
}

// slope fits a straight line through the medians; its interval resamples the bursts of every point.
func (l *Line) slope(axis Axis) {
	if axis.Values == nil || len(l.Points) < 3 {
		return
	}
	xs, ys := make([]float64, len(l.Points)), make([]float64, len(l.Points))
	for i, p := range l.Points {
		if p.draws == nil {
			return
		}
		xs[i], ys[i] = p.X, p.MainP50.Value.V
	}
	value := leastSquares(xs, ys)
	draws := make([]float64, len(l.Points[0].draws))
	for d := range draws {
		for i, p := range l.Points {
			ys[i] = p.draws[d] // independent of each other's
		}
		draws[d] = leastSquares(xs, ys)
	}
	e := estimate(Of(value), draws)
	l.Slope = &e
}

// leastSquares is the slope of the straight line with the least squared distances.
func leastSquares(xs, ys []float64) float64 {
	n := float64(len(xs))
	var sx, sy float64
	for i := range xs {
		sx, sy = sx+xs[i], sy+ys[i]
	}
	var above, below float64
	for i := range xs {
		above += (xs[i] - sx/n) * (ys[i] - sy/n)
		below += (xs[i] - sx/n) * (xs[i] - sx/n)
	}
	if below == 0 {
		return math.NaN()
	}
	return above / below
}

// pair compares the two values of an axis that has exactly two.
func (c *Comparison) pair(l *Line) {
	if c.Axis.Values != nil || len(l.Points) != 2 || l.Points[0].draws == nil || l.Points[1].draws == nil {
		return
	}
	a, b := l.Points[0], l.Points[1]
	ratios, differences := make([]float64, len(a.draws)), make([]float64, len(a.draws))
	for d := range ratios {
		first, second := a.draws[d], b.draws[d]
		ratios[d], differences[d] = second/first, second-first
	}
	first, second := a.MainP50.Value.V, b.MainP50.Value.V
	c.Pairs = append(c.Pairs, Pair{Line: l.Name, First: a.Label, Second: b.Label,
		Ratio: estimate(Of(second/first), ratios), Difference: estimate(Of(second-first), differences)})
}
