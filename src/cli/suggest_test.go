package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestDidYouMean: a misspelt command, subcommand or flag is answered with the one that is meant, and exit code 2.
func TestDidYouMean(t *testing.T) {
	for args, want := range map[string]string{
		"plna":                        `there is no command "plna"; did you mean "plan"?`,
		"validte -c x":                `did you mean "validate"?`,
		"local strat":                 `stellar local needs start, status, stop, logs or plugin, got "strat"; did you mean "start"?`,
		"storage stat":                `did you mean "start"?`,
		"plan --jsn":                  "there is no option --jsn; did you mean --json?",
		"--otput x":                   "there is no option --otput; did you mean --output?",
		"plan --write2":               "there is no option --write2; did you mean --write?",
		"local start --gatewayport 1": "there is no option --gatewayport; did you mean --gateway-port?",
		"plan -Z":                     "there is no option -Z\n",
		"frobnicate":                  "there is no command \"frobnicate\"\n",
		"run my.json":                 "an experiment is run with `stellar -c my.json`;",
		"my.json":                     "an experiment is run with `stellar -c my.json`;",
		"local":                       "stellar local needs start, status, stop, logs or plugin\n",
		"plan --version":              "`stellar version` prints the version",
		"--max-duration 5 h.org":      `--max-duration "5": want a time with its unit, such as 30s, 5m or 1h30m; did you mean 5s?`,
		"probe x --max-duration 1,5s": `--max-duration "1,5s": want a time with its unit, such as 30s, 5m or 1h30m` + "\n",
		"--max-duration -5s h.org":    "--max-duration -5s: want a time of more than 0, or 0 for no limit",
		"-n 1.5 h.org":                `-n "1.5": want a whole number`,
		"--iat 1s h.org":              `--iat "1s": want a number` + "\n",
		"--iat NaN h.org":             "--iat NaN: want seconds from 0 on",
		"--serverless=no -c x":        `--serverless "no": want true, false, or the option without a value`,
		"-c my/file.json":             "check the path: my/file.json is relative to ",
	} {
		w := testProcess(strings.Fields(args)...)
		code := Run(t.Context(), w)
		if text := w.Stderr.(*bytes.Buffer).String(); code != fail.CodeInput || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d\n%swant %q", args, code, text, want)
		}
	}
}
