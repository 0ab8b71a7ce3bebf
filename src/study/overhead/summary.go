package overhead

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"stellar/src/analyze"
	"stellar/src/run"
	"stellar/src/sample"
	"stellar/src/study"
)

// StatisticsFile is the table of statistics that a summary writes into the sub-experiment's folder.
const StatisticsFile = "invocation-overhead-statistics.csv"

// Summarize reads latencies.csv, invocation-overhead.csv and the run's record. It writes
// invocation-overhead-statistics.csv, over one that is there.
func (s Study) Summarize(dir string) (study.Summary, error) { return study.SummarizeFolder(s, dir) }

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, err := study.FromLatencies{}.SummarizeWith(rec, dir)
	if err != nil {
		return sum, err
	}
	rows, err := sample.ReadOverheads(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return sum, nil // it stopped before its first row
	}
	if err != nil {
		return sum, err
	}
	sub, err := study.SubExperiment(rec, dir)
	if err != nil {
		return sum, err
	}
	o := analyze.DescribeOverhead(sub.OverheadType, sub.OverheadSizes(), sub.Repetitions*max(sub.Parallelism, 1), rows)
	sum.Latencies.Overhead, sum.Latencies.Findings = o, o.Findings()
	f, err := os.Create(filepath.Join(dir, StatisticsFile))
	if err != nil {
		return sum, fmt.Errorf("write statistics: %w", err)
	}
	return sum, errors.Join(o.Write(f), f.Close())
}
