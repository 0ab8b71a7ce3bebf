package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stellar/src/analyze"
	"stellar/src/report"
	"stellar/src/run"
)

// compare writes how latencies depend on what differs between the sub-experiments: a table and a plot for each axis.
// A run whose sub-experiments do not differ has nothing to compare.
func (s reportStage) compare(ctx context.Context, r *run.Run, sums []analyze.Summary) error {
	axes, err := r.Experiment.Axes()
	if err != nil || len(sums) < 2 {
		return err
	}
	var found []analyze.Axis
	for _, a := range axes {
		found = append(found, analyze.Axis{Key: a.Key, Unit: a.Unit, Labels: a.Labels, Values: a.Values})
	}
	s.out.comparisons = analyze.Compare(sums, found)
	if len(s.out.comparisons) == 0 {
		return nil
	}
	f, err := os.Create(filepath.Join(r.Dir, report.ComparisonFile))
	if err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	err = errors.Join(report.WriteComparisonCSV(f, s.out.comparisons), f.Close())
	plots, perr := report.WriteComparisons(ctx, r.Dir, s.out.comparisons)
	s.tellSkipped(plots)
	return errors.Join(err, perr)
}
