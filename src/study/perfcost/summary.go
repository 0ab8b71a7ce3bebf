package perfcost

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// StatisticsFile is the table of statistics that a summary writes into the sub-experiment's folder.
const StatisticsFile = "perf-cost-statistics.csv"

// Summarize reads latencies.csv, perf-cost.csv and the run's record. It writes perf-cost-statistics.csv, and
// perf-cost.csv anew with what the platform has reported of the requests since.
func (s Study) Summarize(dir string) (study.Summary, error) {
	return study.SummarizeFolder(s, dir)
}

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, rows, sub, err := study.FromTable(rec, dir, sample.ReadPerfCosts)
	if err != nil || sub == nil {
		return sum, err
	}
	if rows, err = sample.JoinPerfCosts(rows, filepath.Join(dir, study.LatenciesFile)); err != nil {
		return sum, err
	}
	if err := sample.RewritePerfCosts(filepath.Join(dir, sample.PerfCostFile), rows); err != nil {
		return sum, err
	}
	table := described(rows, sub.MemorySizesMB, sub.Repetitions*max(sub.Parallelism, 1))
	sum.Latencies.Findings = append(sum.Latencies.Findings, findings(table)...)
	return sum, study.WriteTable(filepath.Join(dir, StatisticsFile), func(w io.Writer) error {
		return analyze.WriteDescriptions(w, table)
	})
}

// metric is a column of perf-cost.csv that has statistics.
type metric struct {
	name string
	of   func(*sample.PerfCost) (float64, bool)
}

func metrics() []metric {
	ms := func(of func(*sample.Sample) time.Duration) func(*sample.PerfCost) (float64, bool) {
		return func(p *sample.PerfCost) (float64, bool) {
			d := of(&p.Row)
			return float64(d.Microseconds()) / 1000, d >= 0
		}
	}
	return []metric{
		{clientTime, ms(func(s *sample.Sample) time.Duration { return s.Latency })},
		{"exec_time (ms)", ms(func(s *sample.Sample) time.Duration { return s.Service })},
		{"provider_time (ms)", ms(func(s *sample.Sample) time.Duration { return s.ProviderDuration })},
		{"billed_time (ms)", ms(func(s *sample.Sample) time.Duration { return s.Billed })},
		{"gb_seconds", (*sample.PerfCost).GBSeconds},
	}
}

const clientTime = "client_time (ms)"

// described is a line for each memory size, type and metric, from the invocations that were as wanted.
func described(rows []sample.PerfCost, sizes []int, wanted int) (table []analyze.DescriptionRow) {
	for _, memory := range sizes {
		for _, name := range []string{Cold, Warm, Sequential, Burst} {
			for _, m := range metrics() {
				var values []float64
				for i := range rows {
					r := &rows[i]
					if r.MemoryMB != memory || r.Type != name || !r.Obtained() {
						continue
					}
					if v, ok := m.of(r); ok {
						values = append(values, v)
					}
				}
				table = append(table, analyze.DescriptionRow{MemoryMB: memory, Type: name, Metric: m.name,
					Wanted: wanted, Description: analyze.Describe(values)})
			}
		}
	}
	return table
}

// findings is a sentence for each memory size and type.
func findings(table []analyze.DescriptionRow) (out []string) {
	for _, r := range table {
		if r.Metric != clientTime {
			continue
		}
		line := fmt.Sprintf("%d MB %s: ", r.MemoryMB, r.Type)
		if r.Count == 0 {
			out = append(out, line+fmt.Sprintf("none of %d invocations was measured", r.Wanted))
			continue
		}
		line += fmt.Sprintf("mean %s ms%s, median %s ms%s", r.Mean.Format(2), interval(r.Mean95), r.Median.Format(2),
			interval(r.Median95))
		if r.CV.OK {
			line += ", CV " + r.CV.Format(2)
		}
		line += fmt.Sprintf(", n = %d", r.Count)
		if r.Count < r.Wanted {
			line += fmt.Sprintf(" of %d: the others were not measured", r.Wanted)
		}
		out = append(out, line)
	}
	return out
}

// interval is one at 95 % in brackets; empty where there is none.
func interval(i analyze.Interval) string {
	if !i.OK() {
		return ""
	}
	return fmt.Sprintf(" (95 %%: %s to %s)", i.Low.Format(2), i.High.Format(2))
}
