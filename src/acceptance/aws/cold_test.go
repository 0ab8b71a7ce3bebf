package aws_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// coldVariable is the variable that cold starts change.
const coldVariable = "STELLAR_COLD"

// configurations are those of functions as Lambda tells them, without what changes with every update, and with
// SnapStart the versions and the one to which the route leads.
func configurations(t *testing.T, e *cloud.AWS, names []string) []string {
	t.Helper()
	var out []string
	for _, name := range names {
		is, err := e.Lambda.GetFunctionConfiguration(t.Context(),
			&lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		is.RevisionId, is.LastModified, is.ResultMetadata = nil, nil, middleware.Metadata{}
		is.StateReason, is.LastUpdateStatusReason = nil, nil // the emulator has null until the first update, then ""
		text, err := json.Marshal(is)
		if err != nil {
			t.Fatal(err)
		}
		all, err := e.Lambda.ListVersionsByFunction(t.Context(),
			&lambda.ListVersionsByFunctionInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s; the route leads to %q of", text, versionOf(t, e, name))
		for _, v := range all.Versions {
			line += " " + aws.ToString(v.Version)
		}
		out = append(out, line)
	}
	return out
}

// checkForced lets a run make the standing functions cold, kills it between an update and its undoing, and then lets
// another one come to its end: the functions are configured as before.
func checkForced(t *testing.T, e *cloud.AWS, l *lab.Lab, rec *run.Record) {
	t.Helper()
	var names []string
	for _, f := range rec.Functions {
		names = append(names, f.Endpoint.Detail["name"])
	}
	before := configurations(t, e, names)
	text := strings.NewReplacer(`"Sequential": true, `, "", `"Title"`, `"Reuse": true, "ColdStart": "force", "Title"`).
		Replace(awsExperiment)
	l.Write("killed.json", strings.NewReplacer(`"Bursts": 3`, `"Bursts": 500`, `"Bursts": 2`, `"Bursts": 500`).
		Replace(text))
	c := l.Command("-c", "killed.json", "-o", "killed")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	l.Until("a row of each sub-experiment, and a changed variable", func() bool {
		files, _ := filepath.Glob(filepath.Join(l.Dir, "killed", "2*", "*", "latencies.csv"))
		for _, f := range files {
			if rows, _, err := sample.ReadFile(f); err != nil || len(rows) == 0 {
				return false
			}
		}
		return len(files) == 3 && strings.Count(strings.Join(configurations(t, e, names), ""), coldVariable) == 3
	})
	_ = c.Process.Kill()
	_ = c.Wait()
	journal, err := filepath.Glob(filepath.Join(l.Dir, "killed", "2*", run.JournalFile))
	if err != nil || len(journal) != 1 {
		t.Fatalf("journals %q, %v", journal, err)
	}
	kept, err := os.ReadFile(journal[0])
	if err != nil || strings.Count(string(kept), `"kind":"configuration"`) != 3 ||
		strings.Contains(string(kept), "STELLAR_TOKEN_SHA256") {
		t.Errorf("the journal is %s (%v)", kept, err)
	}
	if said := stellar(l, 0, "clean"); !strings.Contains(said, "cleaned") {
		t.Errorf("clean says %s", said)
	}
	if after := configurations(t, e, names); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("after kill -9 and clean the functions are\n%s\nthey were\n%s", strings.Join(after, "\n"),
			strings.Join(before, "\n"))
	}
	l.Write("forced.json", text)
	stellar(l, 0, "-c", "forced.json", "-o", "forced")
	if after := configurations(t, e, names); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("after a run with forced cold starts the functions are\n%s\nthey were\n%s",
			strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	checkForcedRows(t, l)
}

// checkForcedRows demands that each burst of the forced run has met cold functions, at its last attempt at least.
func checkForcedRows(t *testing.T, l *lab.Lab) {
	t.Helper()
	for title, want := range map[string]int{"python": 3, "go": 2, "snapstart": 2} {
		forced := map[int]bool{}
		for _, r := range l.RowsOf("forced", "?-"+title+"-*") {
			if (r.ColdStart == sample.Forced) != (r.Cold == sample.Yes) {
				t.Errorf("%s: row %+v", title, r)
			}
			if r.ColdStart == sample.Forced {
				forced[r.Burst] = true
			}
		}
		if len(forced) != want {
			t.Errorf("%s: %d bursts met cold functions, want %d", title, len(forced), want)
		}
	}
}
