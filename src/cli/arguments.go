package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// optionsFirst moves the options of a command in front of its arguments: the library ends them at the first argument,
// and `stellar report FOLDER --open` is how most people write it. What follows -- stays where it is.
func optionsFirst(commands []*cli.Command, args []string) []string {
	if len(args) < 3 || args[len(args)-1] == completionFlag {
		return args
	}
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[1]) })
	switch {
	case i < 0 || commands[i].SkipFlagParsing:
		return args
	case len(commands[i].Subcommands) > 0:
		return append(args[:1:1], optionsFirst(commands[i].Subcommands, args[1:])...)
	}
	options, rest := slices.Clone(args[:2]), []string(nil)
	for at := 2; at < len(args); at++ {
		arg := args[at]
		switch {
		case arg == "--":
			return slices.Concat(options, args[at:at+1], rest, args[at+1:])
		case len(arg) < 2 || arg[0] != '-':
			rest = append(rest, arg)
		default:
			options = append(options, arg)
			if takesValue(commands[i].Flags, arg) && at+1 < len(args) {
				at++
				options = append(options, args[at])
			}
		}
	}
	return append(options, rest...)
}

// checkUsage has commands answer wrong options, and refuse arguments that they would not look at: `stellar clean RUN`
// would clean up after all runs, and `stellar validate -c A B` would not read B.
func checkUsage(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		checkUsage(c.Subcommands)
		if len(c.Subcommands) == 0 && c.ArgsUsage == "" && !c.SkipFlagParsing && c.Before == nil {
			c.Before = noSurplus
		}
	}
}

// noSurplus refuses arguments of a command that takes none, but for an experiment file that no -c names.
func noSurplus(cc *cli.Context) error {
	most := 0
	if takesValue(cc.Command.Flags, "config") && !slices.ContainsFunc(cc.Lineage(), func(l *cli.Context) bool {
		return l.IsSet("config")
	}) {
		most = 1
	}
	if cc.Args().Len() <= most {
		return nil
	}
	return fail.Input("%q is one argument too many", cc.Args().Get(most)).
		WithHint("`%s --help` says what it takes", cc.Command.HelpName)
}

// takesValue reports whether the value of an option is the next argument.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			if _, is := f.(*cli.BoolFlag); is {
				return false
			}
			return true
		}
	}
	return false
}
