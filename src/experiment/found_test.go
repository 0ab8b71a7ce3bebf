package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRuntimeOfTheFolder: what a folder shows counts where the file names no runtime, and is said.
func TestRuntimeOfTheFolder(t *testing.T) {
	find := func(function string) (id, by string) {
		if function == "./own" {
			return "nodejs22.x", "package.json"
		}
		return "", ""
	}
	for text, want := range map[string]string{
		`"SubExperiments": [{"Bursts": 1, "Function": "./own"}]`:                         "nodejs22.x",
		`"SubExperiments": [{"Bursts": 1, "Function": "./other"}]`:                       "python3.13",
		`"SubExperiments": [{"Bursts": 1, "Function": "./own", "Runtime": "go"}]`:        "go",
		`"Runtime": "go", "SubExperiments": [{"Bursts": 1, "Function": "./own"}]`:        "go",
		`"SubExperiments": [{"Bursts": 1, "Sweep": {"Function": ["./own", "./other"]}}]`: "nodejs22.x",
	} {
		path := filepath.Join(t.TempDir(), "f.json")
		if err := os.WriteFile(path, []byte(`{"Provider": "local", `+text+`}`), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := LoadWith(path, testProviders(), Reading{RuntimeOf: find})
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(l.Notes, "\n")
		said := strings.Contains(notes, "no Runtime is named: nodejs22.x, which package.json shows")
		if got := l.Experiment.SubExperiments[0].Runtime; got != want || said != (want == "nodejs22.x") {
			t.Errorf("%s: runtime %s, notes %q; want %s", text, got, notes, want)
		}
	}
}
