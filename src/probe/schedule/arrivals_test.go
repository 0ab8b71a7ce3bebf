package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// TestGapsGolden pins the schedules: the same seed must give the same one in every version and on every machine.
func TestGapsGolden(t *testing.T) {
	var b strings.Builder
	for _, a := range []Arrivals{
		{Type: Stochastic, IAT: 600 * time.Second, Jitter: 30 * time.Second, Seed: 1, Sub: 0},
		{Type: Stochastic, IAT: 600 * time.Second, Jitter: 30 * time.Second, Seed: 1, Sub: 1},
		{Type: Stochastic, IAT: 600 * time.Second, Jitter: 30 * time.Second, Seed: 2, Sub: 0},
		{Type: Stochastic, IAT: 3 * time.Second, Jitter: 150 * time.Millisecond, Seed: -7, Sub: 2},
		{Type: Stochastic, Seed: 1},
		{Type: Deterministic, IAT: 2500 * time.Millisecond},
		{Type: Step, IAT: 4 * time.Second},
		{Type: Step, IAT: 2500 * time.Millisecond, Step: 500 * time.Millisecond},
		{Type: Step},
	} {
		gaps, err := a.Gaps(6)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s T=%s m=%s step=%s seed=%d sub=%d: %v\n", a.Type, a.IAT, a.Jitter, a.Step, a.Seed, a.Sub,
			gaps)
	}
	goldentest.CheckFile(t, "testdata/gaps.txt", b.String())
}

func TestStochasticIsShiftedExponential(t *testing.T) {
	const n = 20000
	a := Arrivals{IAT: 10 * time.Second, Jitter: 2 * time.Second, Seed: 42}
	gaps, err := a.Gaps(n)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := a.Gaps(n)
	if !slices.Equal(gaps, again) {
		t.Error("the same seed gave two schedules")
	}
	var sum time.Duration
	slices.Sort(gaps)
	for _, g := range gaps {
		sum += g
	}
	if gaps[0] < a.IAT {
		t.Errorf("a gap of %s is below T", gaps[0])
	}
	// Mean 12 s, median 10 s + 2 s ln 2; 20000 draws leave the mean a standard error of 14 ms.
	if mean := sum / n; mean < 11900*time.Millisecond || mean > 12100*time.Millisecond {
		t.Errorf("mean %s, want 12s", mean)
	}
	if median := gaps[n/2]; median < 11300*time.Millisecond || median > 11470*time.Millisecond {
		t.Errorf("median %s, want 11.386s", median)
	}
}

func TestGapsRefused(t *testing.T) {
	for _, a := range []Arrivals{{Type: "poisson"}, {IAT: -1}, {Jitter: -1}, {Step: -1}} {
		if _, err := a.Gaps(1); err == nil {
			t.Errorf("%+v: no error", a)
		}
	}
}

func TestOffsets(t *testing.T) {
	ms := func(ns ...int) []time.Duration {
		out := make([]time.Duration, len(ns))
		for i, n := range ns {
			out[i] = time.Duration(n) * time.Millisecond
		}
		return out
	}
	for _, c := range []struct {
		gaps            []time.Duration
		bursts, targets int
		want            []time.Duration
	}{
		{ms(100, 200, 300), 3, 1, ms(0, 100, 300)},
		{ms(100, 200, 300), 6, 2, ms(0, 50, 100, 200, 300, 450)},
		{ms(90, 90), 4, 3, ms(0, 30, 60, 90)},
	} {
		if got := Offsets(c.gaps, c.bursts, c.targets); !slices.Equal(got, c.want) {
			t.Errorf("offsets(%v, %d, %d) = %v, want %v", c.gaps, c.bursts, c.targets, got, c.want)
		}
	}
}
