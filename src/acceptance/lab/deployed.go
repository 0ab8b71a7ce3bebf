package lab

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Deployed is what `stellar deploy` has made of exp.json.
type Deployed struct {
	Dir    string // folder of the run
	Record *run.Record
	Token  string
	Said   string // what was printed on standard error
}

// Deploy deploys exp.json and leaves its functions.
func (l *Lab) Deploy() Deployed {
	l.Helper()
	text, said := l.Stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
	d := Deployed{Said: said}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		l.Fatalf("deploy --json: %v\n%s", err, text)
	}
	var err error
	if d.Record, err = run.ReadRecord(d.Dir); err != nil {
		l.Fatal(err)
	}
	if d.Token, err = run.ReadToken(d.Dir); err != nil {
		l.Fatal(err)
	}
	return d
}

// RowsOf reads the rows of the sub-experiments of all runs below a folder of the lab. Each must have been answered.
func (l *Lab) RowsOf(out, pattern string) []sample.Sample {
	l.Helper()
	files, err := filepath.Glob(filepath.Join(l.Dir, out, "2*", pattern, "latencies.csv"))
	if err != nil {
		l.Fatal(err)
	}
	var all []sample.Sample
	for _, file := range files {
		rows, torn, err := sample.ReadFile(file)
		if err != nil || torn != 0 {
			l.Fatalf("%s: torn line %d, %v", file, torn, err)
		}
		for _, r := range rows {
			if r.Status != 200 || r.InstanceID == "" {
				l.Errorf("%s: row %+v", file, r)
			}
		}
		all = append(all, rows...)
	}
	return all
}

// Answered demands that so many rows of all runs below a folder of the lab were answered.
func (l *Lab) Answered(out string, want int) {
	l.Helper()
	if rows := l.RowsOf(out, "*"); len(rows) != want {
		l.Errorf("%s has %d rows, want %d", out, len(rows), want)
	}
}

// AnsweredBy demands so many answered rows of each sub-experiment, by its title, of the one run below a folder.
func (l *Lab) AnsweredBy(out string, want map[string]int) {
	l.Helper()
	for title, n := range want {
		if rows := l.RowsOf(out, fmt.Sprintf("?-%s-*", title)); len(rows) != n {
			l.Errorf("%s of %s has %d rows, want %d", title, out, len(rows), n)
		}
	}
}
