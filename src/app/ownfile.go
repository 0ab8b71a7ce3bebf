package app

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// refuseOwn refuses to write to a file that belongs to a run: an existing one below a run's folder that the run has
// made, or one that is read.
func refuseOwn(file string, read ...string) error {
	const hint = "name a file outside the run's folder; what was measured is never written over"
	info, err := os.Stat(file)
	if err != nil {
		return nil // a new one
	}
	for _, path := range read {
		if other, err := os.Stat(path); err == nil && os.SameFile(info, other) {
			return fail.Input("%s is itself what is read", file).WithHint(hint)
		}
	}
	real, err := filepath.EvalSymlinks(file)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return fail.Input("write %s: %w", file, err)
	}
	own := []string{run.RecordFile, run.GivenFile, run.EffectiveFile, run.JournalFile, study.LatenciesFile,
		pipeline.StatisticsFile, pipeline.PricesFile, report.ComparisonFile}
	dir := filepath.Dir(real)
	for deep := range 4 {
		if _, err := os.Stat(filepath.Join(dir, run.RecordFile)); err == nil {
			if deep > 0 || slices.Contains(own, filepath.Base(real)) {
				return fail.Input("%s is a file of the run %s itself", file, filepath.Base(dir)).WithHint(hint)
			}
			return nil
		}
		dir = filepath.Dir(dir)
	}
	return nil
}
