package export

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Metrics are a run's figures for a monitoring system.
type Metrics struct {
	Run      string // its id
	Provider string
	Version  string // of the stellar that measured; empty: not known
	Status   string // likewise
	Seed     string
	Started  time.Time // zero: not known
	Finished time.Time // likewise; all figures have this instant
	Subs     []SubMetrics
}

// SubMetrics are those of one sub-experiment.
type SubMetrics struct {
	Stats  analyze.Summary
	Counts *Counts
}

// The starts of an instance that requests are told apart by.
const (
	coldStart    = "cold"
	warmStart    = "warm"
	unknownStart = "unknown" // the function does not report it, or the request failed
)

// Counts counts the requests of one sub-experiment: by result, and in a histogram of latencies. Warm-up is left out.
type Counts struct {
	bounds     []time.Duration
	results    map[[2]string]int // by start and result
	histograms map[string]*histogram
}

// histogram counts latencies by the first bound that is not below them; the last place is for those above all bounds.
type histogram struct {
	buckets []int
	micros  int64 // sum
}

// NewCounts starts with no requests.
func NewCounts() *Counts {
	return &Counts{bounds: bounds(), results: map[[2]string]int{}, histograms: map[string]*histogram{}}
}

// bounds are those of the histogram's buckets: 1, 2.5 and 5 of each power of ten from 100 µs to 1000 s.
func bounds() []time.Duration {
	var all []time.Duration
	for step := 100 * time.Microsecond; step < 1000*time.Second; step *= 10 {
		all = append(all, step, step*5/2, step*5)
	}
	return append(all, 1000*time.Second)
}

// Add counts a request, whose latency counts in whole µs as in latencies.csv.
func (c *Counts) Add(s *sample.Sample) {
	if s.Warmup {
		return
	}
	start := unknownStart
	switch s.Cold {
	case sample.Yes:
		start = coldStart
	case sample.No:
		start = warmStart
	}
	result := string(s.Err)
	switch {
	case s.Err == sample.OK && s.Latency >= 0:
		result = "ok"
	case s.Err == sample.OK: // as package analyze counts it
		result = string(sample.Protocol)
	}
	c.results[[2]string{start, result}]++
	if result != "ok" {
		return
	}
	h := c.histograms[start]
	if h == nil {
		h = &histogram{buckets: make([]int, len(c.bounds)+1)}
		c.histograms[start] = h
	}
	latency := s.Latency.Round(time.Microsecond)
	at, _ := slices.BinarySearch(c.bounds, latency)
	h.buckets[at]++
	h.micros += latency.Microseconds()
}

// OpenMetrics writes the figures in the text format of OpenMetrics 1.0, which is also valid in Prometheus's own: only
// types that both have, and timestamps in whole seconds. The numbers of requests are gauges, because they do not go on
// from one run to the next. The error is the writer's.
func OpenMetrics(w io.Writer, m Metrics) error {
	o := &openMetrics{out: bufio.NewWriter(w), run: m.Run}
	if !m.Finished.IsZero() {
		o.stamp = " " + strconv.FormatInt(m.Finished.Unix(), 10)
	}
	o.family("stellar_run_info", "gauge", "", "What was run; the value is always 1.")
	o.sample("", "1", "provider", m.Provider, "version", m.Version, "seed", m.Seed, "status", m.Status)
	if !m.Started.IsZero() {
		o.family("stellar_run_start_time_seconds", "gauge", "seconds", "When the run began, in Unix time.")
		o.sample("", seconds(m.Started.Sub(time.Unix(0, 0))))
	}
	if !m.Started.IsZero() && !m.Finished.IsZero() {
		o.family("stellar_run_duration_seconds", "gauge", "seconds", "How long the run took, with all its stages.")
		o.sample("", seconds(m.Finished.Sub(m.Started)))
	}
	o.identities(m.Subs)
	o.requests(m.Subs)
	o.histograms(m.Subs)
	o.percentiles(m.Subs)
	o.values(m.Subs)
	fmt.Fprintln(o.out, "# EOF")
	if err := o.out.Flush(); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

type openMetrics struct {
	out    *bufio.Writer
	run    string
	stamp  string // of every sample, with the blank before it
	metric string // the family at hand
}

// family begins a metric. The unit is the end of its name, or empty.
func (o *openMetrics) family(name, kind, unit, help string) {
	o.metric = name
	fmt.Fprintf(o.out, "# TYPE %s %s\n", name, kind)
	if unit != "" {
		fmt.Fprintf(o.out, "# UNIT %s %s\n", name, unit)
	}
	fmt.Fprintf(o.out, "# HELP %s %s\n", name, help)
}

// sample writes one value; labels are names and values in turn, of which those without a value are left out.
func (o *openMetrics) sample(suffix, value string, labels ...string) {
	fmt.Fprintf(o.out, "%s%s{run=\"%s\"", o.metric, suffix, labelValue(o.run))
	for i := 0; i+1 < len(labels); i += 2 {
		if labels[i+1] != "" {
			fmt.Fprintf(o.out, ",%s=\"%s\"", labels[i], labelValue(labels[i+1]))
		}
	}
	fmt.Fprintf(o.out, "} %s%s\n", value, o.stamp)
}

// of are the labels of a sub-experiment.
func of(s analyze.Summary, more ...string) []string {
	return append([]string{"sub_experiment", strconv.Itoa(s.Index), "title", s.Title}, more...)
}

func (o *openMetrics) identities(subs []SubMetrics) {
	o.family("stellar_sub_experiment_info", "gauge", "", "What was measured; the value is always 1.")
	fields := analyze.IdentityFields()
	for _, s := range subs {
		var labels []string
		for i, v := range s.Stats.Values() {
			labels = append(labels, labelName(fields[i].Name), string(fields[i].AppendText(nil, v)))
		}
		o.sample("", "1", labels...)
	}
}

func (o *openMetrics) requests(subs []SubMetrics) {
	o.family("stellar_requests", "gauge", "", "Requests that were sent, by the start of the instance and by the "+
		"result: ok or the class of the error. Warm-up is left out.")
	for _, s := range subs {
		var keys [][2]string
		for key := range s.Counts.results {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b [2]string) int {
			return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1])
		})
		for _, key := range keys {
			o.sample("", strconv.Itoa(s.Counts.results[key]), of(s.Stats, "start", key[0], "result", key[1])...)
		}
	}
}

func (o *openMetrics) histograms(subs []SubMetrics) {
	o.family("stellar_request_latency_seconds", "histogram", "seconds",
		"Latencies of successful requests: first byte sent, or connection begun, to last byte received.")
	for _, s := range subs {
		for _, start := range []string{coldStart, warmStart, unknownStart} {
			h := s.Counts.histograms[start]
			if h == nil {
				continue
			}
			sum := 0
			for i, bound := range s.Counts.bounds {
				sum += h.buckets[i]
				o.sample("_bucket", strconv.Itoa(sum), of(s.Stats, "start", start, "le", boundText(bound))...)
			}
			sum += h.buckets[len(h.buckets)-1]
			o.sample("_bucket", strconv.Itoa(sum), of(s.Stats, "start", start, "le", "+Inf")...)
			o.sample("_count", strconv.Itoa(sum), of(s.Stats, "start", start)...)
			o.sample("_sum", seconds(time.Duration(h.micros)*time.Microsecond), of(s.Stats, "start", start)...)
		}
	}
}

// percentiles are exact ones of all latencies: those of a histogram are only as good as its buckets.
func (o *openMetrics) percentiles(subs []SubMetrics) {
	type one struct {
		start, percentile string
		value             analyze.Value
	}
	const name = "stellar_request_latency_percentile"
	o.family(name+"_seconds", "gauge", "seconds",
		"Percentiles of the latencies of successful requests, nearest rank. The start is all, cold or warm.")
	for _, s := range subs {
		t := s.Stats
		for _, v := range []one{{"all", "50", t.P50}, {"all", "95", t.P95}, {"all", "99", t.P99},
			{"all", "99.9", t.P999}, {coldStart, "50", t.Cold.P50}, {coldStart, "99", t.Cold.P99},
			{warmStart, "50", t.Warm.P50}, {warmStart, "99", t.Warm.P99}} {
			if v.value.OK {
				o.sample("", milliseconds(v.value), of(t, "start", v.start, "percentile", v.percentile)...)
			}
		}
	}
	for _, end := range []struct {
		name, help string
		of         func(analyze.Interval) analyze.Value
	}{
		{"low", "Lower ends", func(i analyze.Interval) analyze.Value { return i.Low }},
		{"high", "Upper ends", func(i analyze.Interval) analyze.Value { return i.High }},
	} {
		o.family(name+"_ci_"+end.name+"_seconds", "gauge", "seconds",
			end.help+" of the 95 % confidence intervals of these percentiles.")
		for _, s := range subs {
			for _, v := range []one{{"all", "50", end.of(s.Stats.CI50)}, {"all", "99", end.of(s.Stats.CI99)}} {
				if v.value.OK {
					o.sample("", milliseconds(v.value), of(s.Stats, "start", v.start, "percentile", v.percentile)...)
				}
			}
		}
	}
}

// values are single figures of a sub-experiment.
func (o *openMetrics) values(subs []SubMetrics) {
	for _, v := range []struct {
		name, unit, help string
		of               func(analyze.Summary) analyze.Value
	}{
		{"stellar_requests_unsent", "", "Requests of a sustained load that were due and never sent.",
			func(s analyze.Summary) analyze.Value { return s.Client.Measured(s.Client.Unsent) }},
		{"stellar_instances", "", "Instances that answered, as far as the rows name them.",
			func(s analyze.Summary) analyze.Value { return s.Instances.Count }},
		{"stellar_cost_per_million_requests_usd", "usd", "What a million such requests cost, where prices are known.",
			func(s analyze.Summary) analyze.Value { return s.CostPerMillion }},
	} {
		known := func(s SubMetrics) bool { return v.of(s.Stats).OK }
		if !slices.ContainsFunc(subs, known) {
			continue
		}
		o.family(v.name, "gauge", v.unit, v.help)
		for _, s := range subs {
			if known(s) {
				o.sample("", strconv.FormatFloat(v.of(s.Stats).V, 'g', -1, 64), of(s.Stats)...)
			}
		}
	}
}

// milliseconds is a value in ms, in seconds.
func milliseconds(v analyze.Value) string {
	return seconds(time.Duration(v.V*1e3+0.5) * time.Microsecond)
}

// seconds is a duration in seconds, exact to the µs.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Round(time.Microsecond).Microseconds())/1e6, 'f', -1, 64)
}

// boundText is a bucket's bound in the canonical form of OpenMetrics: whole numbers have a decimal.
func boundText(d time.Duration) string {
	text := seconds(d)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// labelName makes the name of a label of a column's: small letters, digits and underscores.
func labelName(column string) string {
	words := strings.FieldsFunc(strings.ToLower(column), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "_")
}

// labelValue escapes what the format does not allow between quotes. Invalid UTF-8 becomes U+FFFD.
func labelValue(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(text, "\ufffd"))
}
