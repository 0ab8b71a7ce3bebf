package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
)

func (c *command) reportCommand() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "write a run's statistics, plots and page again", ArgsUsage: "RUN-FOLDER...",
		Description: "Reads the samples and the record of a run, also of one that another machine made, and writes " +
			"the statistics, comparisons, plots and report.html anew.\nOf several runs there is one page, which " +
			"--page names. A latencies.csv of the original STeLLAR, or a folder of them, gets a page beside it.\n" +
			"Nothing is deployed or sent. The exit code is that of the run: 3 where sub-experiments failed, 5 where " +
			"a threshold was missed. --prices FILE\nalso prices the requests again, where the run has the platform's " +
			"reports: costs in the samples are replaced.\n\n" +
			example("stellar report latency-samples/latest --open",
				"stellar report --page both.html latency-samples/20260102T150405Z-local-abcd "+
					"latency-samples/20260103T150405Z-aws-efgh",
				"stellar report --prices prices.csv latency-samples/20260102T150405Z-local-abcd",
				"stellar report --plots svg --histograms latency-samples/20260102T150405Z-local-abcd"),
		Flags: append(drawingFlags(), logFlag(), pricesFlag(), jsonFlag("the summary"), openFlag(),
			&cli.StringFlag{Name: "page", Value: page.File, Usage: "`FILE` of the page of several runs"}),
		Action: func(cc *cli.Context) error {
			if !cc.Args().Present() {
				return fail.Input("stellar report needs one run's folder or more").
					WithHint("`stellar report --help` has an example")
			}
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			all, err := w.ReportAll(cc.Context, cc.Args().Slice(), cc.String("page"))
			return c.finish(cc, err, all...)
		},
	}
}

func openFlag() cli.Flag {
	return &cli.BoolFlag{Name: "open", Usage: "open the run's page in the browser at the end"}
}
