// Package analyze turns recorded requests into statistics: exact percentiles, ratios, confidence intervals, thresholds.
package analyze

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/montanaflynn/stats"

	"github.com/vhive-serverless/STeLLAR/src/analyze/survival"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Identity says to which sub-experiment a row of statistics belongs; the caller fills it in.
type Identity struct {
	Index        int     `json:"index"`
	Title        string  `json:"title"`
	Provider     string  `json:"provider"`
	Runtime      string  `json:"runtime"`
	Function     string  `json:"function"`
	PackageType  string  `json:"package_type"`
	MemoryMB     int     `json:"memory_mb,omitempty"`
	ImageSizeMB  float64 `json:"image_size_mb,omitempty"`
	IATSeconds   Value   `json:"iat_seconds"`   // no data for rows of another tool
	BurstSizes   string  `json:"burst_sizes"`   // in the order they cycle, separated by spaces: "1 10"
	ServiceTimes string  `json:"service_times"` // likewise: "0ms 100ms"
	PayloadBytes Value   `json:"payload_bytes"` // likewise
}

// Options are what a summary needs besides the samples.
type Options struct {
	Identity Identity
	// Unsent is the number of requests that were due and never sent, as the probe counted them: only sent requests have
	// rows.
	Unsent int
	// Kept says that kept connections were asked for (reuse, shared): requests that open one within their latency are
	// counted.
	Kept bool
	// IdleClose is the shortest time without use after which the server closed a connection, as the probe saw it; 0: it
	// closed none.
	IdleClose time.Duration
	// EachBurst, where it is set, gets the line of bursts.csv of each burst as soon as its rows are in, of warm-up too.
	// Its error ends the summary.
	EachBurst func(*sample.BurstLine) error
	// Unwatched says that the rows are another tool's, which say nothing of what the client did.
	Unwatched bool
	// Reports says that the platform's reports were asked for.
	Reports bool
	// Resampling, where it is set, has the intervals made that Compare needs.
	Resampling *Resampling
	// Blocks says that the rounds of the run's sub-experiments are blocks: they were interleaved.
	Blocks bool
}

// Summary holds the statistics of one sub-experiment. All times are in ms. Warm-up rows are left out of everything but
// Warmup; failed rows are in Errors, ErrorClasses, Client and their burst's Errors only.
type Summary struct {
	Identity
	Count        int   // successful requests
	Mean         Value // arithmetic
	SD           Value // of the sample: n−1 in the denominator, so none for fewer than two
	Min, Max     Value
	P25, P50     Value // percentiles are nearest-rank on the exact sample
	P75, P90     Value
	P95, P99     Value
	P999         Value
	TMR          Value // p99 / median
	MR, TR       Value // median and p99 over the baseline's median: set by Relate
	Errors       int
	ErrorClasses map[string]int // failed requests by class; nil where there are none
	ErrorRatio   Value          // errors / (count + errors)
	Warmup       int            // rows left out because they were warm-up
	Cold, Warm   Split          // as the function reports; a request without a report is in neither
	CI50         Interval
	CI99         Interval
	CI999        Interval
	CDF          CDF
	Client       Client    // what the client itself did
	Instances    Instances // of the platform, as far as the rows name them
	// USD for a million requests like those that have a cost; no data where none has one
	CostPerMillion Value
	// USD of the requests that have a cost, warm-up left out; likewise
	Cost Value
	// USD that the functions cost while deployed, beside their requests; no data where there is no such charge
	Standing Value
	// rows, warm-up left out, that have the platform's report; no data where none was asked for
	Joined    Value
	ColdParts Parts            // where the latency of cold requests went, as far as the platform reported of them
	Resampled *Resampled       // nil without Options.Resampling
	Survival  *survival.Result // of idle instances; nil: not measured
	PingPong  *PingPong        // of exchanges; nil: not measured
	Overhead  *Overhead        // of invocations; nil: not measured
	Transfers *Transfers       // of chains; nil: not measured
	Findings  []string         // what the study of the sub-experiment found, a sentence each
	Timeline  *Timeline        // what happened when; nil without rows
	Bursts    Bursts           // all that is held of the rows; Light lets go of it
}

// Split is the cold or the warm part of a sub-experiment.
type Split struct {
	Count      int
	P50, P99   Value
	CI50, CI99 Interval
	CDF        CDF
}

// Reported says that functions said of at least one request whether it was cold.
func (s Summary) Reported() bool { return s.Cold.Count+s.Warm.Count > 0 }

// ColdCount is the number of cold requests; no data if no function said anything, because 0 would be a claim.
func (s Summary) ColdCount() Value { return Value{V: float64(s.Cold.Count), OK: s.Reported()} }

// WarmCount is the number of warm requests; no data likewise.
func (s Summary) WarmCount() Value { return Value{V: float64(s.Warm.Count), OK: s.Reported()} }

// Rows is the number of rows that count: all except warm-up.
func (s Summary) Rows() int { return s.Count + s.Errors }

// AllRows is the number of rows, those of warm-up among them.
func (s Summary) AllRows() int { return s.Rows() + s.Warmup }

// Light is the summary without its bursts, for when their plots are drawn: the rest takes under a megabyte.
func (s Summary) Light() Summary {
	s.Bursts = Bursts{}
	s.Instances.Lives = nil
	return s
}

// Samples makes a sequence that Summarize reads from samples in memory.
func Samples(s []sample.Sample) iter.Seq2[sample.Sample, error] {
	return func(yield func(sample.Sample, error) bool) {
		for i := range s {
			if !yield(s[i], nil) {
				return
			}
		}
	}
}

// Summarize reads all samples of one sub-experiment, in any order, and computes its statistics. MR and TR stay empty
// until Relate. The error is the sequence's own, with the row it came at, or that of Options.EachBurst.
func Summarize(rows iter.Seq2[sample.Sample, error], o Options) (Summary, error) {
	c := NewCollector(o)
	row := 0
	for r, err := range rows {
		row++
		if err != nil {
			return Summary{}, fmt.Errorf("reading sample %d of sub-experiment %d (%s): %w", row, o.Identity.Index,
				o.Identity.Title, err)
		}
		c.Add(&r)
	}
	return c.Summary()
}

// Collector takes the samples of one sub-experiment one by one, in bounded memory: about ten bytes for each of them,
// and as many again while the summary is made.
//
// A latency counts in whole µs, as latencies.csv has it, so that rows in memory and rows from the file agree. A row
// that has neither an error nor a latency is counted as an error of class protocol, so that no row disappears.
type Collector struct {
	options   Options
	s         Summary
	client    client
	instances instances
	reported  reported
	costs     costs
	timeline  timeline
	open      openBurst
	seconds   []*openBurst // of a sustained load
	err       error        // the first one of EachBurst
}

// NewCollector starts a summary.
func NewCollector(o Options) *Collector {
	return &Collector{options: o, s: Summary{Identity: o.Identity}}
}

// Add takes a sample. Consecutive rows of one burst are one burst; others are joined at the end. Of a sustained load,
// each second of the timetable is a burst.
func (c *Collector) Add(r *sample.Sample) {
	b := c.burstOf(r)
	class := r.Err
	if class == sample.OK && r.Latency < 0 {
		class = sample.Protocol
	}
	b.add(r, class)
	c.timeline.add(r, class)
	if r.Warmup {
		c.s.Warmup++
		return
	}
	c.client.add(r, c.options.Kept)
	c.instances.add(r)
	c.reported.add(r)
	c.costs.add(r)
	if class == sample.OK {
		return
	}
	c.s.Errors++
	if c.s.ErrorClasses == nil {
		c.s.ErrorClasses = map[string]int{}
	}
	c.s.ErrorClasses[string(class)]++
}

// burstOf is the burst of a row, or its second in a sustained load.
func (c *Collector) burstOf(r *sample.Sample) *openBurst {
	if !sustained(r) {
		if !c.open.is(r) {
			c.closeBurst(&c.open)
			c.open.begin(r)
		}
		return &c.open
	}
	for i := len(c.seconds) - 1; i >= 0; i-- {
		if c.seconds[i].is(r) {
			return c.seconds[i]
		}
	}
	b := &openBurst{}
	if len(c.seconds) == secondsOpen {
		b = c.seconds[0]
		c.closeBurst(b)
		c.seconds = append(c.seconds[:0], c.seconds[1:]...)
	}
	b.begin(r)
	c.seconds = append(c.seconds, b)
	return b
}

// secondsOpen is the number of seconds of a sustained load that may be open at once. Rows come in the order in which
// requests ended, and the second of a slow request is long complete by then.
const secondsOpen = 64

// sustained reports whether a row belongs to a sustained load: it was planned, and is in no burst. Files of the
// original tool have neither.
func sustained(r *sample.Sample) bool { return r.BurstSize == 0 && !r.PlannedAt.IsZero() }

// closeBurst adds a burst whose rows are complete.
func (c *Collector) closeBurst(b *openBurst) {
	if !b.any {
		return
	}
	if c.options.EachBurst != nil && c.err == nil {
		c.err = c.options.EachBurst(b.finish())
	}
	if b.counted > 0 {
		c.s.Bursts.add(b.line.Burst, b.line.Round, &b.of, b.errors)
		c.client.burst(b)
	}
	b.any = false
}

// Summary computes the statistics of all samples so far; nothing can be added afterwards.
func (c *Collector) Summary() (Summary, error) {
	c.closeBurst(&c.open)
	slices.SortFunc(c.seconds, func(a, b *openBurst) int { return a.line.Burst - b.line.Burst })
	for _, b := range c.seconds {
		c.closeBurst(b)
	}
	c.seconds = nil
	if c.err != nil {
		return Summary{}, c.err
	}
	s := c.s
	s.Client = c.client.summary(c.options)
	s.Instances = c.instances.summary()
	c.reported.summary(&s, c.options.Reports)
	s.CostPerMillion, s.Cost = c.costs.perMillion(), c.costs.sum()
	s.Timeline = c.timeline.summary()
	c.client, c.timeline = client{}, timeline{} // their memory is wanted for what follows
	s.Bursts = s.Bursts.whole()
	parts := s.Bursts.parts()
	s.Cold, s.Warm = split(parts[0]), split(parts[1])
	ms := merged(parts[:]...)
	s.describe(ms)
	if c.options.Resampling != nil {
		s.Resampled = resampled(s.Bursts, *c.options.Resampling, s.Index, [3]func(int) float64{
			All: func(i int) float64 { return ms[i] }, ColdPart: parts[0].at, WarmPart: parts[1].at})
		s.Resampled.addRounds(s.Bursts, c.options)
	}
	return s, nil
}

// describe sets the values that follow from all latencies in ascending order.
func (s *Summary) describe(ms []float64) {
	s.Count = len(ms)
	s.Mean, s.SD = moments(ms)
	if s.Count > 0 {
		s.Min, s.Max = Of(ms[0]), Of(ms[s.Count-1])
	}
	s.P25, s.P50, s.P75 = P25.Of(ms), Median.Of(ms), P75.Of(ms)
	s.P90, s.P95 = P90.Of(ms), P95.Of(ms)
	s.P99, s.P999 = P99.Of(ms), P999.Of(ms)
	s.TMR = Ratio(s.P99, s.P50)
	s.ErrorRatio = Of(float64(s.Errors) / float64(s.Rows()))
	s.CI50 = QuantileInterval(ms, Median)
	s.CI99 = QuantileInterval(ms, P99)
	s.CI999 = QuantileInterval(ms, P999)
	s.CDF = thinned(len(ms), func(i int) float64 { return ms[i] })
}

func split(a ascending) Split {
	return Split{Count: a.len(), P50: a.quantile(Median), P99: a.quantile(P99), CI50: a.interval(Median),
		CI99: a.interval(P99), CDF: thinned(a.len(), a.at)}
}

// moments returns the mean and the sample standard deviation; each is empty if the sample is too small for it.
func moments(xs []float64) (mean, sd Value) {
	if m, err := stats.Mean(xs); err == nil {
		mean = Of(m)
	}
	if d, err := stats.StandardDeviationSample(xs); err == nil {
		sd = Of(d)
	}
	return mean, sd
}
