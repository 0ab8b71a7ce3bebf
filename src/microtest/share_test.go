package microtest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// loop makes the timestamps of a loop that gets quota ms of each period, after it has begun at a phase, as functions
// give them: one each half ms, and both ends of each gap.
func loop(quota, period, phase, work float64) (stamps []float64) {
	at, used := 1_795_869_391_000.0+phase, phase
	for work > 0 {
		run := min(quota-used, work)
		for t := 0.0; t < run; t += 0.5 {
			stamps = append(stamps, at+t)
		}
		stamps = append(stamps, at+run)
		at, work, used = at+run+period-quota, work-run, 0
	}
	return stamps
}

// TestShare: quotas are found within 10 % at any phase, from ten cycles on, and within the error that is told.
func TestShare(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for _, period := range []float64{20, 100} {
		for _, quota := range []float64{0.0723, 0.1, 0.25, 0.5, 0.9} {
			for range 20 {
				run := quota * period
				s := Share(loop(run, period, draw.Float64()*run, 12*run*(1+draw.Float64())))
				if s.Share == nil || math.Abs(*s.Share-quota) > quota/10 {
					t.Fatalf("quota %g of %g ms: %+v, share %v", quota, period, s, s.Share)
				}
				if s.Error == nil || math.Abs(*s.Share-quota) > *s.Error {
					t.Errorf("quota %g: share %g, error %v", quota, *s.Share, s.Error)
				}
			}
		}
	}
	whole := Share(loop(1000, 1000, 0, 900))
	if *whole.Share != 1 || whole.Gaps != 0 || whole.Longest != 0 || whole.Error != nil {
		t.Errorf("a whole processor: %+v", whole)
	}
}

func TestShareOfFewTimestamps(t *testing.T) {
	for name, stamps := range map[string][]float64{"none": nil, "one": {5}, "short": {5, 5.1, 50}} {
		if s := Share(stamps); s.Share != nil || s.Stamps != len(stamps) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Short stops of a busy machine are in the share and not among the cycles.
	stamps := append(loop(50, 100, 0, 600), 0)[:0]
	for i, at := range loop(50, 100, 0, 600) {
		if stamps = append(stamps, at); i%40 == 0 {
			stamps = stamps[:len(stamps)-1]
		}
	}
	s := Share(stamps)
	if s.Share == nil || math.Abs(*s.Share-0.5) > 0.05 || s.Error == nil || *s.Error < *s.Share/12 {
		t.Errorf("%+v: share %g ± %v", s, *s.Share, s.Error)
	}
}
