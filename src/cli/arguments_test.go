package cli

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func TestOptionsFirst(t *testing.T) {
	commands := (&command{}).app().Commands
	for given, want := range map[string]string{
		"report a b --open":              "report --open a b",
		"report a --page p b --json":     "report --page p --json a b",
		"report a --page=p b":            "report --page=p a b",
		"report --open a":                "report --open a",
		"report a --":                    "report -- a",
		"report a --open -- --b":         "report --open -- a --b",
		"report a - --open":              "report --open a -",
		"report a --page":                "report --page a",
		"report a --unknown b":           "report --unknown a b",
		"history a --check":              "history --check a",
		"history a --smallest 5% --of x": "history --smallest 5% --of x a",
		"local start --json a":           "local start --json a",
		"baseline set a --json":          "baseline set --json a",
		"baseline":                       "baseline",
		"baseline --json set":            "baseline --json set",
		"-c file --yes":                  "-c file --yes",
		"clean":                          "clean",
	} {
		got := optionsFirst(commands, append([]string{"stellar"}, strings.Fields(given)...))
		if !slices.Equal(got[1:], strings.Fields(want)) {
			t.Errorf("%s: %q, want %s", given, got, want)
		}
	}
}

// Arguments that a command would not look at are refused, and what it would do is not done.
func TestSurplusArguments(t *testing.T) {
	for given, surplus := range map[string]string{
		"clean latest":          "latest",
		"functions x":           "x",
		"local status x":        "x",
		"baseline clear x":      "x",
		"validate -c a.json b":  "b",
		"-c a.json plan b":      "b",
		"validate a.json b c":   "b",
		"experiment":            "",
		"version":               "",
		"validate a.json":       "",
		"compare a b":           "",
		"export --format csv a": "",
	} {
		var stderr strings.Builder
		code := Run(t.Context(), Process{Args: append([]string{"stellar"}, strings.Fields(given)...),
			Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr,
			Getenv: func(string) string { return t.TempDir() }})
		refused := strings.Contains(stderr.String(), strconv.Quote(surplus)+" is one argument too many")
		if refused != (surplus != "") || refused && code != fail.CodeInput {
			t.Errorf("%s: exit code %d, %s", given, code, stderr.String())
		}
	}
}
