package overhead

import (
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// StatisticsFile is the table of statistics that a summary writes into the sub-experiment's folder.
const StatisticsFile = "invocation-overhead-statistics.csv"

// Summarize reads latencies.csv, invocation-overhead.csv and the run's record. It writes
// invocation-overhead-statistics.csv, over one that is there.
func (s Study) Summarize(dir string) (study.Summary, error) { return study.SummarizeFolder(s, dir) }

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, rows, sub, err := study.FromTable(rec, dir, sample.ReadOverheads)
	if err != nil || sub == nil {
		return sum, err
	}
	o := analyze.DescribeOverhead(sub.OverheadType, sub.OverheadSizes(), sub.Repetitions*max(sub.Parallelism, 1), rows)
	sum.Latencies.Overhead, sum.Latencies.Findings = o, o.Findings()
	return sum, study.WriteTable(filepath.Join(dir, StatisticsFile), o.Write)
}
