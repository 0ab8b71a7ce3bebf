package probe

import (
	"math"
	"time"
)

// beatEvery is how often Progress is called while a burst waits for answers.
const beatEvery = 5 * time.Second

// medianStep is the ratio of the ends of a roughMedian's classes.
const medianStep = 1.02

// roughMedian finds the median of latencies to within medianStep, in little memory: it counts them in classes whose
// ends have that ratio, from 1 µs to over an hour.
type roughMedian struct {
	counts [1200]int32
	n      int
}

func (m *roughMedian) add(d time.Duration) {
	class := 0
	if us := float64(d) / float64(time.Microsecond); us > 1 {
		class = min(int(math.Log(us)/math.Log(medianStep)), len(m.counts)-1)
	}
	m.counts[class]++
	m.n++
}

// value is the median; 0 of nothing.
func (m *roughMedian) value() time.Duration {
	below := 0
	for class, n := range m.counts {
		if below += int(n); 2*below > m.n || m.n > 0 && 2*below == m.n {
			return time.Duration(math.Pow(medianStep, float64(class)+0.5) * float64(time.Microsecond))
		}
	}
	return 0
}

// progress is how far the run is after so many of its bursts, or seconds of a load.
func (r *recorder) progress(done, of int, left time.Duration) Progress {
	return Progress{Burst: done, Bursts: of, Requests: r.out.Requests, Errors: r.out.Errors, Left: left,
		Median: r.median.value()}
}

// beat says how far a burst is that waits for answers.
func (r *recorder) beat(b *burst) {
	if r.cfg.Progress == nil || b.release.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	left := time.Duration(0)
	if r.out.Bursts > 0 {
		left = r.left()
	}
	p := r.progress(r.done(), r.planned(), left)
	p.Waiting = &Waiting{Burst: b.n, Answered: len(b.slots) - int(b.left.Load()), Size: len(b.slots),
		For: time.Since(b.engine.base) - time.Duration(b.release.Load())}
	r.cfg.Progress(p)
}
