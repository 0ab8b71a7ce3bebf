package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

func (c *command) compareCommand() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "say what changed between runs", ArgsUsage: "RUN RUN...",
		Description: "Compares each run with the first one, metric by metric: difference, 95 % interval, test, " +
			"verdict. A run is its folder, its archive, latest,\nbaseline (see stellar baseline), or a latencies.csv " +
			"of the original STeLLAR or a folder of them. Runs are only read.\n" +
			"The exit code is 5 where a limit of --fail-on was missed. docs/compare.md says how it is decided.\n\n" +
			example("stellar compare latency-samples/20260102T150405Z-local-abcd latest",
				"stellar compare --fail-on 'warm.p50>+5%' --fail-on 'errors>+1pp' baseline latest",
				"stellar compare --markdown baseline latest > comment.md"),
		Flags: []cli.Flag{outputFlag(), logFlag(), jsonFlag("the comparison"),
			&cli.BoolFlag{Name: "markdown", Usage: "print the comparison for a comment on a pull request"},
			&cli.StringFlag{Name: "html", Usage: "write the comparison as a page into `FILE`, too"},
			&cli.StringSliceFlag{Name: "fail-on",
				Usage: "exit 5 where a metric changed by more: `LIMIT` such as cold.p50>+5%, errors>+1pp; repeatable"},
			&cli.BoolFlag{Name: "strict",
				Usage: "exit 5 also where a limit cannot be decided, 2 where rows are missing"}},
		Action: c.compareAction,
	}
}

func (c *command) compareAction(cc *cli.Context) error {
	if cc.Args().Len() < 2 {
		return fail.Input("stellar compare needs two runs or more, got %s", counted(cc.Args().Len(), "argument")).
			WithHint("`stellar compare --help` has an example")
	}
	limits, err := app.ParseLimits(cc.StringSlice("fail-on"))
	if err != nil {
		return err
	}
	w, err := c.newApp(cc)
	if err != nil {
		return err
	}
	found, err := w.Compare(cc.Context, cc.Args().Slice())
	if err != nil {
		return err
	}
	missed := found.Check(limits, cc.Bool("strict"))
	var unwritten error
	if file := cc.String("html"); file != "" {
		unwritten = w.WriteComparisonPage(file, found)
	}
	switch {
	case cc.Bool("json"):
		err = c.printJSON(found)
	case cc.Bool("markdown"):
		err = report.ChangesMarkdown(c.Stdout, found.Runs, found.Checks)
	default:
		err = c.printComparison(found)
	}
	return errors.Join(err, unwritten, missed)
}

// printComparison writes a comparison of runs for a terminal.
func (c *command) printComparison(found *app.Comparison) error {
	return errors.Join(report.Changes(c.Stdout, found.Runs, c.look()),
		report.Checks(c.Stdout, found.Checks, c.look()))
}
