package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Run runs one command and returns the process's exit code.
func Run(ctx context.Context, w Process) int {
	c := newCommand(w)
	work, release := fail.WithReport(ctx)
	defer release()
	err := fail.Try(func() error {
		app := c.app()
		if n := len(w.Args); n > 1 && w.Args[n-1] == completionFlag {
			complete(c.Stdout, app, w.Args)
			return nil
		}
		return app.RunContext(work, optionsFirst(app.Commands, addressLast(w.Args)))
	})
	if d := fail.DefectIn(context.Cause(work)); d != nil && fail.DefectIn(err) == nil {
		err = errors.Join(d, err)
	}
	code := c.report(ctx, err)
	c.close()
	return code
}

// command is one invocation: the process, and what the flags made of it.
type command struct {
	Process         // its Stdout and Stderr outlive their readers
	outside Process // as it was given
	stdout  *output // what Stdout is
	screen  *screen
	file    *logFile

	archived *app.ArchivedExperiment // where -c names an archive
}

func newCommand(w Process) *command {
	c := &command{Process: w, outside: w, stdout: &output{to: w.Stdout, terminal: w.StdoutTTY}}
	c.Stdout, c.Stderr = c.stdout, &output{to: w.Stderr, terminal: w.StderrTTY}
	return c
}

func (c *command) close() {
	if c.file != nil {
		c.file.close()
	}
	if c.archived != nil {
		if err := c.archived.Close(); err != nil {
			printf(c.Stderr, "stellar: %v\n", err)
		}
	}
}

// report prints the error, once, with its hint and the output of the program that failed, and gives the exit code.
func (c *command) report(ctx context.Context, err error) int {
	if err == nil {
		return fail.CodeDone
	}
	if c.screen != nil {
		c.screen.Progress("")
	}
	var mistakes *experiment.Problems
	if errors.As(err, &mistakes) && len(mistakes.List) > 1 {
		fmt.Fprintf(c.Stderr, "stellar: %s has %d mistakes:\n%s\n", inert(mistakes.List[0].File), len(mistakes.List),
			inert(err.Error()))
	} else {
		fmt.Fprintf(c.Stderr, "stellar: %s\n", inert(err.Error()))
	}
	printOutput(c.Stderr, "  ", fail.Output(err))
	if hint := fail.Hint(err); hint != "" {
		fmt.Fprintf(c.Stderr, "  → %s\n", inert(hint))
	}
	full := fullDisk(err)
	if full != "" {
		fmt.Fprintf(c.Stderr, "  → %s\n", inert(full))
	}
	defect := fail.DefectIn(err)
	if defect != nil && !c.file.isOpen() { // a run's log has it
		fmt.Fprintf(c.Stderr, "%s\n", defect.Stack)
	}
	code := fail.Code(err)
	if full != "" && code == fail.CodeInput {
		code = fail.CodeFailed // the input is not to blame
	}
	if ctx.Err() != nil && code != fail.CodeLeftBehind && defect == nil {
		return fail.CodeInterrupted
	}
	return code
}

func (c *command) app() *cli.App {
	app := &cli.App{
		Name:  "stellar",
		Usage: "measure how a serverless platform really behaves",
		UsageText: "stellar -c experiment.json [options]\nstellar URL [-n 100] [-b 1,10] [options]\n" +
			"stellar command [options]",
		Description: "Deploys the functions of an experiment file, sends its bursts, writes CSV, statistics and " +
			"plots,\nand removes everything again.\n\n" + example("stellar -c experiments/local/quickstart.json"),
		Version:                Version(),
		HideVersion:            true,
		UseShortOptionHandling: true,
		Suggest:                true,
		Flags:                  c.runFlags(),
		Commands: []*cli.Command{c.planCommand(), c.validateCommand(), c.deployCommand(), c.probeCommand(),
			c.reportCommand(), c.compareCommand(), c.baselineCommand(), c.historyCommand(), c.exportCommand(),
			c.removeCommand(), c.cleanCommand(), c.functionsCommand(), c.providersCommand(), c.localCommand(),
			c.storageCommand(), c.experimentCommand(), c.decodeCommand(), c.archiveCommand(),
			c.schemaCommand(), c.completionCommand(), c.manCommand(), c.versionCommand()},
		Action:          c.runAction,
		Writer:          c.Stdout,
		ErrWriter:       c.Stderr,
		Reader:          c.Stdin,
		ExitErrHandler:  func(*cli.Context, error) {}, // the default exits the process past our clean-up
		CommandNotFound: nil,
		OnUsageError:    usageError,
	}
	checkUsage(app.Commands)
	return app
}

// deps are what the run package takes from the process.
func (c *command) deps(log run.Logger) run.Deps {
	return run.Deps{Getenv: c.Getenv, Version: Version(), Now: nowFunc, Log: log}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}

// printOutput prints the last lines of what a program that failed wrote, if there are any.
func printOutput(w io.Writer, margin, text string) {
	if text = tail(text, 30); text != "" {
		bar := margin + "| "
		fmt.Fprintf(w, "%sits last output:\n%s%s\n", margin, bar, strings.ReplaceAll(inert(text), "\n", "\n"+bar))
	}
}

func printf(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, format, args...)
}
