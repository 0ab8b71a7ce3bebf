package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Outcome is what a run brought.
type Outcome struct {
	ID        string
	Dir       string
	Page      string // its report.html; empty: nothing was measured
	PageOnly  bool   // nothing but the page was written: the folder is another tool's
	Kept      bool   // functions are left up
	Functions []*run.Function
	Results   []run.Result
	Rows      []report.Row // one per sub-experiment that was probed

	Comparisons []analyze.Comparison // along what differs between the sub-experiments
	Tunings     []analyze.Tuning     // memory sizes that are recommended, where the file asks for that

	Rerun *Rerun // where an archived run was run again: how far it is the same
}

func (j *job) outcome(r *run.Run, kept bool) *Outcome {
	out := &Outcome{ID: r.ID, Dir: r.Dir, Kept: kept, Functions: r.Functions, Results: r.Results,
		Comparisons: j.Comparisons(), Tunings: j.Tunings()}
	out.addRows(r.Experiment, j.Summaries())
	return out
}

// addRows adds a row for each summary, with what its result and the experiment say of it.
func (o *Outcome) addRows(exp *experiment.Experiment, sums []analyze.Summary) {
	for _, sum := range sums {
		row := report.Row{Stats: sum, Missed: analyze.Thresholds(exp.SubExperiments[sum.Index].Thresholds, sum)}
		for _, res := range o.Results {
			if res.Sub != sum.Index {
				continue
			}
			row.Dir, row.Note = res.Dir, res.Cut
			if res.Stopped != nil {
				row.Note = res.Stopped.Error()
			}
		}
		o.Rows = append(o.Rows, row)
	}
}

// problem is what keeps the outcome from being a full success: failed sub-experiments, then missed thresholds. Without
// an outcome there is none.
func (o *Outcome) problem() error {
	if o == nil {
		return nil
	}
	var stopped []error
	for _, res := range o.Results {
		if res.Stopped != nil {
			stopped = append(stopped, fmt.Errorf("%s: %w", filepath.Base(res.Dir), res.Stopped))
		}
	}
	if len(stopped) > 0 {
		return fail.With(fail.CodePartial, "%d of %d sub-experiments failed: %w", len(stopped), len(o.Results),
			errors.Join(stopped...)).
			WithHint("%s", o.whereMore())
	}
	var missed []string
	for _, row := range o.Rows {
		for _, m := range row.Missed {
			missed = append(missed, fmt.Sprintf("SubExperiments[%d] %s: %s", row.Stats.Index, row.Stats.Title, m))
		}
	}
	if len(missed) > 0 {
		return fail.With(fail.CodeThreshold, "thresholds missed:\n%s", strings.Join(missed, "\n"))
	}
	return nil
}

// whereMore says where a failed run's rows and logs are.
func (o *Outcome) whereMore() string {
	text := "what they measured is in " + o.Dir
	if _, err := os.Stat(filepath.Join(o.Dir, pipeline.LogsFolder)); err == nil {
		text += ", the functions' own logs in its folder " + pipeline.LogsFolder
	}
	return text
}

// outcomeJSON is an outcome for scripts.
type outcomeJSON struct {
	ID        string          `json:"id"`
	Dir       string          `json:"dir"`
	Kept      bool            `json:"kept"`
	Endpoints []*run.Endpoint `json:"endpoints,omitempty"` // only where they are still up
	Summary   json.RawMessage `json:"summary"`
	// memory sizes that are recommended
	Tunings []analyze.Tuning `json:"memory_tuning,omitempty"`
	Rerun   *Rerun           `json:"rerun,omitempty"`
}

// MarshalJSON is the outcome for scripts.
func (o *Outcome) MarshalJSON() ([]byte, error) {
	var sum bytes.Buffer
	if err := report.Summary(&sum, o.Rows, report.SummaryOptions{JSON: true}); err != nil {
		return nil, err
	}
	out := outcomeJSON{ID: o.ID, Dir: o.Dir, Kept: o.Kept, Summary: sum.Bytes(), Tunings: o.Tunings,
		Rerun: o.Rerun}
	for _, f := range o.Functions {
		if o.Kept && f.Endpoint != nil {
			out.Endpoints = append(out.Endpoints, f.Endpoint)
		}
	}
	return json.Marshal(out)
}
