package schedule

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// walk collects the instants of a timetable.
func walk(t Timetable) []time.Duration {
	var all []time.Duration
	next := t.Instants()
	for at, ok := next(); ok; at, ok = next() {
		all = append(all, at)
	}
	if _, ok := next(); ok {
		panic("a walk that had ended went on")
	}
	return all
}

func TestConstantInstants(t *testing.T) {
	for _, c := range []struct {
		rate     float64
		duration time.Duration
		want     string
	}{
		{3, time.Second, "[0s 333.333333ms 666.666667ms]"},
		{3, time.Second + 1, "[0s 333.333333ms 666.666667ms 1s]"},
		{2.5, 2 * time.Second, "[0s 400ms 800ms 1.2s 1.6s]"},
		{0.1, 25 * time.Second, "[0s 10s 20s]"},
		{0.3, time.Second, "[0s]"},
		{1e9, 3, "[0s 1ns 2ns]"},
		{1e-300, 292 * 365 * 24 * time.Hour, "[0s]"},
		{math.SmallestNonzeroFloat64, time.Second, "[0s]"},
	} {
		table := Timetable{Rate: c.rate, Duration: c.duration}
		if got := fmt.Sprint(walk(table)); got != c.want {
			t.Errorf("%g for %s: %s, want %s", c.rate, c.duration, got, c.want)
		}
		if n, exact := table.Count(); !exact || int(n) != len(walk(table)) {
			t.Errorf("%g for %s: counts %d, exact %v", c.rate, c.duration, n, exact)
		}
	}
}

// TestConstantDoesNotDrift holds instants far out against exact arithmetic, without walking there.
func TestConstantDoesNotDrift(t *testing.T) {
	for _, rate := range []float64{3, 1.1, 0.7, 1e7, 999983, 1e-6, 17.3, 1.0 / 3} {
		p := newPace(rate)
		for _, k := range []int64{1, 2, 3, 1000003, 100_000_000, 99_999_999_977} {
			exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(k), big.NewInt(1e9)), big.NewInt(1))
			exact.Quo(exact, new(big.Rat).SetFloat64(rate))
			got := p.at(k)
			if exact.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0 {
				if got != math.MaxInt64 {
					t.Errorf("request %d at %g/s: %d, want the end of time", k, rate, got)
				}
				continue
			}
			off := exact.Sub(exact, new(big.Rat).SetInt64(int64(got)))
			if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 {
				t.Errorf("request %d at %g/s: %d, which is %s ns off", k, rate, got, off.FloatString(3))
			}
		}
	}
	if got := newPace(3).at(100_000_000); got != 33_333_333_333_333_333 {
		t.Errorf("request 10^8 at 3/s: %d", got)
	}
}

func TestCountOfManyConstants(t *testing.T) {
	// 1.1 · 10 is over 11 in floating point although request 11 is due at 10 s: the instants decide.
	for rate, want := range map[float64]int64{1.1: 11, 3.3: 33, 0.7: 7, 200: 2000, 1e7: 1e8, 99.9: 999} {
		if n, exact := (Timetable{Kind: Constant, Rate: rate, Duration: 10 * time.Second}).Count(); n != want ||
			!exact {
			t.Errorf("%g/s for 10 s: %d (exact %v), want %d", rate, n, exact, want)
		}
	}
	if n, _ := (Timetable{Rate: 3, Duration: 366 * 24 * time.Hour}).Count(); n != 3*366*24*3600 {
		t.Errorf("3/s for a year: %d", n)
	}
}

// kolmogorov is the largest distance of the sorted values' distribution from cdf, times the root of their number: over
// 1.63 in one of a hundred sets of draws. The seeds are fixed, so that a test passes always or never.
func kolmogorov(values []float64, cdf func(float64) float64) float64 {
	slices.Sort(values)
	worst, n := 0.0, float64(len(values))
	for i, v := range values {
		p := cdf(v)
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	return worst * math.Sqrt(n)
}

func TestPoissonGapsAreExponential(t *testing.T) {
	for _, rate := range []float64{0.5, 200, 1e6} {
		const n = 50_000
		table := Timetable{Kind: Poisson, Rate: rate, Duration: time.Duration(n / rate * 1e9), Seed: 11, Sub: 3}
		at := walk(table)
		if again := walk(table); !slices.Equal(at, again) {
			t.Errorf("%g/s: the same seed gave two timetables", rate)
		}
		if !slices.IsSorted(at) || at[len(at)-1] >= table.Duration {
			t.Errorf("%g/s: not ascending, or over the end", rate)
		}
		expected, exact := table.Count()
		if exact || expected != n || math.Abs(float64(len(at)-n)) > 4*math.Sqrt(n) {
			t.Errorf("%g/s: %d instants, expected %d (exact %v)", rate, len(at), expected, exact)
		}
		gaps := make([]float64, len(at))
		for i := range at {
			gaps[i] = at[i].Seconds()
			if i > 0 {
				gaps[i] = (at[i] - at[i-1]).Seconds()
			}
		}
		if d := kolmogorov(gaps, func(x float64) float64 { return 1 - math.Exp(-x*rate) }); d > 1.63 {
			t.Errorf("%g/s: the gaps are not exponential: %.2f", rate, d)
		}
	}
	other := Timetable{Kind: Poisson, Rate: 200, Duration: time.Second, Seed: 11, Sub: 4}
	if slices.Equal(walk(other), walk(Timetable{Kind: Poisson, Rate: 200, Duration: time.Second, Seed: 11, Sub: 3})) {
		t.Error("two sub-experiments have one sequence")
	}
	if got := walk(Timetable{Kind: Poisson, Rate: 1e-300, Duration: time.Hour}); len(got) != 0 {
		t.Errorf("a rate of nearly nothing: %v", got)
	}
}

func TestTraceCounts(t *testing.T) {
	counts := []int64{3, 0, 0, 1, 500, 2, 0}
	for _, even := range []bool{false, true} {
		table := Timetable{Kind: Traced, Trace: Trace{time.Second, counts}, Even: even, Seed: 5}
		at := walk(table)
		got := make([]int64, len(counts))
		for _, a := range at {
			got[a/time.Second]++
		}
		if !slices.Equal(got, counts) || !slices.IsSorted(at) {
			t.Errorf("even %v: %v, want %v, ascending", even, got, counts)
		}
		if n, exact := table.Count(); n != 506 || !exact || table.Length() != 7*time.Second {
			t.Errorf("even %v: counts %d (exact %v) in %s", even, n, exact, table.Length())
		}
		// Cut short, within a slot and at its edge, the instants before the cut stay what they were.
		for _, cut := range []time.Duration{time.Millisecond, time.Second, 4300 * time.Millisecond, 5 * time.Second,
			time.Hour} {
			short := table
			short.Duration = cut
			before := slices.DeleteFunc(slices.Clone(at), func(a time.Duration) bool { return a >= cut })
			if n, _ := short.Count(); !slices.Equal(walk(short), before) || int(n) != len(before) {
				t.Errorf("even %v, cut at %s: %d instants (counted %d), want %d", even, cut, len(walk(short)), n,
					len(before))
			}
		}
	}
	even := walk(Timetable{Kind: Traced, Trace: Trace{time.Second, counts[:4]}, Even: true})
	if got, want := fmt.Sprint(even), "[0s 333.333333ms 666.666666ms 3s]"; got != want {
		t.Errorf("evenly: %s, want %s", got, want)
	}
}

func TestTraceLiesUniformly(t *testing.T) {
	const n = 50_000
	at := walk(Timetable{Kind: Traced, Trace: Trace{time.Minute, []int64{0, n}}, Seed: 2})
	within := make([]float64, len(at))
	for i, a := range at {
		within[i] = (a - time.Minute).Minutes()
	}
	if d := kolmogorov(within, func(x float64) float64 { return x }); d > 1.63 {
		t.Errorf("not uniform within the slot: %.2f", d)
	}
	// Of two in each slot, the first has the distribution of the smaller of two uniforms, whatever slot it is: that
	// their sequences have nothing to do with each other.
	pairs := walk(Timetable{Kind: Traced, Trace: Trace{time.Second, slices.Repeat([]int64{2}, n)}, Seed: 3})
	first := make([]float64, n)
	for i := range first {
		first[i] = (pairs[2*i] - time.Duration(i)*time.Second).Seconds()
	}
	if d := kolmogorov(first, func(x float64) float64 { return 1 - (1-x)*(1-x) }); d > 1.63 {
		t.Errorf("the first of two is not the smaller of two uniforms: %.2f", d)
	}
	if slices.Equal(pairs[:2], walk(Timetable{Kind: Traced, Trace: Trace{time.Second, []int64{2}}, Seed: 4})) {
		t.Error("two seeds gave the same instants")
	}
}

// TestTimetablesGolden pins the draws: the same seed must give the same load in every version and on every machine.
func TestTimetablesGolden(t *testing.T) {
	var b strings.Builder
	for _, table := range []Timetable{
		{Kind: Poisson, Rate: 10, Duration: time.Second, Seed: 1},
		{Kind: Poisson, Rate: 10, Duration: time.Second, Seed: 1, Sub: 1},
		{Kind: Traced, Trace: Trace{time.Second, []int64{3, 1}}, Seed: 1},
		{Kind: Traced, Trace: Trace{time.Minute, []int64{2, 2}}, Seed: -9, Sub: 2},
	} {
		fmt.Fprintf(&b, "%s rate=%g counts=%v seed=%d sub=%d: %v\n", table.Kind, table.Rate, table.Trace.Counts,
			table.Seed, table.Sub, walk(table))
	}
	goldentest.CheckFile(t, "testdata/timetables.txt", b.String())
}

func TestTimetablesRefused(t *testing.T) {
	for _, table := range []Timetable{
		{Kind: "sometimes", Rate: 1, Duration: 1}, {Duration: 1}, {Rate: 1}, {Rate: -1, Duration: 1},
		{Rate: math.NaN(), Duration: 1},
		{Rate: math.Inf(1), Duration: 1}, {Kind: Poisson, Duration: 1}, {Kind: Poisson, Rate: 2e9, Duration: 1},
		{Kind: Traced}, {Kind: Traced, Trace: Trace{time.Second, []int64{1, -1}}},
		{Kind: Traced, Duration: -1, Trace: Trace{Slot: 1}},
		{Kind: Traced, Trace: Trace{math.MaxInt64, []int64{1, 1, 1}}},
	} {
		if table.Check() == nil {
			t.Errorf("%+v: no error", table)
		}
		if n, _ := table.Count(); n > 0 || len(walk(table)) > 0 {
			t.Errorf("%+v: refused, and yet it plans", table)
		}
	}
}

func TestMerge(t *testing.T) {
	tables := []Timetable{
		{Rate: 3, Duration: time.Second},
		{Kind: Traced, Trace: Trace{time.Second, nil}},
		{Kind: Poisson, Rate: 40, Duration: 2 * time.Second, Seed: 6},
		{Rate: 1, Duration: 3 * time.Second},
		{Kind: Traced, Trace: Trace{time.Second, []int64{0, 5, 2}}},
	}
	type planned struct {
		at    time.Duration
		table int
	}
	var want, got []planned
	for i, table := range tables {
		for _, at := range walk(table) {
			want = append(want, planned{at, i})
		}
	}
	slices.SortStableFunc(want, func(a, b planned) int { return int(a.at - b.at) })
	next := Merge(tables)
	for at, table, ok := next(); ok; at, table, ok = next() {
		got = append(got, planned{at, table})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, _, ok := next(); ok {
		t.Error("a walk that had ended went on")
	}
	if _, _, ok := Merge(nil)(); ok {
		t.Error("no tables give an instant")
	}
}

func TestInstantsAllocateNothing(t *testing.T) {
	second := Trace{time.Second, slices.Repeat([]int64{1000}, 100)}
	merged := Merge([]Timetable{{Kind: Poisson, Rate: 1000, Duration: time.Hour}, {Rate: 1000, Duration: time.Hour}})
	walks := map[string]func(){"merged": func() { merged() }}
	for name, table := range map[string]Timetable{
		"constant": {Rate: 1000, Duration: time.Hour}, "poisson": {Kind: Poisson, Rate: 1000, Duration: time.Hour},
		"trace": {Kind: Traced, Trace: second}, "even trace": {Kind: Traced, Trace: second, Even: true},
	} {
		next := table.Instants()
		walks[name] = func() { next() }
	}
	for name, step := range walks {
		if n := testing.AllocsPerRun(5000, step); n > 0 {
			t.Errorf("%s: %g allocations a call", name, n)
		}
	}
}

func BenchmarkInstants(b *testing.B) {
	for name, table := range map[string]Timetable{
		"constant": {Rate: 1e6, Duration: 100 * time.Hour},
		"poisson":  {Kind: Poisson, Rate: 1e6, Duration: 100 * time.Hour},
		"trace":    {Kind: Traced, Trace: Trace{time.Minute, slices.Repeat([]int64{1e7}, 100)}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			next := table.Instants()
			for b.Loop() {
				next()
			}
		})
	}
}
