// Package analyze turns recorded requests into statistics: exact percentiles, ratios, confidence intervals, thresholds.
package analyze

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/montanaflynn/stats"

	"stellar/src/sample"
)

// Identity says which sub-experiment a row of statistics belongs to; the pipeline fills it in.
type Identity struct {
	Index        int     `json:"index"`
	Title        string  `json:"title"`
	Provider     string  `json:"provider"`
	Runtime      string  `json:"runtime"`
	Function     string  `json:"function"`
	PackageType  string  `json:"package_type"`
	MemoryMB     int     `json:"memory_mb"`
	ImageSizeMB  float64 `json:"image_size_mb"`
	IATSeconds   float64 `json:"iat_seconds"`
	BurstSizes   string  `json:"burst_sizes"`   // in the order they cycle, separated by spaces: "1 10"
	ServiceTimes string  `json:"service_times"` // likewise: "0ms 100ms"
	PayloadBytes int64   `json:"payload_bytes"`
}

// Options are what a summary needs besides the samples.
type Options struct {
	Identity Identity
}

// Summary holds the statistics of one sub-experiment. All times are in ms. Warm-up rows are left out of everything but
// Warmup; failed rows are in Errors, ErrorClasses and their burst's Errors only.
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
	Cold, Warm   Split          // by the function's own word; where it said nothing a request is in neither
	CI50         Interval
	CI99         Interval
	CI999        Interval
	Latencies    []float64 // ascending
	Bursts       []Burst   // by number; bursts of nothing but warm-up are not there
}

// Split is the cold or the warm part of a sub-experiment.
type Split struct {
	Count     int
	P50, P99  Value
	Latencies []float64 // ascending
}

// Burst is what came back from one burst.
type Burst struct {
	Number    int
	Latencies []float64 // of its successful requests, in the order of the rows
	ColdOnes  []float64 // of those that were cold, by the function's word
	WarmOnes  []float64 // and of the warm ones
	Cold      int       // successful requests by the function's word
	Warm      int
	Unknown   int // the function did not say
	Errors    int
}

// Over counts the successful requests with a latency of at least the given ms: what a threshold would call cold.
func (b Burst) Over(ms float64) int {
	n := 0
	for _, l := range b.Latencies {
		if l >= ms {
			n++
		}
	}
	return n
}

// Samples makes a sequence of samples that are in memory already into one that Summarize reads.
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
// until Relate. The error is the sequence's own, with the row it came at.
//
// A latency counts in whole µs, as latencies.csv writes it, so that rows in memory and rows read back agree. A row that
// is neither failed nor has a latency is counted as an error of class protocol: no row disappears.
func Summarize(rows iter.Seq2[sample.Sample, error], o Options) (Summary, error) {
	c := collector{s: Summary{Identity: o.Identity}, bursts: map[int]*Burst{}}
	row := 0
	for r, err := range rows {
		row++
		if err != nil {
			return Summary{}, fmt.Errorf("reading sample %d of sub-experiment %d (%s): %w", row, o.Identity.Index, o.Identity.Title, err)
		}
		c.add(&r)
	}
	return c.summary(), nil
}

type collector struct {
	s      Summary
	bursts map[int]*Burst
}

func (c *collector) add(r *sample.Sample) {
	if r.Warmup {
		c.s.Warmup++
		return
	}
	b := c.bursts[r.Burst]
	if b == nil {
		b = &Burst{Number: r.Burst}
		c.bursts[r.Burst] = b
	}
	class := r.Err
	if class == sample.OK && r.Latency < 0 {
		class = sample.Protocol
	}
	if class != sample.OK {
		b.Errors++
		c.s.Errors++
		if c.s.ErrorClasses == nil {
			c.s.ErrorClasses = map[string]int{}
		}
		c.s.ErrorClasses[string(class)]++
		return
	}
	ms := float64(r.Latency.Round(time.Microsecond).Microseconds()) / 1000
	b.Latencies = append(b.Latencies, ms)
	c.s.Latencies = append(c.s.Latencies, ms)
	switch r.Cold {
	case sample.Yes:
		b.Cold++
		b.ColdOnes = append(b.ColdOnes, ms)
		c.s.Cold.Latencies = append(c.s.Cold.Latencies, ms)
	case sample.No:
		b.Warm++
		b.WarmOnes = append(b.WarmOnes, ms)
		c.s.Warm.Latencies = append(c.s.Warm.Latencies, ms)
	default:
		b.Unknown++
	}
}

func (c *collector) summary() Summary {
	s := c.s
	for _, b := range c.bursts {
		s.Bursts = append(s.Bursts, *b)
	}
	slices.SortFunc(s.Bursts, func(a, b Burst) int { return cmp.Compare(a.Number, b.Number) })
	slices.Sort(s.Latencies)
	s.Count = len(s.Latencies)
	s.Mean, s.SD = moments(s.Latencies)
	if s.Count > 0 {
		s.Min, s.Max = Of(s.Latencies[0]), Of(s.Latencies[s.Count-1])
	}
	s.P25, s.P50, s.P75 = P25.Of(s.Latencies), Median.Of(s.Latencies), P75.Of(s.Latencies)
	s.P90, s.P95 = P90.Of(s.Latencies), P95.Of(s.Latencies)
	s.P99, s.P999 = P99.Of(s.Latencies), P999.Of(s.Latencies)
	s.TMR = Ratio(s.P99, s.P50)
	s.ErrorRatio = Of(float64(s.Errors) / float64(s.Count+s.Errors))
	s.Cold.finish()
	s.Warm.finish()
	s.CI50 = QuantileInterval(s.Latencies, Median)
	s.CI99 = QuantileInterval(s.Latencies, P99)
	s.CI999 = QuantileInterval(s.Latencies, P999)
	return s
}

func (p *Split) finish() {
	slices.Sort(p.Latencies)
	p.Count = len(p.Latencies)
	p.P50, p.P99 = Median.Of(p.Latencies), P99.Of(p.Latencies)
}

// moments gives the mean and the sample standard deviation; each has no data where the sample is too small for it.
func moments(xs []float64) (mean, sd Value) {
	if m, err := stats.Mean(xs); err == nil {
		mean = Of(m)
	}
	if d, err := stats.StandardDeviationSample(xs); err == nil {
		sd = Of(d)
	}
	return mean, sd
}
