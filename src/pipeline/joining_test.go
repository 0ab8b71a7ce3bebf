package pipeline

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

func TestLogBytes(t *testing.T) {
	for _, c := range []struct {
		bursts, parallelism int
		asked               bool
		want                int64
	}{
		{1_000_000, 1, false, 0},          // nobody asks for reports
		{1000, 1, true, 0},                // the default holds them
		{20_000, 1, true, 2 * 20_480_000}, // as much again, because half may be gone
		{20_000, 10, true, 0},             // each function has a log of its own
		{100_000_000, 1, true, maxLogBytes},
	} {
		e := &experiment.Experiment{SubExperiments: []experiment.SubExperiment{{Type: experiment.TypeBurst,
			Bursts: c.bursts, BurstSizes: []int{1}, Parallelism: c.parallelism, ProviderReport: c.asked}}}
		if got := logBytes(e); got != c.want || got != 0 && got <= local.DefaultLogBytes {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestReportsAreReadForThoseThatNeedThem: with ProviderReport, and on the local platform for functions that do not say
// whether they were cold.
func TestReportsAreReadForThoseThatNeedThem(t *testing.T) {
	for name, c := range map[string]struct {
		local, asked bool
		cold         sample.Tri
		rows         int
		table        bool // latencies.csv is there
		want         bool
	}{
		"asked for":                                {false, true, sample.No, 1, true, true},
		"not asked for":                            {false, false, sample.Unknown, 1, true, false},
		"a function of one's own, locally":         {true, false, sample.Unknown, 1, true, true},
		"the measurement function, locally":        {true, false, sample.No, 1, true, false},
		"a type without rows in latencies.csv":     {true, true, sample.No, 9, false, false},
		"a sub-experiment that sent nothing":       {true, true, sample.No, 0, true, false},
		"asked for of the measurement function":    {true, true, sample.No, 1, true, true},
		"a function of one's own, without a table": {true, false, sample.Unknown, 1, false, false},
	} {
		dir := t.TempDir()
		if c.table {
			w, err := sample.Create(filepath.Join(dir, study.LatenciesFile))
			if err != nil {
				t.Fatal(err)
			}
			row := sample.Empty()
			row.Cold = c.cold
			w.AppendRow(&row)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		kind := map[bool]string{true: "local", false: "aws"}[c.local]
		r := &run.Run{Experiment: &experiment.Experiment{Provider: kind,
			SubExperiments: []experiment.SubExperiment{{ProviderReport: c.asked}}},
			Results: []run.Result{{Dir: dir, Rows: c.rows}}}
		s := joinStage{connector: &connector{config: Config{Options: Options{Serverless: true}}},
			row: provider.Provider{Local: c.local}}
		got, err := s.wanted(r)
		if err != nil || (len(got) == 1) != c.want {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
		if skipped := s.Skip(r); (skipped == "") != c.want || !c.want && !strings.Contains(skipped, "ProviderReport") {
			t.Errorf("%s: skipped because of %q", name, skipped)
		}
	}
}
