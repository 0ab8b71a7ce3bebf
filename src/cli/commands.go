package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func (c *command) planCommand() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "show what a run would deploy and how long it takes",
		Description: "Reads the experiment, expands its sweeps and prints the table; builds nothing, " +
			"deploys nothing.\nWith --write DIR the packages and serverless.yml are made, in a folder to deploy from " +
			"by hand.\n\n" +
			example("stellar plan -c experiments/local/quickstart.json",
				"stellar plan -c experiment.json --write /tmp/service && cd /tmp/service && osls deploy"),
		Flags: append(experimentFlags(), logFlag(), rebuildFlag(), jsonFlag("the plan"),
			&cli.StringFlag{Name: "write", Usage: "build, package and write serverless.yml into `DIR`"}),
		Action: func(cc *cli.Context) error {
			loaded, w, err := c.read(cc)
			if err != nil {
				return err
			}
			plan, err := w.Plan(cc.Context, loaded, c.baseDir(cc))
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(plan)
			}
			if err := printPlan(c.Stdout, plan, c.look()); err != nil || cc.String("write") == "" {
				return err
			}
			written, err := w.WriteService(cc.Context, loaded.Experiment, c.baseDir(cc), cc.String("write"))
			if err != nil {
				return err
			}
			printf(c.Stdout, "\n")
			printWritten(c.Stdout, written)
			return nil
		},
	}
}

func (c *command) validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check an experiment file",
		Description: "Prints every mistake that can be known without building anything, each with its place, or " +
			"that there is none: of the file, its\n" +
			"functions' folders and entry points, and what its provider does not take. Exit code 2 where there are " +
			"some.\n\n" + example("stellar validate -c experiment.json"),
		Flags: []cli.Flag{fileFlag(), providerFlag(),
			jsonFlag("the effective experiment, defaults filled in and sweeps expanded,")},
		Action: func(cc *cli.Context) error {
			file, err := c.configFile(cc)
			if err != nil {
				return err
			}
			how := c.reading(cc, file)
			loaded, err := experiment.InspectWith(file, app.KnownProviders(), how)
			if loaded == nil {
				return err
			}
			notes, err := app.App{}.Validate(loaded, folderOf(file))
			for _, n := range notes {
				printf(c.Stderr, "note: %s\n", n)
			}
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				text, err := loaded.Experiment.MarshalEffective()
				if err != nil {
					return err
				}
				_, err = c.Stdout.Write(text)
				return err
			}
			printf(c.Stdout, "%s is valid: %s\n", cmp.Or(how.Name, file), counted(len(loaded.Experiment.SubExperiments),
				"sub-experiment"))
			return nil
		},
	}
}

func (c *command) deployCommand() *cli.Command {
	return &cli.Command{
		Name: "deploy", Usage: "deploy an experiment's functions and leave them up",
		Description: "The first half of a run. It prints the run's folder, which `stellar probe` and " +
			"`stellar remove` take.\n\n" +
			example("stellar deploy -c experiment.json"),
		Flags: append(experimentFlags(), outputFlag(), logFlag(), yesFlag(), rebuildFlag(), jsonFlag("the endpoints")),
		Action: func(cc *cli.Context) error {
			loaded, w, err := c.read(cc)
			if err != nil {
				return err
			}
			c.caution(w, loaded)
			out, err := w.Deploy(cc.Context, loaded.Experiment, c.baseDir(cc))
			return c.finish(cc, err, out)
		},
	}
}

func (c *command) probeCommand() *cli.Command {
	return &cli.Command{
		Name: "probe", Usage: "send the bursts to functions that `stellar deploy` keeps deployed",
		ArgsUsage: "RUN-FOLDER",
		Description: "Results go to a new run's folder; the functions stay up until `stellar remove`.\n\n" +
			example("stellar probe latency-samples/20260102T150405Z-local-abcd"),
		Flags: append(drawingFlags(), maxDurationFlag(), outputFlag(), logFlag(), pricesFlag(),
			jsonFlag("the summary"),
			openFlag()),
		Action: c.onFolder(func(cc *cli.Context, w app.App, dir string) error {
			out, err := w.Probe(cc.Context, dir)
			return c.finish(cc, err, out)
		}),
	}
}

func (c *command) removeCommand() *cli.Command {
	return &cli.Command{
		Name: "remove", Usage: "remove what a run left up", ArgsUsage: "RUN-FOLDER",
		Description: "Removes all that the run's journal holds, and checks that it is gone. Doing it twice is " +
			"fine.\n\n" +
			example("stellar remove latency-samples/20260102T150405Z-local-abcd"),
		Flags: []cli.Flag{logFlag()},
		Action: c.onFolder(func(cc *cli.Context, w app.App, dir string) error {
			n, err := w.Remove(cc.Context, dir)
			if err == nil {
				printf(c.Stdout, "%s\n", removedText(n))
			}
			return err
		}),
	}
}

func removedText(n int) string {
	if n == 0 {
		return "nothing is left of the run"
	}
	return fmt.Sprintf("removed what was left (%d in the journal); nothing is left of the run", n)
}

// onFolder is the action of a command whose only argument is a run's folder.
func (c *command) onFolder(do func(cc *cli.Context, w app.App, dir string) error) cli.ActionFunc {
	return func(cc *cli.Context) error {
		dir, err := oneFolder(cc)
		if err != nil {
			return err
		}
		w, err := c.newApp(cc)
		if err != nil {
			return err
		}
		return do(cc, w, dir)
	}
}

func oneFolder(cc *cli.Context) (string, error) {
	if cc.Args().Len() != 1 {
		return "", fail.Input("stellar %s needs one folder, got %s", cc.Command.Name,
			counted(cc.Args().Len(), "argument")).
			WithHint("`stellar %s --help` has an example", cc.Command.Name)
	}
	return cc.Args().First(), nil
}

func (c *command) cleanCommand() *cli.Command {
	return &cli.Command{
		Name: "clean", Usage: "remove what interrupted runs have left behind",
		Description: "Finds the journals of runs that ended without cleaning up (kill -9, power cut) and removes " +
			"what they name, nothing else.\n" +
			"Runs that are going on, and functions kept on purpose, are left alone; --all takes the kept ones and " +
			"what has expired too.\n\n" +
			example("stellar clean", "stellar clean --all"),
		Flags: []cli.Flag{logFlag(), &cli.BoolFlag{Name: "all",
			Usage: "also what was kept on purpose and has expired (tag stellar-expires)"},
			jsonFlag("what was done")},
		Action: func(cc *cli.Context) error {
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			done, err := w.Clean(cc.Context, cc.Bool("all"))
			if cc.Bool("json") {
				if jerr := c.printJSON(done); err == nil {
					err = jerr
				}
				return err
			}
			printCleaned(c.Stdout, done)
			return err
		},
	}
}

func (c *command) functionsCommand() *cli.Command {
	return &cli.Command{
		Name: "functions", Usage: "list deployed functions of runs, and of the local platform",
		Description: "Lists the functions of kept and unfinished runs, and what else the local platform has that\n" +
			"`stellar local start` started.\n\n" + example("stellar functions", "stellar functions --json"),
		Flags: []cli.Flag{jsonFlag("the list"), logFlag()},
		Action: func(cc *cli.Context) error {
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			list, err := w.ExistingFunctions(cc.Context)
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(list)
			}
			printFunctions(c.Stdout, list)
			return nil
		},
	}
}

func (c *command) providersCommand() *cli.Command {
	return &cli.Command{
		Name: "providers", Usage: "what each provider can do, and what is missing on this machine",
		Description: "Looks for the providers' CLIs, their versions and where credentials are; it shows no value of " +
			"theirs and changes nothing.\n\n" +
			example("stellar providers", "stellar providers --json"),
		Flags: []cli.Flag{jsonFlag("the table"), logFlag()},
		Action: func(cc *cli.Context) error {
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			all := w.Providers(cc.Context)
			if cc.Bool("json") {
				return c.printJSON(all)
			}
			return printProviders(c.Stdout, all, c.look())
		},
	}
}

func (c *command) schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON schema of experiment files, for editors",
		Description: "With --markdown it is a page to read: every key with its values, default, an example, and the " +
			"providers\non which it has an effect.\n\n" +
			example("stellar schema > experiment.schema.json", "stellar schema --markdown | less"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "markdown", Usage: "print a page to read in place of the schema"}},
		Action: func(cc *cli.Context) error {
			if !cc.Bool("markdown") {
				_, err := c.Stdout.Write(experiment.Schema(app.KnownProviders()))
				return err
			}
			page, err := app.Reference()
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.Stdout, page)
			return err
		},
	}
}

func (c *command) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Description: example("stellar version --json"),
		Flags: []cli.Flag{jsonFlag("the version")},
		Action: func(cc *cli.Context) error {
			if cc.Bool("json") {
				return c.printJSON(map[string]string{"version": Version(), "go": runtime.Version(),
					"platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			return c.printVersion()
		},
	}
}

func (c *command) printVersion() error {
	printf(c.Stdout, "stellar %s (%s, %s/%s)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func (c *command) printJSON(v any) error {
	enc := json.NewEncoder(c.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// manCommand is for those who package stellar.
func (c *command) manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page", Hidden: true,
		Description: example("stellar man > stellar.1"),
		Action: func(cc *cli.Context) error {
			text, err := cc.App.ToManWithSection(1)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.Stdout, text)
			return err
		},
	}
}
