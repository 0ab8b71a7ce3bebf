// Package schedule plans when requests leave: the waits between the rounds of bursts (Arrivals), and the instants of a
// sustained load at a constant rate, with Poisson arrivals, or after a recorded trace (Timetable). It reads no clock.
// The same seed gives the same schedule on every machine.
package schedule

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The kinds of inter-arrival times.
const (
	Stochastic    = "stochastic"    // IAT plus an exponential part of mean Jitter: never below IAT
	Deterministic = "deterministic" // IAT exactly
	Step          = "step"          // round k waits (k+1) steps, at most IAT
)

// Arrivals says how long to wait between rounds.
type Arrivals struct {
	Type   string        // default Stochastic
	IAT    time.Duration // T of the experiment file
	Jitter time.Duration // mean of the exponential part of Stochastic
	Step   time.Duration // step of Step; default 1 s
	Seed   int64         // of the run
	Sub    int           // index of the sub-experiment: each has a sequence of its own
	// of the plan, from 0: each has a sequence of its own, too
	Repetition int
}

// arrivalStream separates these draws from others made with the same seed.
const arrivalStream = 0x6172726976616c73 // "arrivals"

// Gaps returns the first n waits: gap k follows round k. The same Arrivals give the same gaps on every machine.
func (a Arrivals) Gaps(n int) ([]time.Duration, error) {
	if a.IAT < 0 || a.Jitter < 0 || a.Step < 0 {
		return nil, fail.Input("the IAT %s, its jitter %s or its step %s is negative", a.IAT, a.Jitter, a.Step)
	}
	if a.Step == 0 {
		a.Step = time.Second
	}
	var next func(k int) time.Duration
	switch a.Type {
	case Stochastic, "":
		draw := rand.New(rand.NewPCG(uint64(a.Seed), arrivalStream+uint64(a.Sub)+uint64(a.Repetition)<<32))
		next = func(int) time.Duration { return a.IAT + exponential(draw, a.Jitter) }
	case Deterministic:
		next = func(int) time.Duration { return a.IAT }
	case Step:
		next = func(k int) time.Duration {
			if int64(k) >= int64(a.IAT/a.Step) { // compared by division, which cannot overflow
				return a.IAT
			}
			return time.Duration(k+1) * a.Step
		}
	default:
		return nil, fail.Input("IATType %q is neither %s, %s nor %s", a.Type, Stochastic, Deterministic, Step)
	}
	gaps := make([]time.Duration, max(n, 0))
	for k := range gaps {
		gaps[k] = next(k)
	}
	return gaps, nil
}

// exponential draws by inversion, -m ln(1-U), in whole microseconds. Unlike the library's ziggurat, the formula fixes
// the method, and cutting off the nanoseconds hides the last-bit differences between processors' floating point.
func exponential(draw *rand.Rand, mean time.Duration) time.Duration {
	x := -math.Log1p(-draw.Float64()) * float64(mean)
	return time.Duration(x) / time.Microsecond * time.Microsecond
}

// Offsets plans an open schedule: the instant of every burst, counted from the first. Round r starts the sum of the
// gaps before it after the first; its bursts are spread evenly over the gap that follows it, so that the bursts to one
// endpoint keep at least the IAT's distance and two endpoints' bursts do not add up to one.
func Offsets(gaps []time.Duration, bursts, targets int) []time.Duration {
	plan := make([]time.Duration, bursts)
	var start time.Duration
	for k := range plan {
		round, at := k/targets, k%targets
		if at == 0 && round > 0 {
			start += gaps[round-1]
		}
		plan[k] = start + gaps[round]*time.Duration(at)/time.Duration(targets)
	}
	return plan
}
