package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	man := strings.ReplaceAll(outputOf(t, "man"), `\-`, "-")
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
				t.Errorf("shells do not complete stellar %s", line)
			}
			if !strings.Contains(man, name) {
				t.Errorf("the manual page does not have stellar %s", line)
			}
		}
		dashes := outputOf(t, append(path, "-", completionFlag)...)
		for _, flag := range flags {
			if len(flag) == 1 {
				continue
			}
			if !strings.Contains(dashes, "--"+flag) {
				t.Errorf("shells do not complete stellar %s --%s", line, flag)
			}
			if !strings.Contains(man, "--"+flag) {
				t.Errorf("the manual page does not have stellar %s --%s", line, flag)
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

// TestCompletionInShells completes in the shells that this machine has: words of stellar's, and files where there are
// none. A program that answers as this package does stands for stellar.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("XDG_CONFIG_HOME", dir)
	const program = `#!/bin/sh
[ "$*" = "export --format pa --generate-bash-completion" ] && echo parquet
[ "$*" = "comp --generate-bash-completion" ] && printf 'compare\ncompletion\n'
exit 0
`
	for name, text := range map[string]string{"stellar": program, "bash.sh": outputOf(t, "completion", "bash"),
		"fish.sh": outputOf(t, "completion", "fish"), "one.json": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const bash = `source bash.sh; read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_stellar; for w in "${COMPREPLY[@]}"; do echo "$w"; done`
	const fish = `source fish.sh; complete -C "$argv[1]"`
	for shell, args := range map[string][]string{"bash": {"--norc", "-c", bash, "bash"},
		"fish": {"--no-config", "-c", fish}} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		for line, want := range map[string]string{"stellar comp": "compare completion",
			"stellar export --format pa": "parquet", "stellar -c on": "one.json"} {
			if shell == "bash" && want == "one.json" {
				want = "" // bash itself adds files
			}
			cmd := exec.CommandContext(t.Context(), shell, append(args[:len(args):len(args)], line)...)
			cmd.Dir = dir
			if got, err := cmd.CombinedOutput(); err != nil || strings.Join(strings.Fields(string(got)), " ") != want {
				t.Errorf("%s, %s: %q, %v; want %q", shell, line, got, err, want)
			}
		}
	}
}
