package change

import (
	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// Names of the metrics of shares and costs.
const (
	coldShare  = "cold.share"
	errorShare = "errors"
	cost       = "cost"
)

// Metrics lists the names of all metrics. Those of a part of the requests begin with it: cold and warm where functions
// say which is which, else all.
func Metrics() []string {
	var names []string
	for _, part := range []analyze.Part{analyze.ColdPart, analyze.WarmPart, analyze.All} {
		for _, statistic := range statistics() {
			names = append(names, part.String()+"."+statistic.name)
		}
	}
	return append(names, coldShare, errorShare, cost)
}

// statistic is a statistic of latencies.
type statistic struct {
	name string
	q    analyze.Quantile // 0: the mean
}

func statistics() []statistic {
	return []statistic{{"p50", analyze.Median}, {"p95", analyze.P95}, {"p99", analyze.P99}, {"mean", 0}}
}

// few is the share of the requests of a side, as a divisor, that a part must have on one side to be compared: fewer are
// strays, such as the cold starts at the beginning of any load. Their share is compared.
const few = 50

// changes compares two sub-experiments in all metrics that they have.
func changes(a, b Sub) []Change {
	var out []Change
	ca, cb := countsOf(a), countsOf(b)
	for _, part := range partsOf(ca, cb) {
		out = append(out, latencies(part, a, b)...)
	}
	if ca.known() && cb.known() {
		out = append(out, shares(coldShare, ca.cold, cb.cold))
	}
	out = append(out, shares(errorShare, ca.errors, cb.errors))
	if a.Costs != nil || b.Costs != nil {
		costA, costB := costOf(a), costOf(b)
		alike(&costA, &costB)
		lasting(&costA, &costB)
		out = append(out, compared(cost, USD, costA.average(), costB.average()))
	}
	return out
}

func shares(name string, a, b totals) Change {
	alike(&a, &b)
	return compared(name, Points, a.share(), b.share())
}

// latencies compares the latencies of a part of the requests.
func latencies(part analyze.Part, a, b Sub) []Change {
	of := [2]blocks{blocksOf(a.Bursts, part), blocksOf(b.Bursts, part)}
	var out []Change
	ma, mb := of[0].upTo(500), of[1].upTo(500)
	alike(&ma, &mb)
	sa, sb := of[0].total(), of[1].total()
	alike(&sa, &sb)
	memory := max(ma.memory, sa.memory)
	for _, s := range statistics() {
		var sides [2]estimated
		if s.q == 0 {
			sumA, sumB := of[0].total(), of[1].total()
			sumA.memory, sumB.memory = memory, memory
			lasting(&sumA, &sumB)
			sides[0], sides[1] = sumA.average(), sumB.average()
		} else {
			belowA, belowB := of[0].upTo(s.q), of[1].upTo(s.q)
			alike(&belowA, &belowB)
			belowA.memory = max(belowA.memory, memory)
			belowB.memory = belowA.memory
			sides[0], sides[1] = of[0].quantile(s.q, belowA), of[1].quantile(s.q, belowB)
			limit := pooled(of[0].sorted, of[1].sorted, s.q)
			for i, side := range of {
				if s.q == analyze.Median {
					sides[i].byBurst = side.medians()
				} else {
					sides[i].byBurst = side.beyond(limit)
				}
			}
		}
		for i, sub := range []Sub{a, b} {
			sides[i].all = sub.Bursts.Len()
		}
		out = append(out, compared(part.String()+"."+s.name, MS, sides[0], sides[1]))
	}
	return out
}

// pooled is a quantile of two samples in ascending order together.
func pooled(a, b []float64, q analyze.Quantile) float64 {
	rank := q.Rank(len(a) + len(b))
	i, k := 0, 0
	last := 0.0
	for range rank {
		if k == len(b) || i < len(a) && a[i] <= b[k] {
			last = a[i]
			i++
		} else {
			last = b[k]
			k++
		}
	}
	return last
}

// partsOf are the parts that are compared: cold and warm requests where both sides tell them apart, all together where
// one does not.
func partsOf(a, b counts) []analyze.Part {
	if !a.known() || !b.known() {
		return []analyze.Part{analyze.All}
	}
	var out []analyze.Part
	enough := func(part func(counts) float64) bool {
		return part(a) > 0 && part(a)*few >= sum(a.cold.denominators) ||
			part(b) > 0 && part(b)*few >= sum(b.cold.denominators)
	}
	if enough(func(c counts) float64 { return sum(c.cold.numerators) }) {
		out = append(out, analyze.ColdPart)
	}
	if enough(func(c counts) float64 { return sum(c.cold.denominators) - sum(c.cold.numerators) }) {
		out = append(out, analyze.WarmPart)
	}
	return out
}

// counts are the numbers of requests of each block: cold ones among those of which it is known, failed ones among all.
type counts struct{ cold, errors totals }

func countsOf(s Sub) counts {
	var c counts
	for b := range s.Bursts.All() {
		if told := b.Cold + b.Warm; told > 0 {
			c.cold.add(float64(b.Cold), float64(told))
		}
		if rows := len(b.Latencies) + b.Errors; rows > 0 {
			c.errors.add(float64(b.Errors), float64(rows))
		}
	}
	return counts{joined(c.cold), joined(c.errors)}
}

func (t *totals) add(numerator, denominator float64) {
	t.numerators, t.denominators = append(t.numerators, numerator), append(t.denominators, denominator)
}

// known reports whether functions say which requests are cold.
func (c counts) known() bool { return c.cold.bursts > 0 }

// costOf is the cost of a million requests like those that have one.
func costOf(s Sub) totals {
	var t totals
	for _, c := range s.Costs {
		if c.Requests > 0 {
			t.add(c.USD*1e6, float64(c.Requests))
		}
	}
	return joined(t)
}
