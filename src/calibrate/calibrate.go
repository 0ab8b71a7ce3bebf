// Package calibrate turns service times into increments of a function's spin loop, by running the built package itself.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Spinner runs the function once with a number of increments and returns how long its loop took, by the function's
// clock.
type Spinner func(ctx context.Context, increments int64) (time.Duration, error)

// Limits of the search (docs/packages.md, "Your own function").
const (
	tolerance  = 0.02
	maxTries   = 10
	settleTime = 2 * time.Millisecond // each count of the slope must take this long
)

// slope measures ns per increment from two counts. The first count grows until its loop is so long that the clock's
// resolution and the loop's entry do not matter.
func slope(ctx context.Context, spin Spinner) (nsPerInc float64, err error) {
	for n := int64(10_000); n <= 1<<40; n *= 4 {
		low, err := spin(ctx, n)
		if err != nil {
			return 0, err
		}
		if low < settleTime {
			continue
		}
		high, err := spin(ctx, 4*n)
		if err != nil {
			return 0, err
		}
		if high > low {
			return float64(high-low) / float64(3*n), nil
		}
	}
	return 0, errors.New("the spin loop takes no measurable time: its result does not depend on the increments")
}

// Search finds the increments whose loop takes the wanted time: a slope from two counts, then corrections until the
// measured time is within 2 %, or the tenth try. It keeps the best value with its measured error.
func Search(ctx context.Context, spin Spinner, want time.Duration) (run.Calibration, error) {
	best := run.Calibration{Method: "measured", ServiceTime: want.String(), Error: math.Inf(1)}
	ns, err := slope(ctx, spin)
	if err != nil {
		return best, fmt.Errorf("calibrate %s: %w", want, err)
	}
	guess := float64(want) / ns
	var before point
	for try := 1; try <= maxTries; try++ {
		inc := max(1, int64(math.Round(guess)))
		got, err := spin(ctx, inc)
		if err != nil {
			return best, fmt.Errorf("calibrate %s: %w", want, err)
		}
		off := math.Abs(float64(got-want)) / float64(want)
		if off < best.Error {
			best.Increments, best.AchievedNs, best.Error = inc, int64(got), off
			best.NsPerInc = float64(got) / float64(inc)
		}
		best.Tries = try
		if best.Error <= tolerance {
			break
		}
		now := point{float64(inc), float64(max(got, 1))}
		guess = now.inc + (float64(want)-now.ns)/now.slope(before)
		before = now
	}
	return best, nil
}

// point is a measured loop.
type point struct{ inc, ns float64 }

// slope is the slope of the secant through the previous point, in ns per increment: a function may become slower or
// faster with the length of its loop. If two points are too close for the clock, or contradict each other, it stays
// near the mean.
func (p point) slope(before point) float64 {
	mean := p.ns / p.inc
	if before.inc == 0 || before.inc == p.inc {
		return mean
	}
	return min(max((p.ns-before.ns)/(p.inc-before.inc), mean/4), mean*4)
}
