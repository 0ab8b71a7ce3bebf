package cli

import (
	"github.com/urfave/cli/v2"

	"stellar/src/app"
)

func (c *command) reportCommand() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "write a run's statistics and plots again", ArgsUsage: "RUN-FOLDER",
		Description: "Reads the samples and the record of a run, also of one that another machine made, and writes " +
			"the statistics, comparisons and plots anew.\nNothing is deployed or sent. The exit code is that of the " +
			"run: 3 where sub-experiments failed, 5 where a threshold was missed. --prices FILE also prices the " +
			"requests again, where the\nrun has the platform's reports: costs in the samples are replaced.\n\n" +
			example("stellar report latency-samples/20260102T150405Z-local-abcd",
				"stellar report --prices prices.csv latency-samples/20260102T150405Z-local-abcd",
				"stellar report --plots svg --histograms latency-samples/20260102T150405Z-local-abcd"),
		Flags: append(drawingFlags(), logFlag(), pricesFlag(), jsonFlag("the summary")),
		Action: c.onFolder(func(cc *cli.Context, w app.App, dir string) error {
			out, err := w.Report(cc.Context, dir)
			return c.finish(cc, out, err)
		}),
	}
}
