package probe

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWallClock follows wall clocks for 30 s, reads them up to 20 µs wrongly, and compares the conversion of an instant
// in every millisecond: after some seconds it is close to the clock, and two neighbours are always as far apart as the
// clock's rate allows.
func TestWallClock(t *testing.T) {
	const us, ms, set = time.Microsecond, time.Millisecond, 10 * time.Second
	after := func(at, by time.Duration) time.Duration { // the clock is set by so much
		if at < set {
			return 0
		}
		return by
	}
	for name, c := range map[string]struct {
		ahead  func(at time.Duration) time.Duration // of the engine's clock
		excess time.Duration                        // at most, of a millisecond
		from   time.Duration                        // when it is close
		fault  time.Duration                        // at most, then
	}{
		"constant": {func(time.Duration) time.Duration { return 0 }, 100, 0, 40 * us},
		"500 ppm":  {func(at time.Duration) time.Duration { return at / 2000 }, 1500, 3 * time.Second, 60 * us},
		"-500 ppm": {func(at time.Duration) time.Duration { return -at / 2000 }, 1500, 3 * time.Second, 60 * us},
		"set forward": {func(at time.Duration) time.Duration { return after(at, 2*time.Second) }, 3 * ms,
			set + 4*time.Second, 60 * us},
		"set back": {func(at time.Duration) time.Duration { return after(at, -2*time.Second) }, ms,
			set + 5*time.Second, 60 * us},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Unix(1_800_000_000, 0).UTC()
			truth := func(at time.Duration) time.Time { return begin.Add(at + c.ahead(at)) }
			draw := rand.New(rand.NewPCG(1, 2))
			w := newWallClock(anchor{truth(0), 0})
			last, from := begin, time.Duration(0)
			early := map[time.Duration]time.Time{}
			for at := ms; at < 30*time.Second; at += ms {
				now := w.at(at).wall
				if gap := now.Sub(last); gap <= 0 || (gap-ms).Abs() > c.excess {
					t.Fatalf("%s: two instants 1 ms apart are %s apart", at, gap)
				}
				if off := now.Sub(truth(at)).Abs(); at >= c.from && off > c.fault {
					t.Fatalf("%s: %s off", at, off)
				}
				last, early[at] = now, now
				if at-from >= 250*ms {
					from = at
					fault := time.Duration(draw.Int64N(int64(40*us))) - 20*us
					w.follow(anchor{truth(at).Add(fault), at}, 20*us)
				}
			}
			for at, then := range early {
				if now := w.at(at).wall; !now.Equal(then) {
					t.Fatalf("%s is converted to %s, and was to %s before", at, now, then)
				}
			}
			if name == "constant" && len(w.pieces) > 3 {
				t.Errorf("%d pieces for a clock that proceeds alike", len(w.pieces))
			}
		})
	}
}

// TestReadAnchor: the readings are of the same instant.
func TestReadAnchor(t *testing.T) {
	base := time.Now()
	before := time.Now()
	a, within := readAnchor(base)
	after := time.Now()
	if got := base.Add(a.at); got.Before(before) || got.After(after) || within <= 0 {
		t.Errorf("read at %s, within %s, between %s and %s", a.at, within, before.Sub(base), after.Sub(base))
	}
	if off := a.wall.Sub(base.Round(0).Add(a.at)).Abs(); off > within+after.Sub(base) {
		t.Errorf("the wall clock is %s off", off)
	}
}
