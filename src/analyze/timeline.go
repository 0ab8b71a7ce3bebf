package analyze

import (
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// MaxMoments is how many requests a Timeline has one by one; of more it has bins only.
const MaxMoments = 20_000

// Timeline is what happened when, warm-up included: every request where they are few, and bins of equal width.
type Timeline struct {
	Began time.Time     // the first request was sent
	Span  time.Duration // from there until the last one was sent
	// the requests were planned one by one, at a rate, and are in no burst
	Sustained bool
	Moments   []Moment // in the order of their rows; nil where there are more than MaxMoments
	Classes   []string // what Moment.Class counts into; the first one is that of success, empty
	Suspects  []string // what Moment.Suspect counts into; the first one is empty
	Fine      TimeBins // at most 512
	Coarse    TimeBins // the same, wider and at most an eighth as many
}

// Moment is one request on a timeline.
type Moment struct {
	At      time.Duration // since Timeline.Began, when it was sent
	Latency time.Duration // None: it failed
	Burst   int32
	Cold    sample.Tri
	Warmup  bool
	Class   uint8 // index in Timeline.Classes
	Suspect uint8 // index in Timeline.Suspects
}

// TimeBins divide a timeline into parts of one width. Warm-up is in none.
type TimeBins struct {
	Start time.Duration // of the first part, since Timeline.Began
	Width time.Duration
	List  []Bin
}

// Bin is one part of a timeline. Latencies are in ms. Median and p99 are within 1 % of the exact ones.
type Bin struct {
	Count    int // successful requests that were sent within it
	Cold     int // of them, as the functions report
	Warm     int
	Errors   int
	Suspects int // failed requests among them
	Min, Max Value
	P50, P99 Value
}

const (
	maxBins      = 512
	coarserTimes = 3                           // doublings from Timeline.Fine to Timeline.Coarse
	narrowest    = 125 * time.Millisecond / 64 // doubled again and again it becomes 125 ms, 1 s, 2 s, …
	// most different classes, and words of Suspect, that are told apart: a foreign file may have one for each row
	maxNames = 255
)

// timeline collects a Timeline.
type timeline struct {
	t       Timeline
	base    time.Time // what Moment.At counts from until the end: the first row was sent
	first   time.Duration
	last    time.Duration
	rows    int
	moments []Moment
	overrun bool // there are more than MaxMoments
	bins    binning
}

// add takes a row; one that was never sent has no place.
func (c *timeline) add(r *sample.Sample, class sample.Class) {
	if r.SentAt.IsZero() {
		return
	}
	if c.rows == 0 {
		c.base = r.SentAt
		c.t.Classes, c.t.Suspects = []string{""}, []string{""}
		c.bins.width = narrowest
	}
	at := r.SentAt.Sub(c.base)
	c.first, c.last = min(c.first, at), max(c.last, at)
	c.rows++
	c.t.Sustained = c.t.Sustained || sustained(r)
	m := Moment{At: at, Latency: r.Latency, Burst: int32(r.Burst), Cold: r.Cold, Warmup: r.Warmup,
		Class: named(&c.t.Classes, string(class)), Suspect: named(&c.t.Suspects, r.Suspect)}
	if class != sample.OK {
		m.Latency = sample.None
	}
	if !c.overrun && len(c.moments) == MaxMoments {
		c.pour()
	}
	if c.overrun {
		c.bins.add(m)
		return
	}
	c.moments = append(c.moments, m)
}

// named is the index of a name in a list, to which it is added; the last one stands for all that there is no room for.
func named(list *[]string, name string) uint8 {
	at := slices.Index(*list, name)
	switch {
	case at >= 0:
		return uint8(at)
	case len(*list) < maxNames:
		*list = append(*list, name)
	case len(*list) == maxNames:
		*list = append(*list, "other")
	}
	return uint8(len(*list) - 1)
}

// pour puts the requests into bins and lets go of them.
func (c *timeline) pour() {
	for _, m := range c.moments {
		c.bins.add(m)
	}
	c.moments, c.overrun = nil, true
}

// summary is nil without rows.
func (c *timeline) summary() *Timeline {
	if c.rows == 0 {
		return nil
	}
	c.t.Began, c.t.Span = c.base.Add(c.first), c.last-c.first
	if !c.overrun {
		for i := range c.moments {
			c.moments[i].At -= c.first
			c.bins.add(c.moments[i])
		}
		c.t.Moments, c.first = c.moments, 0
	}
	c.t.Fine = c.bins.list(c.first)
	for range coarserTimes {
		c.bins.widen()
	}
	c.t.Coarse = c.bins.list(c.first)
	whole := c.t
	return &whole
}

// binning makes bins of a width that grows until maxBins of them reach over all rows.
type binning struct {
	width time.Duration
	from  int // number of the first bin: its part begins at from × width
	bins  []openBin
}

// openBin is a bin that takes rows.
type openBin struct {
	bin      Bin
	min, max int64 // µs, of the successful ones
	of       spectrum
}

func (b *binning) add(m Moment) {
	if m.Warmup {
		return
	}
	bin := b.at(m.At)
	if m.Suspect != 0 {
		bin.bin.Suspects++
	}
	if m.Class != 0 {
		bin.bin.Errors++
		return
	}
	us := toMicros(m.Latency)
	if bin.bin.Count == 0 {
		bin.min, bin.max = us, us
	}
	bin.min, bin.max = min(bin.min, us), max(bin.max, us)
	bin.bin.Count++
	switch m.Cold {
	case sample.Yes:
		bin.bin.Cold++
	case sample.No:
		bin.bin.Warm++
	}
	bin.of.add(us)
}

// at is the bin of an instant.
func (b *binning) at(t time.Duration) *openBin {
	for {
		n := int(floorDiv(int64(t), int64(b.width)))
		if len(b.bins) == 0 {
			b.from = n
		}
		from, to := min(b.from, n), max(b.from+len(b.bins), n+1)
		if to-from > maxBins {
			b.widen()
			continue
		}
		if n < b.from {
			b.bins = slices.Concat(make([]openBin, b.from-n), b.bins)
			b.from = n
		}
		for len(b.bins) <= n-b.from {
			b.bins = append(b.bins, openBin{})
		}
		return &b.bins[n-b.from]
	}
}

// widen joins neighbours: each bin is twice as wide afterwards.
func (b *binning) widen() {
	from := int(floorDiv(int64(b.from), 2))
	wide := make([]openBin, 0, len(b.bins)/2+1)
	for i := range b.bins {
		at := int(floorDiv(int64(b.from+i), 2)) - from
		if at == len(wide) {
			wide = append(wide, b.bins[i])
			continue
		}
		wide[at].join(&b.bins[i])
	}
	b.width, b.from, b.bins = 2*b.width, from, wide
}

// floorDiv is a/b rounded down; b is above 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (o *openBin) join(other *openBin) {
	a, b := &o.bin, &other.bin
	switch {
	case a.Count == 0:
		o.min, o.max = other.min, other.max
	case b.Count > 0:
		o.min, o.max = min(o.min, other.min), max(o.max, other.max)
	}
	a.Count, a.Cold, a.Warm = a.Count+b.Count, a.Cold+b.Cold, a.Warm+b.Warm
	a.Errors, a.Suspects = a.Errors+b.Errors, a.Suspects+b.Suspects
	o.of.join(&other.of)
}

// list completes the bins of a timeline that begins at an instant.
func (b *binning) list(began time.Duration) TimeBins {
	out := TimeBins{Start: time.Duration(b.from)*b.width - began, Width: b.width}
	for i := range b.bins {
		o := &b.bins[i]
		bin := o.bin
		if bin.Count > 0 {
			bin.Min, bin.Max = Of(toMS(o.min)), Of(toMS(o.max))
			bin.P50 = Of(toMS(min(max(o.of.quantile(Median), o.min), o.max)))
			bin.P99 = Of(toMS(min(max(o.of.quantile(P99), o.min), o.max)))
		}
		out.List = append(out.List, bin)
	}
	return out
}
