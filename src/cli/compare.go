package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

func (c *command) compareCommand() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "say what changed between runs", ArgsUsage: "RUN RUN...",
		Description: "Compares each run with the first one, metric by metric: difference, 95 % interval, test, " +
			"verdict. A run is its folder, its archive, latest,\nor a latencies.csv of the original STeLLAR or a " +
			"folder of them. Runs are only read.\n\n" +
			example("stellar compare latency-samples/20260102T150405Z-local-abcd latest",
				"stellar compare --markdown baseline latest > comment.md"),
		Flags: []cli.Flag{outputFlag(), logFlag(), jsonFlag("the comparison"),
			&cli.BoolFlag{Name: "markdown", Usage: "print the comparison for a comment on a pull request"}},
		Action: func(cc *cli.Context) error {
			if cc.Args().Len() < 2 {
				return fail.Input("stellar compare needs two runs or more, got %s",
					counted(cc.Args().Len(), "argument")).
					WithHint("options come before them; `stellar compare --help` has an example")
			}
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			found, err := w.Compare(cc.Context, cc.Args().Slice())
			if err != nil {
				return err
			}
			switch {
			case cc.Bool("json"):
				return c.printJSON(found)
			case cc.Bool("markdown"):
				return report.ChangesMarkdown(c.Stdout, found.Runs)
			}
			return c.printComparison(found)
		},
	}
}

// printComparison writes a comparison of runs for a terminal.
func (c *command) printComparison(found *app.Comparison) error {
	return report.Changes(c.Stdout, found.Runs, c.look())
}
