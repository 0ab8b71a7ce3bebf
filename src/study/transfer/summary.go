package transfer

import (
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// StatisticsFile is what a summary writes into the sub-experiment's folder, over one that is there.
const StatisticsFile = "data-transfers-statistics.csv"

// Summarize reads latencies.csv, data-transfers.csv and the run's record. It writes bursts.csv and
// data-transfers-statistics.csv.
func (s Study) Summarize(dir string) (study.Summary, error) { return study.SummarizeFolder(s, dir) }

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	of, err := study.SubExperiment(rec, dir)
	if err != nil {
		return study.Summary{}, err
	}
	sum, rows, sub, err := study.FromTable(rec, dir, func(dir string) ([]sample.Transfer, error) {
		return sample.ReadTransfers(dir, of.ChainFunctions())
	})
	if err != nil || sub == nil {
		return sum, err
	}
	t := analyze.DescribeTransfers(rows, callersOf(sub.ChainFunctions()-1, sub.Fan), way(sub), sub.PayloadLengthBytes)
	sum.Latencies.Transfers = t
	sum.Latencies.Findings = append(sum.Latencies.Findings, t.Findings()...)
	return sum, study.WriteTable(filepath.Join(dir, StatisticsFile), t.Write)
}

// way is how payloads go.
func way(sub *experiment.SubExperiment) string {
	if sub.StorageTransfer {
		return analyze.Storage
	}
	return analyze.Inline
}
