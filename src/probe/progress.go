package probe

import (
	"math/bits"
	"time"
)

// beatEvery is how often Progress is called while a burst waits for answers.
const beatEvery = 5 * time.Second

// doublingClasses are the classes of a roughMedian within a doubling: the ends of a class differ by at most 1/64.
const doublingClasses = 64

// roughMedian finds the median of latencies to within a class, in little memory and time: it counts them in classes of
// equal size within each doubling, as an HDR histogram does, from 1 µs to over an hour.
type roughMedian struct {
	counts [1 + 32*doublingClasses]int32 // the first is for all below firstClass
	n      int
}

const firstClass = 1024 * time.Nanosecond

func (m *roughMedian) add(d time.Duration) {
	class := 0
	if d >= firstClass {
		doubling := bits.Len64(uint64(d)) - bits.Len64(uint64(firstClass))
		width := doubling + bits.Len64(uint64(firstClass)) - bits.Len64(doublingClasses) // as a power of two
		class = min(1+doubling*doublingClasses+int(d>>width)-doublingClasses, len(m.counts)-1)
	}
	m.counts[class]++
	m.n++
}

// value is the median; 0 of nothing.
func (m *roughMedian) value() time.Duration {
	below := 0
	for class, n := range m.counts {
		if below += int(n); 2*below > m.n || m.n > 0 && 2*below == m.n {
			return middle(class)
		}
	}
	return 0
}

// middle is the middle of a class.
func middle(class int) time.Duration {
	if class == 0 {
		return firstClass / 2
	}
	doubling, step := (class-1)/doublingClasses, (class-1)%doublingClasses
	width := firstClass / doublingClasses << doubling
	return time.Duration(doublingClasses+step)*width + width/2
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
