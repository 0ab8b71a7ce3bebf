package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// repository is the root of the sources, from this folder.
const repository = "../.."

// document is a Markdown file for users.
type document struct {
	name string // from the root of the sources
	text string
}

func documents(t *testing.T) (all []document) {
	t.Helper()
	names := []string{"README.md", "experiments/README.md", "endpoints/README.md"}
	err := filepath.WalkDir(filepath.Join(repository, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(path), repository+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, document{name, string(text)})
	}
	return all
}

// shown is a command line of a page, and what the page shows below it as its output.
type shown struct {
	line   int
	words  []string
	output []string
}

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	assignment = regexp.MustCompile(`^[A-Z_0-9]+=`)
	comment    = regexp.MustCompile(`\s+#\s.*`)
	joined     = regexp.MustCompile(`&&|\|\||[|;]`)
)

// commands are the command lines of a program on a page: those of code blocks, and those in its sentences and tables.
func commands(text, program string) (all []shown) {
	inCode, reads := false, false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inCode, reads = !inCode, false
		case !inCode:
			for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
				all = append(all, commandsOf(i+1, strings.ReplaceAll(m[1], `\|`, "¦"), program)...)
			}
		default:
			command, typed := strings.CutPrefix(line, "$ ")
			found := commandsOf(i+1, command, program)
			if typed || len(found) > 0 {
				all, reads = append(all, found...), typed && len(found) > 0
			} else if reads {
				last := &all[len(all)-1]
				last.output = append(last.output, line)
			}
		}
	}
	return all
}

// commandsOf are the calls of a program in one line of a shell.
func commandsOf(number int, line, program string) (all []shown) {
	for _, part := range joined.Split(comment.ReplaceAllString(line, ""), -1) {
		words := strings.Fields(strings.NewReplacer("$(", " ", "<(", " ", ")", " ").Replace(part))
		for len(words) > 0 && (assignment.MatchString(words[0]) || slices.Contains([]string{"eval", "source", `"`, `eval"`},
			words[0])) {
			words = words[1:]
		}
		if len(words) > 0 && (words[0] == program || words[0] == "./"+program) {
			all = append(all, shown{line: number, words: words[1:]})
		}
	}
	return all
}

// TestDocumentCommands: the commands, options and experiment files of each command line of the pages exist.
func TestDocumentCommands(t *testing.T) {
	app := newCommand(Process{Stdout: io.Discard, Stderr: io.Discard}).app()
	count := 0
	for _, p := range documents(t) {
		for _, c := range commands(p.text, "stellar") {
			count++
			if wrong := unknown(app, c.words); wrong != "" {
				t.Errorf("%s:%d: stellar %s: %s", p.name, c.line, strings.Join(c.words, " "), wrong)
			}
		}
	}
	if count < 150 {
		t.Errorf("only %d command lines", count)
	}
}

// commandName is a command's name, or several of them as a table shows them.
var commandName = regexp.MustCompile(`^[a-z-]+(¦[a-z-]+)*$`)

// unknown says what of a command line does not exist, or is empty.
func unknown(app *cli.App, words []string) string {
	known, flags := app.Commands, append(flagNames(app.Flags), "help", "h")
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if strings.HasPrefix(word, "-") && !slices.Contains(flags, name) {
			return "there is no option " + word
		}
		if strings.HasPrefix(word, "experiments/") && strings.HasSuffix(word, ".json") {
			if _, err := os.Stat(filepath.Join(repository, word)); err != nil {
				return err.Error()
			}
		}
		if word == "NAME" {
			for _, c := range known {
				flags = append(flags, flagNames(c.Flags)...)
			}
		}
		if !commandName.MatchString(word) || strings.HasPrefix(word, "-") {
			known = nil // from here on words are options, their values, and arguments
		}
		if len(known) == 0 {
			continue
		}
		var below []*cli.Command
		for _, one := range strings.Split(word, "¦") {
			i := slices.IndexFunc(known, func(c *cli.Command) bool { return c.HasName(one) })
			if i < 0 {
				return "there is no command " + one
			}
			flags, below = append(flagNames(known[i].Flags), "help", "h"), known[i].Subcommands
		}
		known = below
	}
	return ""
}

// TestDocumentTargets: the Makefile has each target that the pages name.
func TestDocumentTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, p := range documents(t) {
		for _, c := range commands(p.text, "make") {
			count++
			if len(c.words) > 0 && !strings.Contains(string(makefile), "\n"+c.words[0]+":") {
				t.Errorf("%s:%d: make %s: there is no such target", p.name, c.line, strings.Join(c.words, " "))
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d calls of make", count)
	}
}

// TestDocumentPlans: a plan that a page shows is what is printed, up to the commands and to what this machine misses.
func TestDocumentPlans(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no tool is asked for anything
	t.Setenv("HOME", t.TempDir())
	count := 0
	for _, p := range documents(t) {
		for _, c := range commands(p.text, "stellar") {
			if len(c.words) != 3 || c.words[0] != "plan" || !strings.HasPrefix(c.words[2], "experiments/") ||
				len(c.output) == 0 {
				continue
			}
			count++
			var out strings.Builder
			w := Process{Args: []string{"stellar", "plan", "-c", filepath.Join(repository, c.words[2])}, Stdout: &out,
				Stderr: io.Discard, Getenv: func(string) string { return "" }}
			if code := Run(context.Background(), w); code != 0 {
				t.Errorf("%s: exit code %d", c.words[2], code)
			}
			if wrong := differs(c.output, out.String()); wrong != "" {
				t.Errorf("%s:%d: %s, in\n%s", p.name, c.line, wrong, out.String())
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d plans", count)
	}
}

var endsAPlan = regexp.MustCompile(`^(commands of a run|functions (for it|that exist)|a run would stop)`)

// differs says which line of a page is not in what was printed, in this order. Lines of a page may be wrapped, left out
// (...), or cut off (… at their end); the number of a drawn seed differs.
func differs(page []string, printed string) string {
	rest := strings.Join(strings.Fields(printed), " ")
	for _, line := range page {
		want := strings.Join(strings.Fields(line), " ")
		if endsAPlan.MatchString(want) {
			return ""
		}
		if want == "..." || want == "…" || strings.HasPrefix(want, "seed ") {
			continue
		}
		want = strings.TrimSpace(strings.TrimSuffix(want, "…"))
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			return fmt.Sprintf("%q is not printed", line)
		}
		rest = after
	}
	return ""
}

// onOneSystem are words of a shell that work in bash on Linux, and in zsh or on macOS do not.
var onOneSystem = map[string]*regexp.Regexp{
	"zsh looks for files by an unquoted *":         regexp.MustCompile(`:\*(\s|$)`),
	"sed -i of macOS needs a suffix, such as .bak": regexp.MustCompile(`\bsed -i\s`),
}

// TestDocumentShells: command lines of the pages work in zsh and on macOS.
func TestDocumentShells(t *testing.T) {
	for _, p := range documents(t) {
		for i, line := range strings.Split(p.text, "\n") {
			for why, found := range onOneSystem {
				if found.MatchString(line) {
					t.Errorf("%s:%d: %s", p.name, i+1, why)
				}
			}
		}
	}
}

// TestDocumentChecksFail shows that each check can fail.
func TestDocumentChecksFail(t *testing.T) {
	text := "Say `stellar plan --nothing`, `stellar local start¦halt` or `stellar local start\\|stop`.\n```\n" +
		"$ STELLAR_X=1 ./stellar nothing | head   # a comment -z\nout\n\n$ eval \"$(stellar run -q)\"\n$ ls\nfile\n" +
		"stellar -c experiments/none.json --json -n 5 && make all\n```\n| `stellar URL -n 5` |\n"
	app := newCommand(Process{Stdout: io.Discard, Stderr: io.Discard}).app()
	var got []string
	for _, c := range commands(text, "stellar") {
		got = append(got, fmt.Sprintf("%d %s %q", c.line, unknown(app, c.words), c.output))
	}
	want := []string{`1 there is no option --nothing []`, `1 there is no command halt []`, `1  []`,
		`3 there is no command nothing ["out" ""]`, `6 there is no command run []`,
		`9 stat ../../experiments/none.json: no such file or directory []`, `11  []`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := commands(text, "make"); len(got) != 1 || !slices.Equal(got[0].words, []string{"all"}) {
		t.Errorf("calls of make: %v", got)
	}
	for line, ok := range map[string]bool{"1 a …": true, "1 b": false, "2 b": true, "a run would stop": true} {
		if wrong := differs([]string{"1   a", "...", line}, "0 1 a\n1 a c\n2 b"); (wrong == "") != ok {
			t.Errorf("%s: %s", line, wrong)
		}
	}
}
