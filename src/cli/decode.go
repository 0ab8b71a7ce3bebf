package cli

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

func (c *command) decodeCommand() *cli.Command {
	return &cli.Command{
		Name: "decode", Usage: "read logs of older functions, REPORT lines and log tails, to JSON or CSV",
		ArgsUsage: "[FILE]",
		Description: "Reads the one-line form of faas_measure (results joined by #), also as its clients write it; " +
			"REPORT lines; log tails\nin base64, as Lambda's Invoke gives them; and what `aws lambda invoke` " +
			"prints. Without FILE, or with -, it reads\nthe standard input.\n\n" +
			example("stellar decode tmp.log",
				"aws lambda invoke --function-name f --log-type Tail out.json | stellar decode --csv"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "csv", Usage: "print a table in CSV"},
			jsonFlag("what each line says, the default,")},
		Action: func(cc *cli.Context) (err error) {
			if cc.NArg() > 1 {
				return fail.Input("one file at a time: got %d", cc.NArg()).
					WithHint("options come before the file; `cat` several into `stellar decode`")
			}
			if cc.Bool("csv") && cc.Bool("json") {
				return fail.Input("--csv and --json are two forms of the same").WithHint("give one of them")
			}
			var in io.Reader = c.Stdin
			name := "the standard input"
			if file := cc.Args().First(); file != "" && file != "-" {
				f, err := wholefile.Open(file)
				if err != nil {
					return fail.Input("%w", err).WithHint("name a file, or give the text to the standard input")
				}
				defer f.Close() //nolint:errcheck // only read from
				in, name = f, file
			}
			entries, err := app.Decode(in, name)
			if err != nil {
				return err
			}
			if cc.Bool("csv") {
				return app.WriteEntries(c.Stdout, entries)
			}
			return c.printJSON(entries)
		},
	}
}
