package experiment

import (
	"path/filepath"
	"reflect"
	"testing"
)

// publishedFiles lists the copies of published experiment files.
func publishedFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/published/*.json")
	if err != nil || len(files) != 37 {
		t.Fatalf("want 37 published files, got %d (%v)", len(files), err)
	}
	return files
}

func TestPublishedFilesLoad(t *testing.T) {
	for _, f := range publishedFiles(t) {
		t.Run(filepath.Base(f), func(t *testing.T) {
			l, err := Load(f, testProviders())
			if err != nil {
				t.Fatal(err)
			}
			if !l.Published {
				t.Error("not seen as a file of the published form")
			}
			roundTrip(t, l)
		})
	}
}

// roundTrip proves that the effective form loads to an equal experiment without notes of its own making.
func roundTrip(t *testing.T, l *Loaded) {
	t.Helper()
	text, err := l.Experiment.MarshalEffective()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("effective.json", text, testProviders())
	if err != nil {
		t.Fatalf("the effective form does not load: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(l.Experiment, again.Experiment) {
		t.Errorf("the effective form loads to something else:\n%#v\n%#v\n%s", l.Experiment, again.Experiment, text)
	}
	if a, b := l.Experiment.Estimate(), again.Experiment.Estimate(); a != b {
		t.Errorf("another plan: %+v, then %+v", a, b)
	}
	second, err := again.Experiment.MarshalEffective()
	if err != nil || string(second) != string(text) {
		t.Errorf("the effective form is not stable (%v)", err)
	}
}
