package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// tune recommends memory sizes where the file asks for that: one for each combination of what else differs between the
// sub-experiments.
func (s *reporter) tune(sums []analyze.Summary) error {
	var lines []string
	groups := map[string][]analyze.Summary{}
	axes, err := s.axes()
	if err != nil {
		return err
	}
	for _, sum := range sums {
		if s.sub(sum.Index).Optimize == "" {
			continue
		}
		line := tuningLine(axes, sum.Index)
		if groups[line] == nil {
			lines = append(lines, line)
		}
		groups[line] = append(groups[line], sum)
	}
	var errs []error
	for _, line := range lines {
		t, err := s.tuning(groups[line])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.Line = line
		s.out.Tunings = append(s.out.Tunings, t)
	}
	s.drawing.Tunings(s.dir, s.out.Tunings)
	return errors.Join(errs...)
}

// tuningLine is the name of the combination for which a sub-experiment's memory is one of the sizes: the title that the
// sizes share, where there are several, and what else is varied.
func tuningLine(axes []analyze.Axis, sub int) string {
	line := analyze.LineName(axes, experiment.OptimizedKey, sub)
	for _, a := range axes {
		if a.Key == experiment.OptimizedKey && a.Group != "" && slices.Contains(a.Members, sub) {
			return strings.TrimSuffix(a.Group+", "+line, ", ")
		}
	}
	return line
}

func (s *reporter) sub(i int) *experiment.SubExperiment { return &s.rec.Experiment.SubExperiments[i] }

// tuning recommends one of the memory sizes of some sub-experiments, which agree in everything else.
func (s *reporter) tuning(sums []analyze.Summary) (analyze.Tuning, error) {
	var sizes []*analyze.Size
	for _, sum := range sums {
		size := analyze.NewSize(s.sub(sum.Index).FunctionMemoryMB, sum.Index)
		if err := readRows(filepath.Join(s.folder(sum.Index), study.LatenciesFile), size.Add); err != nil {
			return analyze.Tuning{}, err
		}
		sizes = append(sizes, size)
	}
	sub := s.sub(sums[0].Index)
	return analyze.Tune(sizes, sub.Optimize, sub.BalancedWeight, analyze.Resampling{Seed: uint64(s.rec.Seed)}), nil
}

// readRows hands over the rows of a file; none where it is not there, as of a sub-experiment that never began.
func readRows(path string, do func(*sample.Sample)) error {
	f, err := wholefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, path)
	if err != nil {
		return err
	}
	rows.OmitRequestIDs()
	return rows.Each(do)
}
