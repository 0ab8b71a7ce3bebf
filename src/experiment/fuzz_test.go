package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// FuzzParse holds two promises for any text: it is refused with located problems, or its effective form loads to the
// same experiment.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, c := range mistakes {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(sub(`"Title": "t", "Sweep": {"Bursts": [1, 2], "Platform": [{}, {"Queueing": "shared"}], ` +
		`"BurstSizes": [[1], [2, 3]]}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("f.json", data, testProviders())
		if err != nil {
			var all *Problems
			if !errors.As(err, &all) || fail.Code(err) != fail.CodeInput || len(all.List) == 0 {
				t.Fatalf("an error without problems: %v", err)
			}
			for _, p := range all.List {
				if p.Line < 1 || p.Column < 1 || p.Text == "" {
					t.Fatalf("a problem without a place: %+v", p)
				}
			}
			return
		}
		if len(l.Experiment.SubExperiments) > 200 {
			return // seen before, and slow
		}
		_ = l.Experiment.Estimate()
		text, err := l.Experiment.MarshalEffective()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("effective.json", text, testProviders())
		if err != nil {
			t.Fatalf("the effective form does not load: %v\n%s", err, text)
		}
		if !reflect.DeepEqual(l.Experiment, again.Experiment) {
			t.Fatalf("the effective form loads to something else:\n%s", text)
		}
	})
}
