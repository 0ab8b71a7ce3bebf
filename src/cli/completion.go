package cli

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func (c *command) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a shell's completion script", ArgsUsage: "bash|zsh|fish",
		Description: example(`source <(stellar completion bash)`),
		Action: func(cc *cli.Context) error {
			scripts := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
			shell := cc.Args().First()
			if cc.Args().Len() != 1 || scripts[shell] == "" {
				return fail.Input("there is no completion for %q: want bash, zsh or fish",
					strings.Join(cc.Args().Slice(), " "))
			}
			_, err := io.WriteString(c.Stdout, strings.TrimLeft(scripts[shell], "\n"))
			return err
		},
	}
}

// completionFlag is the last argument of a command line that is to be completed.
const completionFlag = "--generate-bash-completion"

// completions are the words that can come next on a command line, one a line. Words are its arguments, without the
// program's name; the last one is the one to complete, and may be empty. Where a file can come there are none: the
// shell completes files.
func completions(root *cli.App, words []string) []string {
	commands, flags, usage := root.Commands, root.Flags, ""
	current := ""
	if n := len(words); n > 0 {
		words, current = words[:n-1], words[n-1]
	}
	var pending cli.Flag // an option whose value comes next
	for _, w := range words {
		switch {
		case pending != nil:
			pending = nil
		case strings.HasPrefix(w, "-"):
			pending = withValue(flags, w)
		default:
			at := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(w) })
			if at < 0 {
				commands, usage = nil, ""
				continue
			}
			flags, usage, commands = commands[at].Flags, commands[at].ArgsUsage, commands[at].Subcommands
		}
	}
	switch {
	case pending != nil:
		doc, _ := pending.(cli.DocGenerationFlag) // withValue has asked
		_, values, _ := strings.Cut(doc.GetUsage(), ": ")
		return alternatives(values, ", ")
	case !strings.HasPrefix(current, "-"):
		return append(commandNames(commands), alternatives(usage, "|")...)
	}
	return optionNames(flags, current)
}

// withValue is the option that a word names, if its value is the next word.
func withValue(flags []cli.Flag, word string) cli.Flag {
	name := strings.TrimLeft(word, "-")
	for _, f := range flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok && doc.TakesValue() && slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// optionNames are the options that begin with a word.
func optionNames(flags []cli.Flag, word string) []string {
	var out []string
	for _, f := range append(slices.Clone(flags), cli.HelpFlag) {
		for _, name := range f.Names() {
			dashed := "--" + name
			if len(name) == 1 {
				dashed = "-" + name
			}
			if strings.HasPrefix(dashed, word) && !slices.Contains(out, dashed) {
				out = append(out, dashed)
			}
		}
	}
	return out
}

var plainWord = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// alternatives are the words of a list; none if it is a text.
func alternatives(list, between string) []string {
	words := strings.Split(list, between)
	if len(words) < 2 || slices.ContainsFunc(words, func(w string) bool { return !plainWord.MatchString(w) }) {
		return nil
	}
	return words
}

// complete prints the completions of a command line whose last argument asks for them.
func complete(w io.Writer, root *cli.App, args []string) {
	for _, word := range completions(root, args[1:len(args)-1]) {
		printf(w, "%s\n", word)
	}
}

const bashCompletion = `
_stellar() {
  local cur opts
  cur="${COMP_WORDS[COMP_CWORD]}"
  opts=$("${COMP_WORDS[@]:0:$COMP_CWORD}" "$cur" --generate-bash-completion 2>/dev/null)
  COMPREPLY=($(compgen -W "$opts" -- "$cur"))
}
complete -o bashdefault -o default -F _stellar stellar
`

const zshCompletion = `
#compdef stellar
_stellar() {
  local -a opts
  opts=("${(@f)$("${words[@]:0:$((CURRENT - 1))}" "${words[CURRENT]}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n "${opts[1]}" ]]; then compadd -a opts; else _files; fi
}
if [[ "${funcstack[1]}" == _stellar ]]; then _stellar "$@"; else compdef _stellar stellar; fi
`

const fishCompletion = `
function __stellar_words
    set -l before (commandline -opc)
    $before (commandline -ct) --generate-bash-completion 2>/dev/null
end
complete -c stellar -f -a '(__stellar_words)'
complete -c stellar -n 'not string length -q -- (__stellar_words)' -F
`
