package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func (c *command) baselineCommand() *cli.Command {
	return &cli.Command{
		Name: "baseline", Usage: "keep a run that others are compared with",
		Description: "There is one baseline for each user. `stellar compare` takes the word baseline for it.\n\n" +
			example("stellar baseline set latency-samples/latest", "stellar compare baseline latest",
				"stellar baseline show"),
		Subcommands: []*cli.Command{c.baselineSet(), c.baselineShow(), c.baselineClear()},
		Action:      func(cc *cli.Context) error { return unknownCommand(cc, "set, show or clear") },
	}
}

func (c *command) baselineSet() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "keep a run, in place of an earlier one", ArgsUsage: "RUN",
		Description: "Copies the run's record and rows into stellar's state directory, so that its folder may be " +
			"deleted.\n\n" + example("stellar baseline set latency-samples/latest"),
		Flags: []cli.Flag{outputFlag(), logFlag(), jsonFlag("what is kept")},
		Action: func(cc *cli.Context) error {
			if cc.Args().Len() != 1 {
				return fail.Input("stellar baseline set needs one run, got %s", counted(cc.Args().Len(), "argument"))
			}
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			kept, err := w.SetBaseline(cc.Context, cc.Args().First())
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(kept)
			}
			printf(c.Stdout, "the baseline is run %s\n", kept.ID)
			return nil
		},
	}
}

func (c *command) baselineShow() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "say which run is kept", Description: example("stellar baseline show --json"),
		Flags: []cli.Flag{logFlag(), jsonFlag("what is kept")},
		Action: func(cc *cli.Context) error {
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			kept, err := w.Baseline()
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(kept)
			}
			printf(c.Stdout, "run    %s\nfrom   %s\nset    %s\ncopy   %s\n", kept.ID, kept.From,
				kept.Set.Format("2006-01-02 15:04:05 UTC"), kept.Dir)
			return nil
		},
	}
}

func (c *command) baselineClear() *cli.Command {
	return &cli.Command{
		Name: "clear", Usage: "remove the copy", Description: example("stellar baseline clear"),
		Flags: []cli.Flag{logFlag()},
		Action: func(cc *cli.Context) error {
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			was, err := w.ClearBaseline()
			if err != nil {
				return err
			}
			text := "there was no baseline\n"
			if was {
				text = "the baseline is removed; the run's own folder is not touched\n"
			}
			printf(c.Stdout, "%s", text)
			return nil
		},
	}
}
