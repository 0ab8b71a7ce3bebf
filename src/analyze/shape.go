package analyze

import "math"

// conclude makes the statement of a line from the tests of its points.
func (l *Line) conclude(tests []*test, numeric bool) {
	enough := l.enough()
	if len(enough) < 2 {
		l.Finding = FindingLittle
		return
	}
	fastest := l.fastest(enough)
	l.Fastest = []int{fastest}
	found := false
	for _, t := range tests {
		found = found || t.differs
		if t.fast == fastest && !t.differs {
			l.Fastest = append(l.Fastest, t.slow)
		}
	}
	l.Finding = FindingNone
	if found {
		l.Finding = FindingDifferences
		if len(enough) > 2 && numeric {
			l.fit(enough, tests)
		}
	}
	for _, t := range tests {
		if l.Finding == FindingNone || t.fast == fastest && !t.differs {
			l.Smaller = larger(l.Smaller, t.bound())
		}
	}
}

// bound is the largest ratio, minus 1, that the interval leaves possible.
func (t *test) bound() Value {
	if !t.ratio.Low.OK || !t.ratio.High.OK || t.ratio.Low.V <= 0 {
		return Value{}
	}
	return Of(max(t.ratio.High.V, 1/t.ratio.Low.V) - 1)
}

func larger(a, b Value) Value {
	if !a.OK || b.OK && b.V > a.V {
		return b
	}
	return a
}

// model is a form that medians can have along a numeric axis: their mean is a combination of two functions of x.
type model struct {
	basis  [2][]float64 // of each point
	weight []float64
}

// coefficients are those of the weighted least squares.
func (m model) coefficients(ys []float64) (a, b float64) {
	var uu, uv, vv, uy, vy float64
	for i, y := range ys {
		u, v, w := m.basis[0][i], m.basis[1][i], m.weight[i]
		uu, uv, vv, uy, vy = uu+w*u*u, uv+w*u*v, vv+w*v*v, uy+w*u*y, vy+w*v*y
	}
	det := uu*vv - uv*uv
	return (uy*vv - vy*uv) / det, (vy*uu - uy*uv) / det
}

// misfit is the weighted sum of squared distances from the model.
func (m model) misfit(ys []float64) float64 {
	a, b := m.coefficients(ys)
	sum := 0.0
	for i, y := range ys {
		off := y - a*m.basis[0][i] - b*m.basis[1][i]
		sum += m.weight[i] * off * off
	}
	return sum
}

// medians are what models are fitted to.
type medians struct {
	xs, ys []float64
	draws  [][]float64 // by draw, of each point
	weight []float64   // 1/variance
	factor float64     // by which intervals are widened
}

// medians collects those of the given points.
func (l *Line) medians(points []int) medians {
	if b := l.inBlocks(points); b != nil {
		return l.levels(points, b)
	}
	m := medians{factor: math.Sqrt(Inflation(l.bursts(points)...))}
	fewest := math.MaxInt
	for _, i := range points {
		p := l.Points[i]
		fewest = min(fewest, len(p.bursts))
		m.add(p, p.draws)
	}
	m.factor *= expansion(fewest)
	m.draws = make([][]float64, len(l.Points[points[0]].draws))
	for d := range m.draws {
		m.draws[d] = make([]float64, len(points))
		for k, i := range points {
			m.draws[d][k] = l.Points[i].draws[d] // independent of the other points'
		}
	}
	return m
}

// add adds a point, whose median has these resamples.
func (m *medians) add(p Point, draws []float64) {
	const roundingVariance = 1e-6 / 12 // of rounding, ms²: no median is known better
	m.xs, m.ys = append(m.xs, p.X), append(m.ys, p.level)
	_, sd := moments(draws)
	m.weight = append(m.weight, 1/max(sd.V*sd.V, roundingVariance))
}

// levels are the medians of points that were measured in blocks, without what the blocks differ in.
func (l *Line) levels(points []int, b *blocks) medians {
	m := medians{factor: expansion(len(b.logs[0])) * math.Sqrt(Inflation(b.logs...))}
	m.draws = make([][]float64, b.number)
	middles, own := make([]midmean, len(points)), make([][]float64, len(points))
	for k := range points {
		middles[k], own[k] = newMidmean(b.logs[k]), make([]float64, b.number)
	}
	b.resample(func(draw int, weight []float64) {
		m.draws[draw] = make([]float64, len(points))
		for k := range points {
			ms := b.levels[k] * math.Exp(middles[k].of(weight)-middles[k].of(nil))
			m.draws[draw][k], own[k][draw] = ms, ms
		}
	})
	for k, i := range points {
		m.add(l.Points[i], own[k])
	}
	return m
}

// lackOfFit is the probability that medians which do follow the model are as far from it: the share of resamples whose
// deviations from the sample's medians are.
func (m medians) lackOfFit(form model, misfit float64) float64 {
	off := make([]float64, len(m.ys))
	far := 0
	for _, draw := range m.draws {
		for i := range off {
			off[i] = (draw[i] - m.ys[i]) * m.factor
		}
		if form.misfit(off) >= misfit {
			far++
		}
	}
	return float64(far+1) / float64(len(m.draws)+1)
}

// line is a straight line: a + b·x.
func (m medians) line() model {
	ones := make([]float64, len(m.xs))
	for i := range ones {
		ones[i] = 1
	}
	return model{basis: [2][]float64{ones, m.xs}, weight: m.weight}
}

// step has one level for the points before at, and another one from it on.
func (m medians) step(at int) model {
	before, after := make([]float64, len(m.xs)), make([]float64, len(m.xs))
	for i := range m.xs {
		if i < at {
			before[i] = 1
		} else {
			after[i] = 1
		}
	}
	return model{basis: [2][]float64{before, after}, weight: m.weight}
}

// fit looks for a form: a straight line, or one step between two levels. Both have two parameters, so the one nearer to
// the medians is preferred; it is claimed where the test for lack of fit does not reject it at 5 %.
func (l *Line) fit(enough []int, tests []*test) {
	m := l.medians(enough)
	line := m.line()
	lineMisfit := line.misfit(m.ys)
	l.FitP = Of(m.lackOfFit(line, lineMisfit))
	at, stepMisfit := 0, math.Inf(1)
	for split := 1; split < len(enough); split++ {
		if q := m.step(split).misfit(m.ys); q < stepMisfit {
			at, stepMisfit = split, q
		}
	}
	form := m.step(at)
	if lineMisfit <= stepMisfit && l.FitP.V > Alpha {
		_, slope := line.coefficients(m.ys)
		draws := make([]float64, len(m.draws))
		for d, draw := range m.draws {
			_, draws[d] = line.coefficients(draw)
		}
		if e := estimate(Of(slope), draws).widened(m.factor); e.excludes(0) {
			l.Slope, l.Finding = &e, FindingLine
		}
		return
	}
	if stepMisfit > lineMisfit || !stepsOnly(enough, at, tests) || m.lackOfFit(form, stepMisfit) <= Alpha {
		return
	}
	low, high := form.coefficients(m.ys)
	ratios, deltas := make([]float64, len(m.draws)), make([]float64, len(m.draws))
	for d, draw := range m.draws {
		a, b := form.coefficients(draw)
		ratios[d], deltas[d] = b/a, b-a
	}
	l.Step = &Step{Before: l.Points[enough[at-1]].Label, After: l.Points[enough[at]].Label,
		Ratio:      estimate(Of(high/low), ratios).widenedRatio(m.factor),
		Difference: estimate(Of(high-low), deltas).widened(m.factor)}
	l.Finding = FindingStep
}

// stepsOnly reports whether the neighbours of a step differ, and no two points on one side of it do.
func stepsOnly(enough []int, at int, tests []*test) bool {
	neighbours := false
	for _, t := range tests {
		i, j := min(t.fast, t.slow), max(t.fast, t.slow)
		across := i < enough[at] && j >= enough[at]
		if !across && t.differs {
			return false
		}
		if i == enough[at-1] && j == enough[at] {
			neighbours = t.differs
		}
	}
	return neighbours
}
