package pipeline

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"stellar/src/analyze"
	"stellar/src/fail"
	"stellar/src/report"
	"stellar/src/run"
)

// Outcome is what a run brought.
type Outcome struct {
	ID        string
	Dir       string
	Kept      bool // functions are left up
	Functions []*run.Function
	Results   []run.Result
	Summaries []analyze.Summary
	Missed    []string // thresholds
}

func (j *job) outcome(r *run.Run, kept bool) *Outcome {
	return &Outcome{ID: r.ID, Dir: r.Dir, Kept: kept, Functions: r.Functions, Results: r.Results, Summaries: j.summaries,
		Missed: thresholds(r.Experiment, j.summaries)}
}

// problem is what keeps the outcome from being a full success: failed sub-experiments, then missed thresholds.
func (o *Outcome) problem() error {
	var stopped []error
	for _, res := range o.Results {
		if res.Stopped != nil {
			stopped = append(stopped, fmt.Errorf("%s: %w", filepath.Base(res.Dir), res.Stopped))
		}
	}
	if len(stopped) > 0 {
		return fail.With(fail.CodePartial, "%d of %d sub-experiments failed: %w", len(stopped), len(o.Results), errors.Join(stopped...)).
			WithHint("what they measured until then is in %s", o.Dir)
	}
	if len(o.Missed) > 0 {
		return fail.With(fail.CodeThreshold, "thresholds missed:\n%s", strings.Join(o.Missed, "\n"))
	}
	return nil
}

// Print writes the summary table and where everything is. Width is that of the terminal in columns, 0 where unknown.
func (o *Outcome) Print(w io.Writer, width int) error {
	if len(o.Summaries) > 0 {
		if err := report.Summary(w, o.Summaries, report.SummaryOptions{Width: width}); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nresults     %s\nstatistics  %s\nplots       %s\n", o.Dir, filepath.Join(o.Dir, "statistics.csv"), filepath.Join(o.Dir, report.CDFFile))
	}
	if !o.Kept {
		return nil
	}
	for _, f := range o.Functions {
		if f.Endpoint != nil {
			fmt.Fprintf(w, "%-8s %s\n", f.Name, f.Endpoint.URL)
		}
	}
	fmt.Fprintf(w, "\nthe functions are up. To probe them:   stellar probe %s\nTo remove them:                        stellar remove %s\n", o.Dir, o.Dir)
	return nil
}

// OutcomeJSON is an outcome for scripts.
type OutcomeJSON struct {
	ID        string          `json:"id"`
	Dir       string          `json:"dir"`
	Kept      bool            `json:"kept"`
	Endpoints []*run.Endpoint `json:"endpoints,omitempty"`
	Results   []report.Row    `json:"results"`
	Missed    []string        `json:"missedThresholds,omitempty"`
}

// JSON is the outcome for scripts; endpoints only where they are still up.
func (o *Outcome) JSON() OutcomeJSON {
	out := OutcomeJSON{ID: o.ID, Dir: o.Dir, Kept: o.Kept, Results: report.Rows(o.Summaries), Missed: o.Missed}
	for _, f := range o.Functions {
		if o.Kept && f.Endpoint != nil {
			out.Endpoints = append(out.Endpoints, f.Endpoint)
		}
	}
	return out
}
