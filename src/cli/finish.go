package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// summaryFile is the name of the file in a run's folder that has what the terminal showed at its end.
const summaryFile = "summary.txt"

// finish prints what runs brought: of each the summary table and where things are, then where the page is; or all of it
// as JSON. Err is how the use case ended; a nil outcome brought nothing.
func (c *command) finish(cc *cli.Context, err error, all ...*app.Outcome) error {
	all = slices.DeleteFunc(all, func(o *app.Outcome) bool { return o == nil })
	if len(all) == 0 {
		return err
	}
	c.screen.Progress("")
	show := c.printOutcomes
	if cc.Bool("json") {
		show = func(all []*app.Outcome) error {
			if len(all) == 1 {
				return c.printJSON(all[0])
			}
			return c.printJSON(all)
		}
	}
	var unwritten []error
	for _, o := range all {
		unwritten = append(unwritten, writeSummary(o))
	}
	if werr := errors.Join(append(unwritten, show(all))...); err == nil {
		err = werr
	}
	if page := all[0].Page; page != "" && cc.Bool("open") {
		c.openPage(cc.Context, page)
	}
	return err
}

// printOutcomes prints the outcomes, and as the last line where the page is.
func (c *command) printOutcomes(all []*app.Outcome) error {
	var errs []error
	for i, o := range all {
		if len(all) > 1 {
			printf(c.Stdout, "%srun %s\n", map[bool]string{true: "\n"}[i > 0], o.ID)
		}
		errs = append(errs, printOutcome(c.Stdout, o, c.look()))
	}
	if page := all[0].Page; page != "" {
		printf(c.Stdout, "page        %s\n", page)
	}
	return errors.Join(errs...)
}

// writeSummary writes into a run's folder what the terminal shows of it.
func writeSummary(o *app.Outcome) error {
	if o.PageOnly || len(o.Rows) == 0 {
		return nil
	}
	var text bytes.Buffer
	if err := printOutcome(&text, o, report.SummaryOptions{}); err != nil {
		return err
	}
	path := filepath.Join(o.Dir, summaryFile)
	err := wholefile.Replace(path, func(w io.Writer) error { _, err := w.Write(text.Bytes()); return err })
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// openPage opens the page in a browser. Where none can be started, the path is on the screen anyway.
func (c *command) openPage(ctx context.Context, path string) {
	a := app.App{Config: app.Config{Deps: c.deps(nil)}}
	if err := a.Open(ctx, path); err != nil {
		printf(c.Stderr, "no browser was started: %v\n", err)
	}
}
