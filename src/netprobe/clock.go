package netprobe

import (
	"math"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Offset is a function's clock minus the driver's, as an exchange shows it. It is that of the sample with the smallest
// round trip: of all samples, its ways can differ least.
type Offset struct {
	Offset time.Duration
	Bound  time.Duration // of the error: half the smallest round trip, and the resolution of the function's clock
	RTT    time.Duration // the smallest
	At     time.Time     // of that sample, on the driver's clock

	Samples  int
	Mean, SD time.Duration // over all samples
}

// Estimate is the offset that rows of one instance show; false: no row is complete.
func Estimate(rows []sample.PingPong) (Offset, bool) {
	var sum estimator
	for i := range rows {
		sum.add(&rows[i])
	}
	return sum.offset()
}

// Clocks fall apart: a sample says less the older it is.
const (
	driftFrom = 60 * time.Second
	drift     = 100e-6 // of the age: crystals are specified to some tens of ppm, each of the two
)

// BoundAt is the bound of the error at a later instant: after 60 s, 100 ppm of the sample's age are added.
func (o Offset) BoundAt(at time.Time) time.Duration {
	age := at.Sub(o.At).Abs()
	if age <= driftFrom {
		return o.Bound
	}
	return o.Bound + time.Duration(math.Ceil(drift*float64(age)))
}

// estimator gathers the samples of one instance.
type estimator struct {
	best   Offset
	n      int
	mean   float64 // of the offsets, in ns from the first one
	square float64 // sum of squared deviations (Welford, Technometrics 4, 1962)
	first  time.Duration
}

// add takes a sample; one that is not complete is none. It reports whether the sample has the smallest round trip.
func (e *estimator) add(row *sample.PingPong) (smallest bool) {
	offset, bound, ok := row.Offset()
	if !ok {
		return false
	}
	rtt, _ := row.RTT()
	if e.n == 0 {
		e.first = offset
	}
	e.n++
	d := float64(offset-e.first) - e.mean
	e.mean += d / float64(e.n)
	e.square += d * (float64(offset-e.first) - e.mean)
	if e.n == 1 || rtt < e.best.RTT {
		e.best.Offset, e.best.Bound, e.best.RTT, e.best.At = offset, bound, rtt, row.ServerRcv
		return true
	}
	return false
}

func (e *estimator) offset() (Offset, bool) {
	o := e.best
	o.Samples, o.Mean = e.n, e.first+time.Duration(math.Round(e.mean))
	if e.n > 1 {
		o.SD = time.Duration(math.Round(math.Sqrt(e.square / float64(e.n-1))))
	}
	return o, e.n > 0
}

// Instants are those of one HTTP request: the driver's around it, and the function's within it.
type Instants struct {
	Sent, Replied      time.Time // the driver's clock: before the request is written, after the response has begun
	Received, Answered time.Time // the function's clock
	Resolution         time.Duration
}

// Row is the request as an exchange. The formulas of round trip and offset are the same whoever sends first.
func (i Instants) Row() sample.PingPong {
	return sample.PingPong{ServerSend: i.Sent, ClientRcv: i.Received, ClientSend: i.Answered, ServerRcv: i.Replied,
		Lost: sample.No, Resolution: i.Resolution}
}

// Search ends a synchronisation over HTTP: N samples in a row without a smaller round trip, or 1000 in all. The zero
// Search has an N of 20.
type Search struct {
	N int

	clock estimator
	row   int
}

// Add takes a sample of the instance and reports whether the search is over.
func (s *Search) Add(row *sample.PingPong) (done bool) {
	before := s.clock.n
	smallest := s.clock.add(row)
	switch {
	case s.clock.n == before:
	case smallest:
		s.row = 0
	default:
		s.row++
	}
	n := s.N
	if n == 0 {
		n = syncPerRow
	}
	return s.row >= n || s.clock.n >= syncMost
}

// Offset is what the samples so far show; false: there are none.
func (s *Search) Offset() (Offset, bool) { return s.clock.offset() }

// Clocks are those of instances, by their ids. An instance that has not been seen is measured anew.
type Clocks struct {
	N int // as Search has it

	all map[string]*Search
}

// Add takes a sample of an instance and reports whether its search is over.
func (c *Clocks) Add(instance string, row *sample.PingPong) (done bool) {
	if c.all == nil {
		c.all = map[string]*Search{}
	}
	s := c.all[instance]
	if s == nil {
		s = &Search{N: c.N}
		c.all[instance] = s
	}
	return s.Add(row)
}

// Of is the offset of an instance's clock; false: it has no sample.
func (c *Clocks) Of(instance string) (Offset, bool) {
	s := c.all[instance]
	if s == nil {
		return Offset{}, false
	}
	return s.Offset()
}
