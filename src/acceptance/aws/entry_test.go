package aws_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"stellar/src/acceptance/lab"
	"stellar/src/sample"
)

// One experiment over the ways into a function: on the local platform and on AWS.
func TestEntries(t *testing.T) {
	e := emulator.Called(t)
	asked := e.Record()
	file := `{"Provider": "local", "SubExperiments": [
		{"Title": "go", "Runtime": "go", "Bursts": 3, "BurstSizes": [1, 2], "IATSeconds": 0.05, "ProviderReport": PR,
			"FunctionTimeoutSeconds": 120, "Sweep": {"Entry": ["http-api", "url", "sdk"]}},
		{"Title": "signed", "Runtime": "python3.13", "Bursts": 2, "Entry": "url", "EntryAuth": "iam"},
		{"Title": "own", "Function": "./own", "Handler": "main.handle", "Runtime": "python3.13", "Bursts": 2,
			"Entry": "sdk", "MaxErrorRatio": 1}]}`
	l := lab.In(t, e, strings.Replace(file, "PR", "true", 1))
	l.Write("own/main.py", "def handle(event, context):\n    raise ValueError('no')\n")
	said := stellar(l, 3, "-c", "exp.json", "-o", "local")
	if !strings.Contains(said, "function-error") {
		t.Errorf("the run says\n%s", said)
	}
	l.Write("exp.json", strings.NewReplacer("PR", "false", `"local"`, `"aws"`).Replace(file))
	stellar(l, 3, "-c", "exp.json", "-o", "aws")
	empty(t, e)
	for _, out := range []string{"local", "aws"} {
		for i, want := range []int{4, 4, 4, 2} {
			if rows := l.RowsOf(out, fmt.Sprintf("%d-*", i)); len(rows) != want {
				t.Errorf("%s, sub-experiment %d: %d rows, want %d", out, i, len(rows), want)
			}
		}
		files, err := filepath.Glob(filepath.Join(l.Dir, out, "*", "4-*", "latencies.csv"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", out, files, err)
		}
		rows, _, err := sample.ReadFile(files[0])
		if err != nil || len(rows) != 2 || rows[1].Err != sample.Function || rows[1].Status != 200 {
			t.Errorf("%s: rows of a function that raises: %+v, %v", out, rows, err)
		}
	}
	checkAllowed(t, asked)
}
