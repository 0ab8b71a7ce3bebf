// Package survival says how long idle instances live, from waits of which only the end is known: after a wait the
// instance was still there, or it was not (current status data). It has the survival curve with its intervals, the
// fitted keep-alive, and the choice of the next wait.
package survival

import (
	"math"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
)

// Trial is the answer of one wait.
type Trial struct {
	Wait  float64 // seconds for which the instance was idle; over 0
	Lived bool    // the same instance answered after it
}

// Point is the survival curve at one wait.
type Point struct {
	Wait      float64 // seconds
	Trials    int     // waits of that length
	Lived     int     // how many instances lived through it
	Alive     float64 // estimated probability of living through it
	Low, High float64 // its interval at 95 %
}

// alpha is the error that intervals allow.
const alpha = 0.05

// Curve is the survival curve at each wait that was tried, ascending. Alive is the nonparametric maximum likelihood
// estimate of current status data, by pooling adjacent violators (Ayer, Brunk, Ewing, Reid and Silverman, Annals of
// Mathematical Statistics 26, 1955; Groeneboom and Wellner 1992). The interval is the "valid" one of Kim, Fay and
// Proschan (arXiv 1805.06488, 2020): the upper bound is that of Clopper and Pearson for the nearest n^(2/3) waits up to
// this one, in which no fewer live, the lower bound that of as many waits from this one on. It holds pointwise, for
// waits that were chosen without looking at the answers.
func Curve(trials []Trial) []Point {
	points := pooled(trials)
	n := len(trials)
	m := int(math.Ceil(math.Pow(float64(n), 2.0/3)))
	monotone(points)
	for i := range points {
		p := &points[i]
		lived, of := 0, 0
		for j := i; j >= 0 && of < m; j-- {
			lived, of = lived+points[j].Lived, of+points[j].Trials
		}
		_, p.High = distribution.ProportionInterval(lived, of, alpha)
		lived, of = 0, 0
		for j := i; j < len(points) && of < m; j++ {
			lived, of = lived+points[j].Lived, of+points[j].Trials
		}
		p.Low, _ = distribution.ProportionInterval(lived, of, alpha)
		if p.Low > p.High {
			p.Low, p.High = p.Alive, p.Alive
		}
	}
	return points
}

// pooled puts waits of one length together, ascending.
func pooled(trials []Trial) (points []Point) {
	sorted := slices.Clone(trials)
	slices.SortFunc(sorted, func(a, b Trial) int {
		if a.Wait < b.Wait {
			return -1
		}
		if a.Wait > b.Wait {
			return 1
		}
		return 0
	})
	for _, t := range sorted {
		if n := len(points); n == 0 || points[n-1].Wait != t.Wait {
			points = append(points, Point{Wait: t.Wait})
		}
		p := &points[len(points)-1]
		p.Trials++
		if t.Lived {
			p.Lived++
		}
	}
	return points
}

// monotone sets Alive: the falling step function that makes the answers most likely.
func monotone(points []Point) {
	type block struct{ lived, trials, points int }
	var blocks []block
	share := func(b block) float64 { return float64(b.lived) / float64(b.trials) }
	for _, p := range points {
		b := block{p.Lived, p.Trials, 1}
		for n := len(blocks); n > 0 && share(blocks[n-1]) < share(b); n = len(blocks) {
			last := blocks[n-1]
			b = block{b.lived + last.lived, b.trials + last.trials, b.points + last.points}
			blocks = blocks[:n-1]
		}
		blocks = append(blocks, b)
	}
	at := 0
	for _, b := range blocks {
		for range b.points {
			points[at].Alive = share(b)
			at++
		}
	}
}
