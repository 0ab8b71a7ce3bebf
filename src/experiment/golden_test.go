package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

func TestDefaults(t *testing.T) {
	files, err := filepath.Glob("testdata/defaults/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files (%v)", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			// Load makes the path of a trace absolute, which no golden file can hold.
			l, err := Parse(f, data, testProviders())
			if err != nil {
				t.Fatal(err)
			}
			*l.Experiment.Seed = 7 // drawn where the file has none
			text, err := l.Experiment.MarshalEffective()
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.ReplaceAll(strings.Join(l.Notes, "\n"), filepath.ToSlash(f), filepath.Base(f))
			goldentest.CheckFile(t, strings.TrimSuffix(f, ".json")+".golden", string(text)+notes+"\n")
			roundTrip(t, l)
		})
	}
}

func TestTenMistakes(t *testing.T) {
	data, err := os.ReadFile("testdata/mistakes/ten.json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("ten.json", data, testProviders())
	var all *Problems
	if !errors.As(err, &all) {
		t.Fatalf("want *Problems, got %v", err)
	}
	if fail.Code(err) != fail.CodeInput {
		t.Errorf("exit code %d", fail.Code(err))
	}
	if len(all.List) != 10 {
		t.Errorf("want 10 problems, got %d", len(all.List))
	}
	goldentest.CheckFile(t, "testdata/mistakes/ten.golden", err.Error()+"\n")
}
