package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// An archive whose record has no experiment, or results of none of its sub-experiments, is refused. Its checksums are
// right: anybody can make such a file.
func TestOpenExperimentChecksTheRecord(t *testing.T) {
	home := func(name string) string {
		return map[string]string{"STELLAR_CACHE_DIR": t.TempDir()}[name]
	}
	for name, record := range map[string]string{
		"no experiment": `{"id": "x", "status": "done", "results": [{"subExperiment": 0, "folder": "a"}]}`,
		"no such sub-experiment": `{"id": "x", "status": "done", "results": [{"subExperiment": -1, "folder": "a"}],
			"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}, {"Title": "b"}]}}`,
		"no such function": `{"id": "x", "status": "done", "results": [{"subExperiment": 0, "folder": "a"}],
			"functions": [{"subExperiment": -1}],
			"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}]}}`,
	} {
		path := filepath.Join(t.TempDir(), "x"+archive.Extension)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		err = archive.Write(f, []archive.File{{Name: archive.RunDir + "/run.json", Text: []byte(record)},
			{Name: archive.InputDir + "/" + archive.Experiment, Text: []byte(`{}`)}})
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		x, err := OpenExperiment(path, home)
		if fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: %+v, %v; want an error of bad input", name, x, err)
		}
	}
}
