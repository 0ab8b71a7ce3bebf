package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// compare writes how latencies depend on what differs between the sub-experiments: a table and a plot for each axis.
// A run whose sub-experiments do not differ has nothing to compare.
func (s *reporter) compare(sums []analyze.Summary) error {
	axes, err := s.axes()
	if err != nil || len(sums) < 2 {
		return err
	}
	s.out.Comparisons = analyze.Compare(sums, axes)
	if len(s.out.Comparisons) == 0 {
		return nil
	}
	for i := range s.out.Comparisons {
		s.out.Comparisons[i].Order = s.rec.Experiment.Ordering()
	}
	f, err := os.Create(filepath.Join(s.dir, report.ComparisonFile))
	if err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	err = errors.Join(report.WriteComparisonCSV(f, s.out.Comparisons), f.Close())
	s.drawing.Comparisons(s.dir, s.out.Comparisons)
	return err
}

// axes are the keys in which the sub-experiments differ.
func (s *reporter) axes() ([]analyze.Axis, error) {
	axes, err := s.rec.Experiment.Axes()
	var found []analyze.Axis
	for _, a := range axes {
		found = append(found, analyze.Axis(a))
	}
	return found, err
}
