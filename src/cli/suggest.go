package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// noCommand is the error of a first argument that is no command. An experiment file, alone or behind "run", as other
// tools take it, is answered with the command that runs it.
func noCommand(cc *cli.Context) error {
	first, file := cc.Args().First(), "FILE"
	for _, arg := range cc.Args().Slice() {
		if strings.HasSuffix(arg, ".json") {
			file = arg
			break
		}
	}
	return fail.Input("there is no command %q%s", first, fail.DidYouMean(first, commandNames(cc.App.Commands))).
		WithHint("an experiment is run with `stellar -c %s`; `stellar --help` lists the commands", file)
}

// unknownCommand is the error of a command that needs one of its subcommands.
func unknownCommand(cc *cli.Context, want string) error {
	text := fmt.Sprintf("stellar %s needs %s", cc.Command.Name, want)
	if got := cc.Args().First(); got != "" {
		text += fmt.Sprintf(", got %q%s", got, fail.DidYouMean(got, commandNames(cc.Command.Subcommands)))
	}
	return fail.Input("%s", text).
		WithHint("`stellar %s --help` says more", cc.Command.Name)
}

// commandNames are those of the commands that are listed.
func commandNames(commands []*cli.Command) (out []string) {
	for _, c := range commands {
		if !c.Hidden && c.Name != "help" {
			out = append(out, c.Names()...)
		}
	}
	return out
}

// undefinedFlag is how the flag package begins its error on a flag that is not there.
const undefinedFlag = "flag provided but not defined: -"

// usageError is the error of a wrong flag, with the one that is probably meant.
func usageError(cc *cli.Context, err error, _ bool) error {
	name, flags := "stellar", cc.App.Flags
	if cc.Command != nil && cc.Command.Name != "" && cc.Command.Name != "stellar" {
		name, flags = name+" "+cc.Command.Name, cc.Command.Flags
	}
	text := strings.TrimPrefix(err.Error(), "stellar: ")
	if given, undefined := strings.CutPrefix(text, undefinedFlag); undefined {
		given = strings.TrimLeft(given, "-")
		text = "there is no option " + dashed(given)
		if meant := fail.Nearest(given, flagNames(flags)); meant != "" {
			text += "; did you mean " + dashed(meant) + "?"
		}
		if given == "version" {
			return fail.Input("%s", text).WithHint("`stellar version` prints the version")
		}
	}
	return fail.Input("%s", text).WithHint("`%s --help` lists the options", name)
}

// flagNames are those of all flags, help among them.
func flagNames(flags []cli.Flag) []string {
	names := []string{"help"}
	for _, f := range flags {
		names = slices.Concat(names, f.Names())
	}
	return names
}

// dashed is a flag as it is written.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
