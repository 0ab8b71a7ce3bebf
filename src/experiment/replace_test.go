package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProviderReplaced: another provider takes the place of the file's, with its own defaults, and a note says so; a
// name that is none is refused.
func TestProviderReplaced(t *testing.T) {
	for _, c := range []struct{ file, with, provider, note, wrong string }{
		{`"Provider": "aws", `, "local", "local", `--provider local is used in place of "aws"`, ""},
		{`"Provider": "local", `, "local", "local", "", ""},
		{`"Provider": "aws", `, "", "aws", "", ""},
		{``, "azure", "azure", "", ""},
		{`"Provider": "awz", `, "local", "local", "", ""},
		{`"Provider": "aws", `, "lokal", "", "", `--provider "lokal": want `},
	} {
		path := filepath.Join(t.TempDir(), "f.json")
		if err := os.WriteFile(path, []byte(`{`+c.file+`"SubExperiments": [{"Bursts": 1}]}`), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := LoadWith(path, testProviders(), Reading{Provider: c.with})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		notes := strings.Join(l.Notes, "\n")
		if l.Experiment.Provider != c.provider || !strings.Contains(notes, c.note) ||
			c.note == "" && strings.Contains(notes, "in place of") && c.file != `"Provider": "awz", ` {
			t.Errorf("%+v: provider %s, notes %q", c, l.Experiment.Provider, notes)
		}
		if local := c.provider == "local"; local && l.Experiment.SubExperiments[0].Function != "measure" {
			t.Errorf("%+v: Function %s", c, l.Experiment.SubExperiments[0].Function)
		}
	}
}
