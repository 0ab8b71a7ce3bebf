package eviction

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze/survival"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// The files that a summary writes into the sub-experiment's folder, over those that are there.
const (
	CurveFile      = "survival.csv"
	StatisticsFile = "eviction-statistics.csv"
)

// Summarize reads latencies.csv, eviction.csv and the run's record. It writes survival.csv and
// eviction-statistics.csv.
func (s Study) Summarize(dir string) (study.Summary, error) {
	return study.SummarizeFolder(s, dir)
}

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, rows, sub, err := study.FromTable(rec, dir, sample.ReadEvictions)
	if err != nil || sub == nil {
		return sum, err
	}
	if len(sub.EvictionSeconds) == 0 {
		return sum, fail.Input("%s: its experiment has no EvictionSeconds", dir)
	}
	result := analyzed(rows, sub)
	if result.Took, result.Cost, err = spent(dir); err != nil {
		return sum, err
	}
	sum.Latencies.Survival, sum.Latencies.Findings = &result, append(sum.Latencies.Findings, result.Findings()...)
	return sum, errors.Join(study.WriteTable(filepath.Join(dir, CurveFile), result.WriteCurve),
		study.WriteTable(filepath.Join(dir, StatisticsFile), result.WriteStatistics))
}

// analyzed is what the waits say.
func analyzed(rows []sample.Eviction, sub *experiment.SubExperiment) (out survival.Result) {
	var trials []survival.Trial
	endpoints := map[string]bool{}
	for i := range rows {
		endpoints[rows[i].Endpoint] = true
		if t, ok := trial(&rows[i]); ok {
			trials = append(trials, t)
		} else {
			out.Unanswered++
		}
	}
	low, high := span(sub)
	out.Curve, out.Fit = survival.Curve(trials), survival.FitTrials(trials, low, high)
	out.Functions = len(endpoints)
	return out
}

// spent is how long the requests of a folder took in all, and what they cost; NaN where one has no cost.
func spent(dir string) (took time.Duration, usd float64, err error) {
	f, err := wholefile.Open(filepath.Join(dir, study.LatenciesFile))
	if err != nil {
		return 0, 0, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		return 0, 0, err
	}
	var first, last time.Time
	var row sample.Sample
	for {
		switch err := rows.Read(&row); {
		case errors.Is(err, io.EOF):
			if first.IsZero() {
				return 0, math.NaN(), nil
			}
			return last.Sub(first), usd, nil
		case err != nil:
			return 0, 0, err
		}
		usd += row.Cost
		if first.IsZero() || row.SentAt.Before(first) {
			first = row.SentAt
		}
		for _, t := range []time.Time{row.SentAt, row.ReceivedAt} {
			if t.After(last) {
				last = t
			}
		}
	}
}
