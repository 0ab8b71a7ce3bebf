package calibrate

import (
	"context"
	"errors"
	"testing"
	"time"
)

// spinning stands in for a function whose loop takes a fixed time per increment, plus a time that the case sets.
func spinning(nsPerInc float64, bend func(n int64, d time.Duration) time.Duration) Spinner {
	return func(_ context.Context, n int64) (time.Duration, error) {
		return bend(n, time.Duration(float64(n)*nsPerInc)), nil
	}
}

func straight(_ int64, d time.Duration) time.Duration { return d }

func TestSearchFindsTheIncrements(t *testing.T) {
	for name, c := range map[string]struct {
		ns   float64
		bend func(int64, time.Duration) time.Duration
	}{
		"go":            {1.4, straight},
		"python":        {150, straight},
		"constant part": {28, func(_ int64, d time.Duration) time.Duration { return d + 300*time.Microsecond }},
		"slower when longer": {2, func(n int64, d time.Duration) time.Duration {
			return d +
				d*time.Duration(n)/100_000_000
		}},
		"faster once it is hot": {10, func(n int64, d time.Duration) time.Duration {
			return d - d/3*time.Duration(min(n, 1_000_000))/1_000_000
		}},
	} {
		for _, want := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 2 * time.Second} {
			spin := spinning(c.ns, c.bend)
			cal, err := Search(context.Background(), spin, want)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, _ := spin(context.Background(), cal.Increments)
			if off := (got - want).Abs(); float64(off) > 0.02*float64(want) || cal.AchievedNs != int64(got) {
				t.Errorf("%s, %s: %d increments take %s, said %d ns in %d tries", name, want, cal.Increments, got,
					cal.AchievedNs, cal.Tries)
			}
		}
	}
}

func TestSearchKeepsTheBestOfTen(t *testing.T) {
	calls := 0
	spin := func(_ context.Context, n int64) (time.Duration, error) {
		if calls++; calls%2 == 0 {
			return time.Duration(n) * 13, nil // every second answer is disturbed
		}
		return time.Duration(n) * 10, nil
	}
	cal, err := Search(context.Background(), spin, 50*time.Millisecond)
	if err != nil || cal.Tries > 10 || cal.Error > 0.5 || cal.Increments == 0 {
		t.Errorf("calibration is %+v, %v", cal, err)
	}
}

func TestSearchGivesUpOnALoopThatIsNone(t *testing.T) {
	deleted := func(context.Context, int64) (time.Duration, error) { return 100, nil }
	if _, err := Search(context.Background(), deleted, time.Second); err == nil {
		t.Error("a loop that takes no time was calibrated")
	}
	down := func(context.Context, int64) (time.Duration, error) { return 0, errors.New("down") }
	if _, err := Search(context.Background(), down, time.Second); err == nil {
		t.Error("a function that does not answer was calibrated")
	}
}

func TestTableSaysWhatItIs(t *testing.T) {
	a, b := fromTable("go", 100*time.Millisecond), fromTable("python", 100*time.Millisecond)
	if a.Method != "table" || a.Error == 0 || a.Increments < 10*b.Increments {
		t.Errorf("go %+v, python %+v; want many more increments in go, and the method named", a, b)
	}
}
