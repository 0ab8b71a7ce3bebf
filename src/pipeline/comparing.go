package pipeline

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
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
	err = wholefile.Replace(filepath.Join(s.dir, report.ComparisonFile), func(w io.Writer) error {
		return report.WriteComparisonCSV(w, s.out.Comparisons)
	})
	if err != nil {
		err = fmt.Errorf("write the comparison: %w", err)
	}
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
