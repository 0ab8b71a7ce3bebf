package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	Rows      []report.Row // one per sub-experiment that was probed

	Comparisons []analyze.Comparison // along what differs between the sub-experiments
}

func (j *job) outcome(r *run.Run, kept bool) *Outcome {
	out := &Outcome{ID: r.ID, Dir: r.Dir, Kept: kept, Functions: r.Functions, Results: r.Results, Comparisons: j.comparisons}
	for _, sum := range j.summaries {
		row := report.Row{Stats: sum, Dir: folder(r, sum.Index),
			Missed: analyze.Thresholds(r.Experiment.SubExperiments[sum.Index].Thresholds, sum)}
		for _, res := range r.Results {
			if res.Sub == sum.Index && res.Stopped != nil {
				row.Note = res.Stopped.Error()
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
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
			WithHint("what they measured is in %s, the functions' own logs in its folder %s where the platform is local", o.Dir, logsFolder)
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

// Print writes the summary table and where everything is. Width is that of the terminal in columns, 0 where unknown.
func (o *Outcome) Print(w io.Writer, width int) error {
	if len(o.Rows) > 0 {
		if err := report.Summary(w, o.Rows, report.SummaryOptions{Width: width}); err != nil {
			return err
		}
		if err := report.Comparisons(w, o.Comparisons); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nresults     %s\nstatistics  %s\n", o.Dir, filepath.Join(o.Dir, "statistics.csv"))
		if cdf := filepath.Join(o.Dir, report.CDFFile); drawn(cdf) {
			fmt.Fprintf(w, "plots       %s, and in each sub-experiment's folder\n", cdf)
		}
		for _, c := range o.Comparisons {
			if plot := filepath.Join(o.Dir, report.ComparisonPlot(c.Axis.Key)); drawn(plot) {
				fmt.Fprintf(w, "comparison  %s\n", plot)
			}
		}
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

// drawn says whether there is a plot: where nothing succeeded there is nothing to draw.
func drawn(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// outcomeJSON is an outcome for scripts.
type outcomeJSON struct {
	ID        string          `json:"id"`
	Dir       string          `json:"dir"`
	Kept      bool            `json:"kept"`
	Endpoints []*run.Endpoint `json:"endpoints,omitempty"` // only where they are still up
	Summary   json.RawMessage `json:"summary"`
}

// MarshalJSON is the outcome for scripts.
func (o *Outcome) MarshalJSON() ([]byte, error) {
	var sum bytes.Buffer
	if err := report.Summary(&sum, o.Rows, report.SummaryOptions{JSON: true}); err != nil {
		return nil, err
	}
	out := outcomeJSON{ID: o.ID, Dir: o.Dir, Kept: o.Kept, Summary: sum.Bytes()}
	for _, f := range o.Functions {
		if o.Kept && f.Endpoint != nil {
			out.Endpoints = append(out.Endpoints, f.Endpoint)
		}
	}
	return json.Marshal(out)
}
