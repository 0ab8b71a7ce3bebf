package change

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// server is a model of one: lognormal latencies (ms) whose bursts have something in common, which may last.
type server struct {
	median  float64
	between float64 // standard deviation of the logarithm that a burst has in common
	within  float64 // that of single requests
	memory  float64 // autocorrelation of neighbouring bursts
	spikes  float64 // share of requests that take three times as long
	stalls  float64 // share of bursts that do
	last    float64 // how many bursts a stall lasts on average; 0: one
	slow    float64 // share of requests that take ten times as long
	tail    float64 // index of a Pareto distribution by which latencies are multiplied; 0: by none
}

// measure makes a run of bursts of warm requests, whose sizes take turns.
func (s server) measure(rng *rand.Rand, bursts int, sizes ...int) Sub {
	list := make([]analyze.Burst, bursts)
	common, stalled := rng.NormFloat64(), false
	for i := range list {
		size := sizes[i%len(sizes)]
		common = s.memory*common + math.Sqrt(1-s.memory*s.memory)*rng.NormFloat64()
		list[i].Number, list[i].Warm = i, size
		middle := s.median * math.Exp(s.between*common)
		if s.stalls > 0 && (i == 0 || s.last <= 1 || rng.Float64() < 1/(s.last*(1-s.stalls))) {
			stalled = rng.Float64() < s.stalls
		}
		if stalled {
			middle *= 3
		}
		for range size {
			ms := middle * math.Exp(s.within*rng.NormFloat64())
			if s.tail > 0 {
				ms *= math.Pow(rng.Float64(), -1/s.tail)
			}
			if rng.Float64() < s.spikes {
				ms *= 3
			}
			if s.slow > 0 && rng.Float64() < s.slow {
				ms *= 10
			}
			list[i].Latencies = append(list[i].Latencies, ms)
		}
	}
	return Sub{Bursts: analyze.MakeBursts(list)}
}

func compare(a, b Sub) Pair { return Compare(Side{Subs: []Sub{a}}, Side{Subs: []Sub{b}})[0].Subs[0] }

func find(t *testing.T, p Pair, metric string) Change {
	t.Helper()
	for _, c := range p.Changes {
		if c.Metric == metric {
			return c
		}
	}
	t.Fatalf("no metric %s in %+v", metric, p)
	return Change{}
}

// TestASlowdownIsFound compares with a server that takes 10 % longer: the verdict is slower, the interval surrounds the
// truth, and the other direction is faster.
func TestASlowdownIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a := server{median: 100, between: 0.05, within: 0.1}.measure(rng, 60, 10)
	b := server{median: 110, between: 0.05, within: 0.1}.measure(rng, 60, 10)
	c := find(t, compare(a, b), "warm.p50")
	if c.Verdict != Slower || !(c.Ratio.Low.V > 1.05 && c.Ratio.Low.V < 1.1 && c.Ratio.High.V > 1.1) ||
		!(c.Difference.Low.V > 5 && c.Difference.High.V < 15) {
		t.Errorf("%+v, want slower by a tenth", c)
	}
	if c := find(t, compare(b, a), "warm.p50"); c.Verdict != Faster {
		t.Errorf("the other way: %+v, want faster", c)
	}
}

// coldAndWarm makes bursts of a cold request and some warm ones; cold requests take ten times as long.
func coldAndWarm(rng *rand.Rand, bursts, warm int, times float64, failed int) Sub {
	list := make([]analyze.Burst, bursts)
	costs := make([]BurstCost, bursts)
	for i := range list {
		list[i] = analyze.Burst{Number: i, Cold: 1, Warm: warm, Errors: failed}
		costs[i] = BurstCost{USD: 1e-6 * times * float64(1+warm), Requests: 1 + warm}
		for k := range 1 + warm {
			ms := 10 * times * math.Exp(0.05*rng.NormFloat64())
			if k == 0 {
				ms *= 10
			}
			list[i].Latencies = append(list[i].Latencies, ms)
		}
	}
	return Sub{Bursts: analyze.MakeBursts(list), Costs: costs}
}

// TestMetrics has each metric of runs of which all is known: latencies of either part, shares, cost.
func TestMetrics(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	p := compare(coldAndWarm(rng, 30, 4, 1, 0), coldAndWarm(rng, 30, 9, 2, 5))
	for metric, want := range map[string]struct {
		verdict string
		a, b    float64
	}{
		"cold.p50": {Slower, 100, 200}, "cold.mean": {Slower, 100, 200}, "warm.p50": {Slower, 10, 20},
		"warm.mean": {Slower, 10, 20}, "cold.share": {Lower, 20, 10}, "errors": {Higher, 0, 100. / 3},
		"cost": {Higher, 1, 2},
	} {
		c := find(t, p, metric)
		if c.Verdict != want.verdict || !near(c.A.Value, want.a, 0.03) || !near(c.B.Value, want.b, 0.03) {
			t.Errorf("%s: %+v, want %+v", metric, c, want)
		}
	}
	// 30 cold requests are too few for p95: 72 are needed, one of each burst
	if c := find(t, p, "cold.p95"); c.Verdict != TooFew || c.MoreBursts != 42 {
		t.Errorf("%+v, want too few samples, 42 more bursts", c)
	}
	if c := find(t, p, "cold.p99"); c.Verdict != TooFew || c.MoreBursts != 338 {
		t.Errorf("%+v, want too few samples, 338 more bursts", c)
	}
	for _, c := range p.Changes {
		if c.Metric == "all.p50" {
			t.Error("cold and warm requests are compared together")
		}
	}
}

// TestWhatCannotBeSaid: five bursts are too few for anything, a run without a success has no latency, one cold request
// in a hundred is no part of its own, and of two runs with few cold requests in few bursts the bursts of the whole run
// are counted.
func TestWhatCannotBeSaid(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	warm := server{median: 10, within: 0.1}
	p := compare(warm.measure(rng, 5, 10), warm.measure(rng, 40, 10))
	if c := find(t, p, "warm.p50"); c.Verdict != TooFew || c.MoreBursts != 1 || c.P.OK || !c.Ratio.Value.OK {
		t.Errorf("five bursts: %+v", c)
	}
	if c := find(t, p, "warm.p99"); c.Verdict != TooFew || c.MoreBursts != 95 { // 100 bursts, of which one
		t.Errorf("five bursts, p99: %+v, want 95 more", c) // is beyond p99 if all of a burst is
	}
	failed := Sub{Bursts: analyze.MakeBursts([]analyze.Burst{{Number: 1, Errors: 5}, {Number: 2, Errors: 5}})}
	p = compare(warm.measure(rng, 40, 10), failed)
	if c := find(t, p, "all.p50"); c.Verdict != NoData || c.Ratio.Value.OK {
		t.Errorf("no success: %+v", c)
	}
	if c := find(t, p, "errors"); c.Verdict != TooFew || c.MoreBursts != 4 || c.B.Value.V != 100 {
		t.Errorf("no success: %+v", c)
	}
	stray := func() Sub {
		list := make([]analyze.Burst, 20)
		for i := range list {
			list[i] = analyze.Burst{Number: i, Warm: 10, Latencies: make([]float64, 10)}
			for k := range list[i].Latencies {
				list[i].Latencies[k] = 10 + rng.Float64()
			}
		}
		list[0].Cold, list[0].Warm = 1, 9
		return Sub{Bursts: analyze.MakeBursts(list)}
	}
	for _, c := range compare(stray(), stray()).Changes {
		if c.Metric == "cold.p50" {
			t.Errorf("one cold request of 200 is compared: %+v", c)
		}
	}
	some := func() Sub { // every fourth burst has a cold request
		list := make([]analyze.Burst, 16)
		for i := range list {
			list[i] = analyze.Burst{Number: i, Warm: 1, Latencies: []float64{10 + rng.Float64()}}
			if i%4 == 0 {
				list[i].Cold, list[i].Warm = 1, 0
			}
		}
		return Sub{Bursts: analyze.MakeBursts(list)}
	}
	if c := find(t, compare(some(), some()), "cold.p50"); c.Verdict != TooFew || c.MoreBursts != 8 {
		t.Errorf("four cold requests in 16 bursts: %+v, want 8 more bursts", c)
	}
}

// TestHolmOverAll: the same pair of runs is claimed alone, and not among many that do not differ.
func TestHolmOverAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	one := server{median: 10, within: 0.1}
	a, b := one.measure(rng, 8, 1), server{median: 12.5, within: 0.1}.measure(rng, 8, 1)
	alone := Compare(Side{Subs: []Sub{a}}, Side{Subs: []Sub{b}})
	sides := []Side{{Subs: []Sub{a}}, {Subs: []Sub{b}}}
	for range 140 {
		sides = append(sides, Side{Subs: []Sub{a}}, Side{Subs: []Sub{a}})
	}
	among := Compare(sides...)
	first, second := find(t, alone[0].Subs[0], "warm.p50"), find(t, among[0].Subs[0], "warm.p50")
	if first.Verdict != Slower || second.Verdict != None || among[0].Tests <= 400 || second.P.V <= first.P.V {
		t.Errorf("alone %s (p %v of %d tests), among others %s (p %v of %d)", first.Verdict, first.P, alone[0].Tests,
			second.Verdict, second.P, among[0].Tests)
	}
}

// TestBothMustHold: a small p claims nothing where the interval has 0 in it, and an interval without 0 claims nothing
// without the test.
func TestBothMustHold(t *testing.T) {
	for _, c := range []struct {
		p    float64
		low  float64
		want string
	}{{0.01, 1, Slower}, {0.01, -1, None}, {0.2, 1, None}} {
		got := Change{Unit: MS, A: analyze.Estimate{Value: analyze.Of(10)}, B: analyze.Estimate{Value: analyze.Of(12)},
			Difference: between(2, c.low, 3), Ratio: between(1.2, 1+c.low/10, 1.3), P: analyze.Of(c.p)}
		if got.judge(); got.Verdict != c.want {
			t.Errorf("p %v, difference from %v: %s, want %s", c.p, c.low, got.Verdict, c.want)
		}
	}
}

// TestManyBursts: of more than 10 000 bursts, neighbours are joined, and no request is lost.
func TestManyBursts(t *testing.T) {
	sub := server{median: 10, within: 0.1}.measure(rand.New(rand.NewPCG(5, 5)), 25_000, 1)
	of, shares := blocksOf(sub.Bursts, analyze.WarmPart), countsOf(sub).errors
	if len(of.values) != 8334 || of.bursts != 25_000 || len(of.sorted) != 25_000 || sum(of.sizes()) != 25_000 {
		t.Errorf("%d blocks of %d bursts and %d requests", len(of.values), of.bursts, len(of.sorted))
	}
	if len(shares.denominators) != 8334 || sum(shares.denominators) != 25_000 || shares.bursts != 25_000 {
		t.Errorf("%d blocks of %d bursts in shares", len(shares.denominators), shares.bursts)
	}
}

// TestErrorsInARow: failures that come in a row make the interval of their share wider on both sides.
func TestErrorsInARow(t *testing.T) {
	failing := func(at func(burst int) bool) Sub {
		list := make([]analyze.Burst, 64)
		for i := range list {
			list[i] = analyze.Burst{Number: i, Latencies: []float64{1, 1}, Unknown: 2}
			if at(i) {
				list[i].Errors = 2
			}
		}
		return Sub{Bursts: analyze.MakeBursts(list)}
	}
	row := failing(func(i int) bool { return i >= 20 && i < 36 })
	spread := failing(func(i int) bool { return i%4 == 0 })
	together := find(t, compare(row, row), "errors")
	apart := find(t, compare(spread, spread), "errors")
	for i, pair := range [][2]analyze.Estimate{{together.A, apart.A}, {together.B, apart.B}} {
		if pair[0].High.V-pair[0].Low.V < 1.3*(pair[1].High.V-pair[1].Low.V) {
			t.Errorf("side %d: in a row %+v, apart %+v", i, pair[0], pair[1])
		}
	}
}

// TestStallsInARow: bursts that stall make the interval of a mean wider if they come in a row: what made them stall
// happened once. In ranks, so few of them are hardly seen.
func TestStallsInARow(t *testing.T) {
	stalling := func(at func(burst int) bool) Sub {
		rng := rand.New(rand.NewPCG(10, 10))
		list := make([]analyze.Burst, 300)
		for i := range list {
			ms := 100 * math.Exp(0.1*rng.NormFloat64())
			if at(i) {
				ms *= 3
			}
			list[i] = analyze.Burst{Number: i, Latencies: []float64{ms, ms}, Unknown: 2}
		}
		return Sub{Bursts: analyze.MakeBursts(list)}
	}
	row := stalling(func(i int) bool { return i >= 100 && i < 103 || i >= 200 && i < 203 })
	spread := stalling(func(i int) bool { return i%50 == 0 })
	together, apart := find(t, compare(row, row), "all.mean").A, find(t, compare(spread, spread), "all.mean").A
	if together.High.V-together.Low.V < 1.5*(apart.High.V-apart.Low.V) {
		t.Errorf("in a row %+v, apart %+v", together, apart)
	}
}

// TestDriftHidesNoSlowdown: runs that drift by a tenth have few independent bursts, and what takes twice as long is
// found all the same, also among many comparisons.
func TestDriftHidesNoSlowdown(t *testing.T) {
	drifting := func(ms float64, seed uint64) Sub {
		rng := rand.New(rand.NewPCG(11, seed))
		list := make([]analyze.Burst, 60)
		for i := range list {
			list[i] = analyze.Burst{Number: i, Warm: 5}
			for range list[i].Warm {
				now := ms * (1 + 0.1*float64(i)/60) * math.Exp(0.01*rng.NormFloat64())
				list[i].Latencies = append(list[i].Latencies, now)
			}
		}
		return Sub{Bursts: analyze.MakeBursts(list)}
	}
	sides := []Side{{Subs: []Sub{drifting(100, 1)}}, {Subs: []Sub{drifting(200, 2)}}}
	for range 8 {
		sides = append(sides, sides[0], sides[0])
	}
	got := Compare(sides...)
	for _, metric := range []string{"warm.p50", "warm.mean"} {
		if c := find(t, got[0].Subs[0], metric); c.Verdict != Slower {
			t.Errorf("%s of %d tests: %+v, want slower", metric, got[0].Tests, c)
		}
	}
}
