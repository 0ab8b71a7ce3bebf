package cli

import (
	"slices"
	"strings"
	"testing"
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
