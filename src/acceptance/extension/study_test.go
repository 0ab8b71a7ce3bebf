package extension_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// toyStudy is an experiment type: its package, its keys, its row in the list.
func toyStudy() addition {
	return addition{
		files: map[string]string{"src/study/toy/toy.go": "study/toy.go"},
		edits: []edit{
			{"src/experiment/subtypes.go", "\t\t{name: TypeTransfer, bursts: true, defaults: TypeKeys{MaxRetries: 10, Fan: 1}},\n", `
		{
			name:     "toy",
			defaults: TypeKeys{ToyFunctions: 3},
			requests: func(s *SubExperiment) int { return s.ToyFunctions },
		},
`},
			{"src/experiment/subtypes.go", "type TypeKeys struct {\n",
				"\tToyFunctions int `json:\"ToyFunctions,omitempty\"`\n"},
			{"src/experiment/subtypes.go", "\treturn []key{\n", `
		{name: "ToyFunctions", rule: atLeast(1, 100), types: []string{"toy"}, computed: "3", doc: "Functions that are called."},
`},
			{"src/study/catalog/catalog.go", "\t\t{experiment.TypeTransfer, transfer.Study{}},\n",
				"\t\t{\"toy\", toy.Study{}},\n"},
			{"src/study/catalog/catalog.go", "\t\"github.com/vhive-serverless/STeLLAR/src/study/burst\"\n",
				"\t\"github.com/vhive-serverless/STeLLAR/src/study/toy\"\n"},
		},
	}
}

// TestAddingAStudy holds that an experiment type is added in three places, and is planned, run and reported like the
// others.
func TestAddingAStudy(t *testing.T) {
	toy := toyStudy()
	if n := len(toy.packages()); n > 3 {
		t.Errorf("the type touches %d packages: %v", n, toy.packages())
	}
	l := lab.New(t, `{"Provider": "local", "Runtime": "go", "SubExperiments": [
		{"Type": "toy", "ToyFunctions": 4}, {"Type": "toy"}]}`)
	l.Bin = toy.build(t)

	plan := l.Output("plan", "-c", "exp.json")
	for _, want := range []string{"7 functions, about 7 requests",
		"  measure-0  4", "\nall: type toy, runtime go, package Zip, memory 128 MB"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan has no %q:\n%s", want, plan)
		}
	}
	if schema := l.Output("schema"); !strings.Contains(schema, `"ToyFunctions"`) || !strings.Contains(schema, `"toy"`) {
		t.Errorf("the schema does not have the type:\n%s", schema)
	}
	l.Write("wrong.json", `{"Provider": "local", "SubExperiments": [{"Type": "toi"}, {"Type": "toy", "ToyFunctions": `+
		`0}]}`)
	if _, stderr := l.Stellar(2, "validate", "-c", "wrong.json"); !strings.Contains(stderr, `did you mean "toy"?`) ||
		!strings.Contains(stderr, "SubExperiments[1].ToyFunctions: found 0 (number); want an integer from 1 to 100") {
		t.Errorf("validate says\n%s", stderr)
	}

	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, `{"RequestID":"r","Instance":{"ID":"i","Cold":true,"Invocation":1}}`)
	}))
	defer server.Close()
	l.Write("run.json", `{"Provider": "`+server.URL+`", "SubExperiments": [{"Type": "toy", "ToyFunctions": 4}]}`)
	l.Output("-c", "run.json", "-o", "out")
	if rows := l.RowsOf("out", "*"); len(rows) != 4 || calls.Load() != 4 {
		t.Errorf("%d calls, %d rows: %+v", calls.Load(), len(rows), rows)
	}
}
