package probe

import (
	"runtime"
	"testing"
)

// TestReserveProcessors: runs at a time leave Go's scheduler some processors, and what was set before holds again.
func TestReserveProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct{ has, runs, want int }{
		{1, 1, 5}, {2, 1, 5}, {2, 3, 7}, {2, 1000, 20}, {4, 1, 6}, {8, 1, 8}, {8, 2, 12}, {16, 0, 16},
	} {
		runtime.GOMAXPROCS(c.has)
		processors, release := ReserveProcessors(c.runs)
		if got := runtime.GOMAXPROCS(0); processors != c.has || got != c.want {
			t.Errorf("%+v: GOMAXPROCS %d on %d processors", c, got, processors)
		}
		release()
		if got := runtime.GOMAXPROCS(0); got != c.has {
			t.Errorf("%+v: GOMAXPROCS %d afterwards", c, got)
		}
	}
}
