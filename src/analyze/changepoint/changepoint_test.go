package changepoint_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze/changepoint"
)

// noisy is a series with a level and noise of a standard deviation of 3 %; steps add to the level from a place on.
func noisy(seed uint64, n int, steps map[int]float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, n)
	level := 0.0
	for i := range out {
		level += steps[i]
		out[i] = level + 0.03*rng.NormFloat64()
	}
	return out
}

func at(changes []changepoint.Change) []int {
	out := []int{}
	for _, c := range changes {
		out = append(out, c.At)
	}
	return out
}

// TestFalseAlarms counts series without a change in which one is claimed, of every error probability and length.
func TestFalseAlarms(t *testing.T) {
	for _, c := range []struct {
		alpha float64
		n     int
	}{{0.05, 52}, {0.05, 12}, {0.0125, 52}} {
		find := changepoint.NewFinder(c.alpha, nil)
		const series = 400
		alarms := 0
		for seed := range uint64(series) {
			if len(find.Find(noisy(seed, c.n, nil))) > 0 {
				alarms++
			}
		}
		t.Logf("alpha %v, %d values: %d of %d", c.alpha, c.n, alarms, series)
		// two standard deviations above what is expected
		if most := c.alpha*series + 2*math.Sqrt(series*c.alpha*(1-c.alpha)); float64(alarms) > most {
			t.Errorf("alpha %v, %d values: %d of %d series without a change have one", c.alpha, c.n, alarms, series)
		}
	}
}

// TestTables: a table of permutations is the same for all series of its length, so that its error is in all of them: it
// may not make false alarms much more likely.
func TestTables(t *testing.T) {
	const series, n, alpha = 30_000, 30, 0.0125
	find := changepoint.NewFinder(alpha, nil)
	rng := rand.New(rand.NewPCG(30, 999))
	alarms := 0
	values := make([]float64, n)
	for range series {
		for i := range values {
			values[i] = rng.Float64()
		}
		if len(find.Find(values)) > 0 {
			alarms++
		}
	}
	t.Logf("%.2f times alpha", float64(alarms)/series/alpha)
	if float64(alarms) > 1.12*alpha*series {
		t.Errorf("%d of %d series without a change have one", alarms, series)
	}
}

func TestSteps(t *testing.T) {
	tables := &changepoint.Tables{}
	for _, c := range []struct {
		name  string
		n     int
		steps map[int]float64
		want  []int
	}{
		{"one", 52, map[int]float64{30: 0.1}, []int{30}},
		{"late", 52, map[int]float64{46: 0.15}, []int{46}},
		{"up and down", 66, map[int]float64{22: 0.2, 44: -0.2}, []int{22, 44}},
		{"stairs", 80, map[int]float64{20: 0.2, 40: 0.2, 60: 0.2}, []int{20, 40, 60}},
	} {
		find := changepoint.NewFinder(0.0125, tables)
		exact := 0
		for seed := range uint64(20) {
			got := at(find.Find(noisy(seed, c.n, c.steps)))
			if slices.Equal(got, c.want) {
				exact++
				continue
			}
			if len(got) != len(c.want) {
				t.Errorf("%s, seed %d: %v, want %v", c.name, seed, got, c.want)
				continue
			}
			for i := range got { // noise can move a place
				if d := got[i] - c.want[i]; d < -3 || d > 3 {
					t.Errorf("%s, seed %d: %v, want %v", c.name, seed, got, c.want)
				}
			}
		}
		t.Logf("%s: the exact places in %d of 20", c.name, exact)
		if exact < 14 {
			t.Errorf("%s: only %d of 20 exact", c.name, exact)
		}
	}
}

// TestOutliers are no changes: single values, and two that are not neighbours.
func TestOutliers(t *testing.T) {
	find := changepoint.NewFinder(0.05, nil)
	alarms := 0
	for seed := range uint64(100) {
		values := noisy(seed, 52, nil)
		values[20], values[51] = 50, 50
		if len(find.Find(values)) > 0 {
			alarms++
		}
	}
	if alarms > 10 {
		t.Errorf("%d of 100 series with outliers have a change", alarms)
	}
}

func TestShortAndEqual(t *testing.T) {
	find := changepoint.NewFinder(0.05, nil)
	for _, values := range [][]float64{nil, {1}, {1, 2}, {1, 1, 1, 9, 9, 9}, make([]float64, 100)} {
		if got := find.Find(values); len(got) > 0 {
			t.Errorf("%v: %v", values, got)
		}
	}
	if got := at(find.Find([]float64{1, 1, 1, 1, 9, 9, 9, 9})); !slices.Equal(got, []int{4}) {
		t.Errorf("the shortest series with a change: %v", got)
	}
	for alpha, want := range map[float64]int{0.1: 6, 0.05: 8, 0.0125: 10, 0.001: 14} {
		if got := changepoint.Fewest(alpha); got != want {
			t.Errorf("Fewest(%v) = %d, want %d", alpha, got, want)
		}
	}
}

// TestDelay holds what is promised on the end of a series: a change is found when so many values are beyond it.
func TestDelay(t *testing.T) {
	find := changepoint.NewFinder(0.0125, nil)
	for _, n := range []int{20, 52} {
		delay := find.Delay(n)
		t.Logf("%d values: %d", n, delay)
		values := noisy(3, n, map[int]float64{n - delay: 1})
		if got := at(find.Find(values)); !slices.Contains(got, n-delay) {
			t.Errorf("%d values, %d of them beyond the change: %v", n, delay, got)
		}
		values = noisy(3, n, map[int]float64{n - delay + 1: 1})
		if got := at(find.Find(values)); slices.Contains(got, n-delay+1) {
			t.Errorf("%d values, %d of them beyond the change: %v", n, delay-1, got)
		}
	}
}
