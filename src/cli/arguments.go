package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
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
