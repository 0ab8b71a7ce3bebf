package survival

import "math"

// evidence is how likely the answers are under each model: Weibull curves of a grid of scales and shapes, each model a
// mixture of its own. The prior of the scale is even on its logarithm.
type evidence struct {
	low    float64     // logarithm of the smallest scale
	logL   [][]float64 // of each shape and scale
	tables []table     // of each shape
	center int         // place of the distance 0 in a table
	cached [][]float64 // weights; nil: an answer came since
}

// table is a shape at distances of ln wait and ln scale.
type table struct {
	p, lived, gone []float64 // P(lived), its logarithm, and that of P(gone)
	entropy        []float64 // of the answer
}

// The grid: a scale every 6 %, in tables of distances of 0.5 %.
const (
	fineStep  = 0.005
	scaleStep = 12   // in fine steps
	margin    = 1.1  // the scales reach this far beyond the range of waits, in logarithms
	unsure    = 1e-3 // the probability that an answer is wrong whatever the model: no single one decides
)

// shapes are those of the models. One of 14, whose coefficient of variation is 9 %, counts as fixed: real platforms
// look for idle instances now and then only.
func shapes() []struct {
	shape float64
	model Model
} {
	return []struct {
		shape float64
		model Model
	}{
		{1, Exponential}, {14, Fixed}, {0.5, Other}, {0.75, Other}, {1.5, Other}, {2.5, Other}, {5, Other},
	}
}

func newEvidence(low, high float64) *evidence {
	e := &evidence{low: math.Log(low) - margin}
	span := math.Log(high) - math.Log(low) + 2*margin
	scales := int(span/(scaleStep*fineStep)) + 1
	e.center = int(span/fineStep) + 2*scaleStep
	for _, s := range shapes() {
		n := 2*e.center + 1
		t := table{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
		for i := range n {
			p := math.Exp(-math.Exp(s.shape * float64(i-e.center) * fineStep))
			p = unsure + (1-2*unsure)*p
			t.p[i], t.lived[i], t.gone[i], t.entropy[i] = p, math.Log(p), math.Log1p(-p), entropy(p)
		}
		e.tables = append(e.tables, t)
		e.logL = append(e.logL, make([]float64, scales))
	}
	return e
}

// offset is the place in a table of a wait and the smallest scale.
func (e *evidence) offset(wait float64) int {
	at := int(math.Round((math.Log(wait)-e.low)/fineStep)) + e.center
	return min(max(at, scaleStep*(len(e.logL[0])-1)), 2*e.center)
}

// add takes an answer.
func (e *evidence) add(t Trial) {
	e.cached = nil
	at := e.offset(t.Wait)
	for s, cells := range e.logL {
		likelihood := e.tables[s].gone
		if t.Lived {
			likelihood = e.tables[s].lived
		}
		for i := range cells {
			cells[i] += likelihood[at-i*scaleStep]
		}
	}
}

// weights are the posterior probabilities of all cells: a third for each model before the first answer.
func (e *evidence) weights() (all [][]float64) {
	if e.cached != nil {
		return e.cached
	}
	of := map[Model]int{}
	most := math.Inf(-1)
	for s, shape := range shapes() {
		of[shape.model]++
		for _, l := range e.logL[s] {
			most = max(most, l)
		}
	}
	sum := 0.0
	for s, shape := range shapes() {
		w := make([]float64, len(e.logL[s]))
		for i, l := range e.logL[s] {
			if l > most-25 {
				w[i] = math.Exp(l-most) / float64(of[shape.model])
				sum += w[i]
			}
		}
		all = append(all, w)
	}
	for _, w := range all {
		for i := range w {
			w[i] /= sum
		}
	}
	e.cached = all
	return all
}

// models are the posterior probabilities of the models.
func (e *evidence) models() (fixed, exponential, other float64) {
	for s, w := range e.weights() {
		sum := 0.0
		for _, v := range w {
			sum += v
		}
		switch shapes()[s].model {
		case Fixed:
			fixed += sum
		case Exponential:
			exponential += sum
		default:
			other += sum
		}
	}
	return fixed, exponential, other
}

// gains is the information of an answer at each of the waits, in nats: the mutual information of the answer and of
// model, scale and shape (Lindley, Annals of Mathematical Statistics 27, 1956).
func (e *evidence) gains(waits []float64) []float64 {
	type cell struct {
		shape, distance int // its place in the tables, before that of the wait is added
		weight          float64
	}
	var cells []cell
	for s, w := range e.weights() {
		for i, v := range w {
			if v > negligible {
				cells = append(cells, cell{s, -i * scaleStep, v})
			}
		}
	}
	out := make([]float64, len(waits))
	for k, wait := range waits {
		at := e.offset(wait)
		p, h := 0.0, 0.0
		for _, c := range cells {
			p += c.weight * e.tables[c.shape].p[at+c.distance]
			h += c.weight * e.tables[c.shape].entropy[at+c.distance]
		}
		out[k] = max(entropy(p)-h, 0)
	}
	return out
}

// negligible is the weight of a cell that no choice depends on.
const negligible = 1e-6

// entropy is that of an answer, in nats.
func entropy(p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	return -p*math.Log(p) - (1-p)*math.Log1p(-p)
}
