package selfwatch

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCanary(t *testing.T) {
	for _, c := range []struct {
		name      string
		extra     map[int]time.Duration // how much longer the nth sleep takes than it was asked for
		from, ask time.Duration
		want      time.Duration
	}{
		{"on time", nil, 0, 41 * ms, 0},
		{"late once", map[int]time.Duration{2: 14 * ms}, 0, 41 * ms, 14 * ms},
		{"late before", map[int]time.Duration{2: 14 * ms}, 30 * ms, 41 * ms, 0},
		{"late across the beginning", map[int]time.Duration{2: 14 * ms}, 20 * ms, 41 * ms, 9 * ms},
		{"overdue", map[int]time.Duration{2: 14 * ms}, 0, 25 * ms, 10 * ms},
		{"overdue since the window opened", map[int]time.Duration{2: 14 * ms}, 21 * ms, 25 * ms, 4 * ms},
		{"early", map[int]time.Duration{1: -3 * ms}, 0, 41 * ms, 0},
		{"rising", map[int]time.Duration{0: 3 * ms, 2: 8 * ms}, 0, 41 * ms, 8 * ms},
		{"falling", map[int]time.Duration{0: 9 * ms, 2: 3 * ms}, 0, 41 * ms, 9 * ms},
		{"falling, the first cut", map[int]time.Duration{0: 9 * ms, 2: 3 * ms}, 10 * ms, 41 * ms, 4 * ms},
		{"falling, the first cut below the second", map[int]time.Duration{0: 9 * ms, 2: 3 * ms}, 12 * ms, 41 * ms,
			3 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base, sleeps := time.Now(), 0
				canary := startCanary(func() time.Duration { return time.Since(base) }, func(d time.Duration) {
					time.Sleep(d + c.extra[sleeps])
					sleeps++
				}, sound(t))
				canary.openWindow()
				time.Sleep(c.ask)
				if got := canary.worst(c.from); got.by != c.want || got.loop {
					t.Errorf("worst %+v, want %s", got, c.want)
				}
				canary.close()
			})
		})
	}
}

// TestCanaryRests: no beat where no window is open, and a window knows nothing of what was before it was opened.
func TestCanaryRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := time.Now()
		var sleeps atomic.Int64
		var extra time.Duration
		c := startCanary(func() time.Duration { return time.Since(base) }, func(d time.Duration) {
			sleeps.Add(1)
			time.Sleep(d + extra)
		}, sound(t))
		time.Sleep(time.Second)
		if n := sleeps.Load(); n != 0 {
			t.Errorf("%d beats before the first window", n)
		}
		extra = 7 * ms
		c.openWindow()
		c.openWindow()
		time.Sleep(50 * ms)
		c.closeWindow()
		time.Sleep(50 * ms)
		if n := sleeps.Load(); n != 9 { // every beat takes 12 ms: from 0, 12 ... 96 ms
			t.Errorf("%d beats with one window left, want 9", n)
		}
		if got := c.worst(0); got.by != 7*ms {
			t.Errorf("worst %+v", got)
		}
		c.closeWindow()
		c.closeWindow() // one too many does no harm
		synctest.Wait()
		time.Sleep(time.Second)
		if n := sleeps.Load(); n != 9 {
			t.Errorf("%d beats after the last window", n)
		}
		c.away(time.Second)
		extra = 0
		c.openWindow()
		time.Sleep(20*ms + 1)
		if got := c.worst(0); got.by != 0 {
			t.Errorf("a new window begins with %+v", got)
		}
		c.away(3 * ms)
		if got := c.worst(0); got.by != 3*ms || !got.loop {
			t.Errorf("worst %+v, want the loop's 3ms", got)
		}
		c.close()
	})
}

// TestLatesAreBounded: what is forgotten makes the answer larger, never smaller.
func TestLatesAreBounded(t *testing.T) {
	c := &canary{now: func() time.Duration { return time.Hour }}
	for i := range 1000 {
		c.note(late{at: time.Duration(i+1) * time.Second, by: time.Duration(1000-i) * ms})
	}
	if len(c.lates) != mostLates {
		t.Errorf("%d are kept", len(c.lates))
	}
	for _, from := range []int{0, 10, 62, 500, 999} {
		want := time.Duration(1000-from) * ms
		if got := c.worst(time.Duration(from) * time.Second).by; got < want {
			t.Errorf("from %d s: %s, want at least %s", from, got, want)
		}
	}
	if got := c.worst(1000 * time.Second); got.by != 0 {
		t.Errorf("after all: %+v", got)
	}
}
