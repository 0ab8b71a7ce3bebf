package survival

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// platform is a keep-alive to find out.
type platform struct {
	model   Model
	seconds float64
}

// lives says whether an instance lives through a wait.
func (p platform) lives(wait float64, r *rand.Rand) bool {
	if p.model == Fixed {
		return wait < p.seconds
	}
	return wait < r.ExpFloat64()*p.seconds
}

// again is a design over the same range that has no answers. It shares the tables, which take longer to make than most
// runs of a test.
func again(d *Design) *Design {
	of := *d.evidence
	of.cached, of.logL = nil, make([][]float64, len(of.logL))
	for s, cells := range d.evidence.logL {
		of.logL[s] = make([]float64, len(cells))
	}
	return &Design{low: d.low, high: d.high, waits: d.waits, evidence: &of}
}

// simulate measures a keep-alive on a virtual clock with functions side by side, and says how long it took.
func simulate(d *Design, p platform, seed uint64, functions, most int) (Fit, float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	ends, waits := make([]float64, functions), make([]float64, functions)
	now := 0.0
	for i := range functions {
		waits[i] = d.Next(i, functions)
		ends[i] = waits[i]
	}
	for n := 0; n < most && !d.Done(); n++ {
		first := 0
		for i, end := range ends {
			if end < ends[first] {
				first = i
			}
		}
		now = ends[first]
		d.Add(Trial{waits[first], p.lives(waits[first], r)})
		waits[first] = d.Next(first, functions)
		ends[first] = now + waits[first]
	}
	return d.Fit(), now
}

// TestDesignFindsTheKeepAlive holds that fixed and exponential keep-alives are told apart in at least 95 of 100 runs,
// each parameter within 5 %, with at most half of the waits of a uniform grid over the same range: one of twice as many
// waits does not reach it. The range is the default of EvictionSeconds.
func TestDesignFindsTheKeepAlive(t *testing.T) {
	const low, high, functions = 1, 1200, 20
	runs, gridRuns, wanted := 100, 20, 95
	if raceEnabled { // the suite runs all of them once more without the race detector
		runs, gridRuns, wanted = 2, 1, 2
	}
	fresh := NewDesign(low, high)
	for _, p := range []platform{{Fixed, 2}, {Fixed, 5}, {Fixed, 10}, {Exponential, 10}} {
		right := func(f Fit) bool { return f.Model == p.model && math.Abs(f.Seconds/p.seconds-1) < 0.05 }
		found, covered, waits, seconds := 0, 0, 0, 0.0
		for seed := range uint64(runs) {
			f, took := simulate(again(fresh), p, seed, functions, 6000)
			waits, seconds = waits+f.Trials, seconds+took
			if right(f) {
				found++
			}
			if f.Low <= p.seconds && p.seconds <= f.High {
				covered++
			}
		}
		waits /= runs
		t.Logf("%s %g s: found in %d runs, covered in %d, %d waits, %.0f s with %d functions", p.model, p.seconds, found,
			covered, waits, seconds/float64(runs), functions)
		if least := leastCovered(runs); found < wanted || covered < least {
			t.Errorf("%s %g s: found in %d of %d runs, want %d; the interval covers it in %d, want %d", p.model,
				p.seconds, found, runs, wanted, covered, least)
		}
		found = 0
		for seed := range uint64(gridRuns) {
			if right(grid(again(fresh), p, seed, 2*waits, low, high)) {
				found++
			}
		}
		t.Logf("a grid of %d waits: found in %d of %d runs", 2*waits, found, gridRuns)
		if found*100 >= 95*gridRuns {
			t.Errorf("%s %g s: a grid of %d waits finds it, too, in %d of %d runs", p.model, p.seconds, 2*waits, found,
				gridRuns)
		}
	}
}

// leastCovered is in how many runs an interval of 95 % covers the truth at least: the largest count that fewer are less
// probable than 3 % by the binomial distribution. It is 91 for 100 runs, and 4 for 5.
func leastCovered(runs int) int {
	const level, rare = 0.95, 0.03
	fewer, exactly := 0.0, math.Pow(1-level, float64(runs)) // of k
	for k := 0; ; k++ {
		if fewer+exactly > rare {
			return k
		}
		fewer += exactly
		exactly *= float64(runs-k) / float64(k+1) * level / (1 - level)
	}
}

// TestLeastCovered holds the bounds of TestDesignFindsTheKeepAlive.
func TestLeastCovered(t *testing.T) {
	for runs, want := range map[int]int{1: 0, 5: 4, 100: 91} {
		if got := leastCovered(runs); got != want {
			t.Errorf("of %d runs at least %d are covered, want %d", runs, got, want)
		}
	}
}

// grid measures a keep-alive at so many waits, evenly spaced, and gives the answers to a design.
func grid(d *Design, p platform, seed uint64, n int, low, high float64) Fit {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range n {
		wait := low + (high-low)*float64(i)/float64(n-1)
		d.Add(Trial{wait, p.lives(wait, r)})
	}
	return d.Fit()
}

// TestDesignSays covers what is no plain fixed or exponential keep-alive.
func TestDesignSays(t *testing.T) {
	weibull := func(wait float64, r *rand.Rand) bool { return wait < 20*math.Pow(r.ExpFloat64(), 1.0/3) }
	fresh := NewDesign(0, 100)
	for name, c := range map[string]struct {
		lives func(wait float64, r *rand.Rand) bool
		want  Model
		says  string
	}{
		"always":  {func(float64, *rand.Rand) bool { return true }, Undecided, "the keep-alive is longer"},
		"never":   {func(float64, *rand.Rand) bool { return false }, Undecided, "the keep-alive is shorter"},
		"neither": {weibull, Other, "neither fixed nor exponential: Weibull of shape"},
		"jitter": {func(wait float64, r *rand.Rand) bool { return wait < 20+0.6*r.NormFloat64() }, Fixed,
			"the keep-alive is fixed, "},
	} {
		r := rand.New(rand.NewPCG(5, 5))
		d := again(fresh)
		for range 400 {
			wait := d.Next(0, 1)
			if wait < 0.1 || wait > 100 {
				t.Fatalf("%s: a wait of %g s, the range is 0.1 to 100", name, wait)
			}
			d.Add(Trial{wait, c.lives(wait, r)})
		}
		if f := d.Fit(); f.Model != c.want || !strings.Contains(f.String(), c.says) {
			t.Errorf("%s: %+v says %q", name, f, f)
		} else if f.Model != Undecided && (f.Seconds < 17 || f.Seconds > 21) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := FitTrials(nil, 1, 10); f.Model != Undecided || f.String() != "no wait has an answer" {
		t.Errorf("without answers: %+v", f)
	}
	if f := FitTrials([]Trial{{0, true}, {3, true}, {4, false}}, 1, 10); f.Trials != 2 || f.Model != Undecided {
		t.Errorf("two answers: %+v", f)
	}
}
