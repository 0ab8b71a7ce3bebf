package app

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// mostPastRows is the largest number of rows of a run that a history reads. A hundred thousand rows take a seventh of a
// second of processor time; with these, a year of weekly runs takes a second and a half.
const mostPastRows = 20_000

// rowsArePast reports whether a history reads the rows of a run.
func rowsArePast(rec *run.Record) bool {
	n := 0
	for _, res := range rec.Results {
		n += res.Rows
	}
	return n <= mostPastRows
}

// openPast unpacks what a history reads of an archive.
func openPast(name, path string) (*OpenedRun, error) {
	few := func(file string) bool {
		base := filepath.Base(file)
		return base == run.RecordFile || base == statisticsFile
	}
	opened, err := openArchive(name, path, few)
	if err != nil {
		return nil, err
	}
	rec, err := run.ReadRecord(opened.Dir)
	if err != nil || !rowsArePast(rec) {
		return opened, nil //nolint:nilerr // who reads the record says it
	}
	if err := opened.Close(); err != nil {
		return nil, err
	}
	return openArchive(name, path, func(file string) bool {
		return few(file) || filepath.Base(file) == study.LatenciesFile
	})
}

// respectBursts gives sub-experiments of which all rows are there the intervals that take whole bursts as independent,
// as comparisons do. Others keep those of statistics.csv. The error is that of a canceled context.
func respectBursts(ctx context.Context, dir string, rec *run.Record, subs []history.Sub) error {
	if !rowsArePast(rec) {
		return nil
	}
	for _, res := range rec.Results {
		i := res.SubExperiment
		if i < 0 || i >= len(subs) || subs[i].Failed != "" {
			continue
		}
		rows, err := readRows(ctx, filepath.Join(dir, filepath.Base(res.Folder), study.LatenciesFile), "")
		if cause := ctx.Err(); cause != nil {
			return errors.Join(cause, err)
		}
		if err != nil || rows.Rows == 0 || rows.Rows != res.Rows {
			continue // the statistics are of other rows, or of rows that can no longer be read
		}
		s := &subs[i].Stats
		s.CI50, s.CI99 = wholeBursts(rows, analyze.All)
		s.Cold.CI50, s.Cold.CI99 = wholeBursts(rows, analyze.ColdPart)
		s.Warm.CI50, s.Warm.CI99 = wholeBursts(rows, analyze.WarmPart)
		subs[i].WholeBursts = true
	}
	return nil
}

func wholeBursts(rows change.Sub, part analyze.Part) (p50, p99 analyze.Interval) {
	of := func(e analyze.Estimate) analyze.Interval { return analyze.Interval{Low: e.Low, High: e.High} }
	median, tail := rows.Intervals(part)
	return of(median), of(tail)
}
