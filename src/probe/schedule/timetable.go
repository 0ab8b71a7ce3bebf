package schedule

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The kinds of arrivals of a sustained load.
const (
	Constant = "constant" // request k leaves at k/Rate
	Poisson  = "poisson"  // exponential gaps of mean 1/Rate
	Traced   = "trace"    // as many in each slot of time as the trace counts there
)

// Timetable plans a sustained load: when each request is sent, independent of the responses.
type Timetable struct {
	Kind     string        // default Constant
	Rate     float64       // requests a second of Constant and Poisson
	Duration time.Duration // no request is planned for this offset or later; 0 with Traced: the whole trace
	Seed     int64         // of the run
	Sub      int           // index of the sub-experiment: each has a sequence of its own
	Trace    Trace         // of Traced
	Even     bool          // Traced: spread a slot's requests evenly; else they lie in it uniformly at random
}

// timetableStream separates these draws from others made with the same seed.
const timetableStream = 0x74696d657461626c // "timetabl"

// maxRate is a request in each nanosecond, the unit of the instants.
const maxRate = 1e9

// Check refuses, as bad input, a timetable that plans nothing or cannot be planned.
func (t Timetable) Check() error {
	switch t.Kind {
	case Constant, Poisson, "":
		if !(t.Rate > 0 && t.Rate <= maxRate) {
			return fail.Input("a rate of %g requests a second cannot be planned; want one over 0 and up to %g", t.Rate,
				maxRate)
		}
		if t.Duration <= 0 {
			return fail.Input("a sustained load of %s plans nothing", t.Duration)
		}
	case Traced:
		if t.Duration < 0 {
			return fail.Input("a sustained load of %s plans nothing", t.Duration)
		}
		return t.Trace.check()
	default:
		return fail.Input("Arrivals %q are neither %s, %s nor a %s", t.Kind, Constant, Poisson, Traced)
	}
	return nil
}

// Length is the time that the timetable covers.
func (t Timetable) Length() time.Duration {
	if t.Kind != Traced {
		return t.Duration
	}
	if whole := t.Trace.Length(); t.Duration == 0 || whole < t.Duration {
		return whole
	}
	return t.Duration
}

// Count is the number of requests that the timetable plans, and whether it is exact: of Poisson arrivals it is the
// expected one.
func (t Timetable) Count() (n int64, exact bool) {
	switch {
	case t.Check() != nil:
		return 0, true
	case t.Kind == Traced:
		return t.countTraced(), true
	case t.Kind == Poisson:
		return int64(math.Round(t.Rate * t.Duration.Seconds())), false
	}
	// The product may be off by a request where it comes near a whole number: the instants themselves decide.
	p := newPace(t.Rate)
	n = int64(math.Ceil(t.Rate * t.Duration.Seconds()))
	for n > 0 && p.at(n-1) >= t.Duration {
		n--
	}
	for p.at(n) < t.Duration {
		n++
	}
	return n, true
}

func (t Timetable) countTraced() int64 {
	whole := int(t.Length() / t.Trace.Slot) // slots that the Duration does not cut
	var n int64
	for _, c := range t.Trace.Counts[:whole] {
		n += c
	}
	f := newFollower(t)
	f.slot = whole - 1
	for _, ok := f.next(); ok; _, ok = f.next() {
		n++
	}
	return n
}

// Instants starts a walk through the planned instants: each call of the function gives the next one, counted from the
// load's start, none before the last, until ok is false. The same Timetable gives the same instants on every walk and
// every machine, except that where two processors' floating point differs in the last bit a random one may, once in
// millions of draws, come out a nanosecond apart. A call allocates nothing. A Timetable that Check refuses has none.
func (t Timetable) Instants() func() (offset time.Duration, ok bool) {
	switch {
	case t.Check() != nil:
		return func() (time.Duration, bool) { return 0, false }
	case t.Kind == Traced:
		return newFollower(t).next
	case t.Kind == Poisson:
		return t.poisson()
	}
	p, k := newPace(t.Rate), int64(-1)
	return func() (time.Duration, bool) {
		if at := p.at(k + 1); at < t.Duration {
			k++
			return at, true
		}
		return 0, false
	}
}

// poisson draws the gaps by inversion, -ln(1-U)/rate, as exponential does, but rounds them to whole nanoseconds: at
// thousands of requests a second, cutting off microseconds would raise the rate.
func (t Timetable) poisson() func() (time.Duration, bool) {
	draw := rand.New(rand.NewPCG(uint64(t.Seed), timetableStream+uint64(t.Sub)))
	mean := float64(time.Second) / t.Rate
	at := time.Duration(0)
	return func() (time.Duration, bool) {
		gap := math.Round(-math.Log1p(-draw.Float64()) * mean)
		if gap >= float64(t.Duration-at) { // compared before the sum, which could overflow; nothing follows the end
			at = t.Duration
			return 0, false
		}
		at += time.Duration(gap)
		return at, true
	}
}

// pace returns the times of a constant rate, each computed by itself, so that no error adds up. A rate is exactly
// mantissa/2^shift.
type pace struct {
	mantissa uint64
	shift    uint
}

func newPace(rate float64) pace {
	fraction, exponent := math.Frexp(rate) // rate = fraction·2^exponent; Check's bound keeps the exponent under 53
	return pace{uint64(math.Ldexp(fraction, 53)), uint(53 - exponent)}
}

// at is k/rate in nanoseconds, to the nearest: k·10^9·2^shift/mantissa in 128 bits. An instant too late for them lies
// beyond every load.
func (p pace) at(k int64) time.Duration {
	hi, lo := bits.Mul64(uint64(k), uint64(time.Second))
	length := bits.Len64(lo)
	if hi > 0 {
		length = 64 + bits.Len64(hi)
	}
	switch {
	case k == 0:
		return 0
	case uint(length)+p.shift > 127:
		return math.MaxInt64
	case p.shift >= 64:
		hi, lo = lo<<(p.shift-64), 0
	default:
		hi, lo = hi<<p.shift|lo>>(64-p.shift), lo<<p.shift
	}
	lo, carry := bits.Add64(lo, p.mantissa/2, 0) // half of the divisor, so that the quotient is rounded
	if hi += carry; hi >= p.mantissa/2 {         // it would not fit 63 bits
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, p.mantissa)
	return time.Duration(q)
}

// follower walks through a trace.
type follower struct {
	t    Timetable
	end  time.Duration
	slot int   // the one that requests are given out of; -1 before the first
	left int64 // requests of it still to come
	sum  float64
	pcg  *rand.PCG
	draw *rand.Rand
}

func newFollower(t Timetable) *follower {
	pcg := rand.NewPCG(0, 0)
	return &follower{t: t, end: t.Length(), slot: -1, pcg: pcg, draw: rand.New(pcg)}
}

// next gives the next instant. At random, the n requests of a slot are n independent uniform draws in ascending order
// (given their number, the arrivals of a Poisson process lie so), made one after the other without keeping or sorting
// them: the i-th smallest of n uniforms is 1-exp(-(E1/n + E2/(n-1) + … + Ei/(n-i+1))) with Ej independent
// exponentials of mean 1. That is the method of J. L. Bentley and J. B. Saxe, "Generating sorted lists of random
// numbers", ACM TOMS 6(3), 1980, in the logarithmic form and upwards (A. Rényi, "On the theory of order statistics",
// 1953).
func (f *follower) next() (time.Duration, bool) {
	for f.left == 0 {
		if f.slot+1 >= len(f.t.Trace.Counts) {
			return 0, false
		}
		f.slot++
		f.left, f.sum = f.t.Trace.Counts[f.slot], 0
		// Each slot has a sequence of its own, so that a walk may start at any of them.
		f.pcg.Seed(uint64(f.t.Seed), mix(mix(timetableStream+uint64(f.t.Sub))+uint64(f.slot)))
	}
	width := f.t.Trace.Slot
	var within time.Duration
	if n := f.t.Trace.Counts[f.slot]; f.t.Even {
		hi, lo := bits.Mul64(uint64(n-f.left), uint64(width))
		q, _ := bits.Div64(hi, lo, uint64(n))
		within = time.Duration(q)
	} else {
		f.sum -= math.Log1p(-f.draw.Float64()) / float64(f.left)
		within = min(time.Duration(-math.Expm1(-f.sum)*float64(width)), width-1)
	}
	at := time.Duration(f.slot)*width + within
	if at >= f.end {
		f.slot, f.left = len(f.t.Trace.Counts), 0
		return 0, false
	}
	f.left--
	return at, true
}

// mix spreads neighbouring numbers over all of 64 bits (the finaliser of SplitMix64, G. L. Steele, D. Lea and C. H.
// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Merge starts a walk through several timetables at once, one for each endpoint: the next instant of all and the index
// of the table that it is from, the lower index first where two are equal. It keeps one instant a table.
func Merge(tables []Timetable) func() (offset time.Duration, table int, ok bool) {
	h := make(heads, 0, len(tables))
	for i, t := range tables {
		next := t.Instants()
		if at, ok := next(); ok {
			h = append(h, head{at, i, next})
		}
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
	return func() (time.Duration, int, bool) {
		if len(h) == 0 {
			return 0, 0, false
		}
		first := &h[0]
		at, table := first.at, first.table
		if later, ok := first.next(); ok {
			first.at = later
		} else {
			h[0] = h[len(h)-1]
			h = h[:len(h)-1]
		}
		h.sink(0)
		return at, table, true
	}
}

// head is a timetable's next instant; heads are a heap of them, the earliest on top.
type head struct {
	at    time.Duration
	table int
	next  func() (time.Duration, bool)
}

type heads []head

func (h heads) before(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].table < h[j].table
}

// sink moves element i down until no element below it is earlier.
func (h heads) sink(i int) {
	for {
		child := 2*i + 1
		if child+1 < len(h) && h.before(child+1, child) {
			child++
		}
		if child >= len(h) || !h.before(child, i) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
