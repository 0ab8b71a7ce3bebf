package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// outputOf is what a command line prints on standard output.
func outputOf(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := Process{Args: append([]string{"stellar"}, args...), Stdout: &out, Stderr: io.Discard,
		Getenv: func(string) string { return "" }}
	if code := Run(context.Background(), w); code != 0 {
		t.Fatalf("%q: exit code %d", args, code)
	}
	return out.String()
}

// fullWriter takes nothing.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestCompletionOnAFullDisk: a script that could not be written is no success.
func TestCompletionOnAFullDisk(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		w := Process{Args: []string{"stellar", "completion", shell}, Stdout: fullWriter{}, Stderr: io.Discard,
			Getenv: func(string) string { return "" }}
		if code := Run(context.Background(), w); code != fail.CodeFailed {
			t.Errorf("%s: exit code %d", shell, code)
		}
	}
}

// named are the command lines of all commands that are shown, with the names of their flags.
func named(commands []*cli.Command, above ...string) map[string][]string {
	all := map[string][]string{}
	for _, c := range commands {
		if c.Hidden || c.Name == "help" {
			continue
		}
		path := append(append([]string{}, above...), c.Name)
		all[strings.Join(path, " ")] = flagNames(c.Flags)
		for line, flags := range named(c.Subcommands, path...) {
			all[line] = flags
		}
	}
	return all
}

// The manual page and the completions name every command and every flag.
func TestEveryCommandAndFlagIsNamed(t *testing.T) {
	app := newCommand(Process{Stdout: io.Discard, Stderr: io.Discard}).app()
	man, fish := strings.ReplaceAll(outputOf(t, "man"), `\-`, "-"), outputOf(t, "completion", "fish")
	all := named(app.Commands)
	all[""] = flagNames(app.Flags)
	if len(all) < 20 {
		t.Fatalf("only %d commands", len(all))
	}
	for line, flags := range all {
		path := strings.Fields(line)
		if len(path) > 0 {
			name := path[len(path)-1]
			above := outputOf(t, append(path[:len(path)-1:len(path)-1], "", completionFlag)...)
			if !strings.Contains("\n"+above, "\n"+name+":") && !strings.Contains("\n"+above, "\n"+name+"\n") {
				t.Errorf("bash and zsh do not complete stellar %s", line)
			}
			if !strings.Contains(man, name) || !strings.Contains(fish, "-a '"+name+"'") {
				t.Errorf("the manual page or fish does not have stellar %s", line)
			}
		}
		dashes := outputOf(t, append(path, "-", completionFlag)...)
		for _, flag := range flags {
			if len(flag) == 1 {
				if !strings.Contains(fish, " -s "+flag) {
					t.Errorf("fish does not complete stellar %s -%s", line, flag)
				}
				continue
			}
			if !strings.Contains(dashes, "--"+flag) {
				t.Errorf("bash and zsh do not complete stellar %s --%s", line, flag)
			}
			if !strings.Contains(man, "--"+flag) || !strings.Contains(fish, " -l "+flag) {
				t.Errorf("the manual page or fish does not have stellar %s --%s", line, flag)
			}
		}
	}
}

// TestCompletions completes parts of command lines: options by their first letters, values of options, and nothing
// where a file comes.
func TestCompletions(t *testing.T) {
	for line, want := range map[string]string{
		"export --fo":            "--format",
		"--op":                   "--open",
		"export --format ":       "csv json markdown openmetrics parquet otlp",
		"export --log-level ":    "debug info warn error",
		"-c x.json --json --max": "--max-duration",
		"export --nothing":       "",
		"export ":                "",
		"export latest ":         "",
		"export --output ":       "",
		"completion ":            "bash zsh fish",
		"baseline ":              "set show clear",
		"history latest --ackno": "--acknowledge",
		"nothing ":               "",
	} {
		got := strings.Fields(outputOf(t, append(strings.Split(line, " "), completionFlag)...))
		if strings.Join(got, " ") != want {
			t.Errorf("stellar %s: %q, want %q", line, got, want)
		}
	}
}
