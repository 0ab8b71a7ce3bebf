package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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
		name, flags = cmp.Or(cc.Command.HelpName, name+" "+cc.Command.Name), cc.Command.Flags
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
	if parts := valueForm.FindStringSubmatch(text); parts != nil {
		text = wrongValue(flags, parts[1], parts[2])
	}
	return fail.Input("%s", text).WithHint("`%s --help` lists the options", name)
}

// valueForm is how the flag package begins its error on a value that it cannot read: the value, quoted, and the flag;
// compiled once, never changed.
var valueForm = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-+([^ :]+): `)

// wrongValue says what to write in place of a flag's value.
func wrongValue(flags []cli.Flag, quoted, name string) string {
	want := "another value"
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return fmt.Sprintf("%s %s: want %s", dashed(name), quoted, want)
	}
	switch flags[i].(type) {
	case *cli.DurationFlag:
		want = "a time with its unit, such as 30s, 5m or 1h30m"
		if value, err := strconv.Unquote(quoted); err == nil {
			if _, err := strconv.ParseFloat(value, 64); err == nil {
				want += "; did you mean " + value + "s?"
			}
		}
	case *cli.IntFlag:
		want = "a whole number"
	case *cli.Float64Flag:
		want = "a number"
	case *cli.BoolFlag:
		want = "true, false, or the option without a value"
	}
	return fmt.Sprintf("%s %s: want %s", dashed(name), quoted, want)
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
