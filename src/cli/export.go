package cli

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func (c *command) exportCommand() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "write a run's rows, statistics or metrics for other programs", ArgsUsage: "RUN",
		Description: "RUN is a run's folder, an archive, `latest`, or a latencies.csv of the original STeLLAR. csv, " +
			"json and parquet have all requests of all sub-experiments in\none table, or with --table statistics a " +
			"row for each sub-experiment. markdown is a short table of the statistics; openmetrics has the run's " +
			"metrics\nfor Prometheus. otlp sends the requests as spans to OTEL_EXPORTER_OTLP_ENDPOINT. A cell " +
			"without a value is empty, or null.\n\n" +
			example("stellar export --format parquet -o run.parquet latest",
				"stellar export --format csv --table statistics latency-samples/20260102T150405Z-local-abcd",
				"stellar export --format markdown latest",
				"stellar export --format openmetrics -o run.om.txt latest"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"},
				Usage: "`FORMAT`: " + strings.Join(app.ExportFormats(), ", ")},
			&cli.StringFlag{Name: "table", Usage: "`TABLE`: " + strings.Join(app.ExportTables(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"},
				Usage: "`FILE` to write, in place of standard output"},
			logFlag()},
		Action: c.exportAction,
	}
}

func (c *command) exportAction(cc *cli.Context) error {
	e := app.Export{Format: cc.String("format"), Table: cc.String("table")}
	switch {
	case cc.Args().Len() != 1:
		return fail.Input("stellar export needs one run, got %s", counted(cc.Args().Len(), "argument")).
			WithHint("`stellar export --help` has an example")
	case e.Format == "":
		return fail.Input("no format").WithHint("name it with --format: %s", strings.Join(app.ExportFormats(), ", "))
	}
	if err := e.Check(); err != nil {
		return err
	}
	w, err := c.newApp(cc)
	if err != nil {
		return err
	}
	w.Output = defaultOutput
	if file := cc.String("output"); file != "" && file != "-" {
		if e.Format == app.ExportOTLP {
			return fail.Input("--output does not go with --format otlp, which sends spans")
		}
		return w.ExportFile(cc.Context, cc.Args().First(), e, file)
	}
	if e.Format == app.ExportParquet && c.StdoutTTY {
		return fail.Input("a Parquet file is not for a terminal").WithHint("write it to a file with -o FILE")
	}
	return w.Export(cc.Context, cc.Args().First(), e, c.Stdout)
}
