package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// What cannot be exported like that is refused before a run is looked for.
func TestExportRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--format parquet x":                       "not for a terminal",
		"--format otlp -o y x":                     "--output does not go with --format otlp",
		"--format openmetrics --table latencies x": "which has no tables",
		"--format csv --table bursts x":            `"bursts" is none of latencies, statistics`,
		"--format csv":                             "needs one run, got 0 arguments",
		"--format csv x y":                         "needs one run, got 2 arguments",
		"x":                                        "name it with --format: csv, json,",
	} {
		var out, errs bytes.Buffer
		code := Run(t.Context(), Process{Args: append([]string{"stellar", "export"}, strings.Fields(args)...),
			Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, StdoutTTY: true})
		if code != fail.CodeInput || !strings.Contains(errs.String(), want) || out.Len() > 0 {
			t.Errorf("export %s: exit code %d, %q on stdout,\n%s\nwant %q", args, code, out.String(), errs.String(),
				want)
		}
	}
}
