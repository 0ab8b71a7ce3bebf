package cli

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// printOutcome writes the summary table and where everything is.
func printOutcome(w io.Writer, o *app.Outcome, look report.SummaryOptions) error {
	if len(o.Rows) > 0 {
		if err := report.Summary(w, o.Rows, look); err != nil {
			return err
		}
		if err := report.Comparisons(w, o.Comparisons, look); err != nil {
			return err
		}
		if err := report.Tunings(w, o.Tunings, look); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nresults     %s\n", o.Dir)
		if o.PageOnly {
			return nil
		}
		fmt.Fprintf(w, "statistics  %s\n", filepath.Join(o.Dir, "statistics.csv"))
		if cdf := report.Drawn(o.Dir, report.CDFFile); cdf != "" {
			fmt.Fprintf(w, "plots       %s, and in each sub-experiment's folder\n", cdf)
		}
		for _, c := range o.Comparisons {
			if plot := report.Drawn(o.Dir, report.ComparisonPlot(c.Name)); plot != "" {
				fmt.Fprintf(w, "comparison  %s\n", plot)
			}
		}
		if plot := report.Drawn(o.Dir, report.PartsPlot); plot != "" {
			fmt.Fprintf(w, "breakdown   %s\n", plot)
		}
	}
	for n := range o.Tunings {
		if plot := report.Drawn(o.Dir, report.TuningPlot(n)); plot != "" {
			fmt.Fprintf(w, "memory      %s\n", plot)
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
	fmt.Fprintf(w, "\nthe functions are up. To probe them:   stellar probe %s\n"+
		"To remove them:                        stellar remove %s\n", o.Dir, o.Dir)
	return nil
}
