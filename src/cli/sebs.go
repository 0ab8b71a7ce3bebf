package cli

import (
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment/sebs"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// experimentCommand runs experiments as SeBS's command line has them.
func (c *command) experimentCommand() *cli.Command {
	invoke := &cli.Command{
		Name: "invoke", Usage: "run an experiment of a configuration file of SeBS",
		Description: "Translates the settings into an experiment file, names what has no counterpart, runs it, and " +
			"writes its rows under SeBS's column names.\n" +
			"Results go to the experiment's folder in the output folder.\n\n" +
			example("stellar experiment invoke perf-cost --config example.json --deployment local"),
		Action: unknownExperiment,
	}
	process := &cli.Command{
		Name: "process", Usage: "write the newest results of an experiment again, under SeBS's column names",
		Description: example("stellar experiment process perf-cost --config example.json --deployment local"),
		Action:      unknownExperiment,
	}
	for _, name := range sebs.Names() {
		invoke.Subcommands = append(invoke.Subcommands, c.invokeCommand(name))
		process.Subcommands = append(process.Subcommands, c.processCommand(name))
	}
	for _, group := range []*cli.Command{invoke, process} {
		for _, sub := range group.Subcommands {
			sub.OnUsageError = usageError
		}
	}
	return &cli.Command{
		Name: "experiment", Usage: "for users of SeBS: run the experiments of their configuration files",
		Subcommands: []*cli.Command{invoke, process},
		Action: func(cc *cli.Context) error {
			return unknownCommand(cc, "invoke or process")
		},
	}
}

func unknownExperiment(cc *cli.Context) error {
	if !cc.Args().Present() {
		return fail.Input("which experiment? want one of %s", strings.Join(sebs.Names(), ", "))
	}
	return sebs.CheckName(cc.Args().First())
}

func sebsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "configuration `FILE` of SeBS (JSON)"},
		&cli.StringFlag{Name: "deployment", Usage: "`PLATFORM` in place of the file's own: " +
			strings.Join(sebs.Deployments(), ", ")},
		&cli.StringFlag{Name: "output-dir", Aliases: []string{"output", "o"}, Value: ".",
			Usage: "`FOLDER` that has a folder for each experiment"},
		logFlag(),
	}
}

func (c *command) invokeCommand(name string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: "run " + name,
		Flags: append(sebsFlags(), yesFlag(), pricesFlag(), jsonFlag("the summary")),
		Action: func(cc *cli.Context) error {
			t, err := translation(cc, name)
			if err != nil {
				return err
			}
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			w.Serverless = true
			for _, line := range t.Warnings {
				w.Log.Warnf("%s", line)
			}
			dir := app.SeBSFolder(cc.String("output-dir"), name, t.Kind)
			loaded, err := app.Translated(t, cc.String("config"))
			if err != nil {
				return err
			}
			for _, n := range loaded.Notes {
				w.Log.Warnf("%s", n)
			}
			w.Confirm = func() error { return c.ask(cc, questions(w, loaded)) }
			out, files, err := w.RunSeBS(cc.Context, t, loaded.Experiment, dir)
			err = c.finish(cc, err, out)
			if len(files) > 0 && !cc.Bool("json") {
				printf(c.Stdout, "for SeBS    %s\n", strings.Join(files, ", "))
			}
			return err
		},
	}
}

func (c *command) processCommand(name string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: "write the results of " + name + " again", Flags: sebsFlags(),
		Action: func(cc *cli.Context) error {
			t, err := translation(cc, name)
			if err != nil {
				return err
			}
			w, err := c.newApp(cc)
			if err != nil {
				return err
			}
			files, err := w.ProcessSeBS(app.SeBSFolder(cc.String("output-dir"), name, t.Kind), name, t.Types)
			for _, f := range files {
				printf(c.Stdout, "%s\n", f)
			}
			return err
		},
	}
}

// translation reads the configuration that the command line names.
func translation(cc *cli.Context, name string) (*sebs.Translation, error) {
	path := cc.String("config")
	switch {
	case cc.Args().Present():
		return nil, fail.Input("%q is one argument too many", cc.Args().First())
	case path == "":
		return nil, fail.Input("no configuration file of SeBS").WithHint("name it with --config FILE")
	}
	text, err := wholefile.ReadFile(path)
	if err != nil {
		return nil, fail.Input("read the configuration of SeBS: %w", err).WithHint("name it with --config FILE")
	}
	return sebs.Translate(name, path, text, cc.String("deployment"), runtime.GOARCH)
}
