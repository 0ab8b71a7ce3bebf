package study

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Names of the statistics of streamed responses and of events in a sub-experiment's folder.
const (
	StreamStatisticsFile = "streams-statistics.csv"
	EventStatisticsFile  = "events-statistics.csv"
)

// summarizeEntry adds to a summary the statistics of the table that the sub-experiment's entry has beside
// latencies.csv, and writes them, over those that are there. Other entries have none.
func summarizeEntry(sum *Summary, sub *experiment.SubExperiment, dir string) error {
	read, file := sample.ReadStreams, StreamStatisticsFile
	switch {
	case sub.Streamed():
	case sub.Entry == experiment.EntryAsync:
		read, file = sample.ReadEvents, EventStatisticsFile
	default:
		return nil
	}
	columns, requests, err := read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it stopped before its first row, or before the events' ends were known
	}
	if err != nil {
		return err
	}
	var numbers []analyze.Number
	for _, c := range columns {
		n := analyze.DescribeNumber(c.Name, c.Unit, c.Values)
		numbers = append(numbers, n)
		if n.Description.Count > 0 {
			sum.Latencies.Findings = append(sum.Latencies.Findings, n.Finding())
		}
	}
	return WriteTable(filepath.Join(dir, file), func(w io.Writer) error {
		return analyze.WriteNumbers(w, numbers, requests)
	})
}
