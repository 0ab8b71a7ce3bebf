package providertest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// NewRun makes a run of one function for each sub-experiment, as it is before functions have code.
func NewRun(t *testing.T, kind string, subs ...experiment.SubExperiment) *run.Run {
	t.Helper()
	dir := t.TempDir()
	seed := int64(42)
	service := "stellar-20261121t010203z-" + kind + "-abcd"
	r := &run.Run{ID: "20261121t010203z-" + kind + "-abcd", Service: service,
		ServiceDir: filepath.Join(dir, "serverless"), WorkDir: filepath.Join(dir, "work"),
		BaseDir: filepath.Join(dir, "base"),
		Tags: map[string]string{"stellar-run": "20261121T010203Z-" + kind + "-abcd",
			"stellar-expires": "2026-11-21T07:02:03Z"},
		Experiment: &experiment.Experiment{Provider: kind, Seed: &seed, SubExperiments: subs}}
	r.Log = quiet{}
	if err := os.MkdirAll(r.BaseDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, s := range subs {
		language := s.Runtime
		if rt, _, err := experiment.ResolveRuntime(s.Runtime); err == nil {
			language = rt.Language
		}
		for replica := range max(s.Parallelism, 1) {
			hash := "00000000000000000000000000000000000000000000000000000000000001e5"
			r.Functions = append(r.Functions, &run.Function{Name: fmt.Sprintf("f%d-%d", i, replica), Sub: i,
				Replica:  replica,
				Language: language, Runtime: s.Runtime, Handler: s.Handler, Architecture: s.Architecture,
				PackageType: s.PackageType, Pattern: s.PackagePattern, MemoryMB: s.FunctionMemoryMB,
				TimeoutSeconds: s.FunctionTimeoutSeconds, Platform: s.Platform, ColdPull: s.ColdPull,
				ImageSizeMB: s.FunctionImageSizeMB, SnapStart: s.SnapStartEnabled, CPUBoost: s.CPUBoostEnabled,
				Env: map[string]string{"STELLAR_TOKEN_SHA256": hash}})
		}
	}
	return r
}

// Sub is a sub-experiment of a function in a runtime, with the defaults of experiment files.
func Sub(function, runtime string, change ...func(*experiment.SubExperiment)) experiment.SubExperiment {
	s := experiment.SubExperiment{Function: function, Runtime: runtime, PackageType: "Zip", PackagePattern: "**",
		FunctionMemoryMB: 128, FunctionTimeoutSeconds: 60, Architecture: "amd64", FillerPlacement: "back",
		Platform: experiment.Platform{KeepAliveSeconds: 600, Concurrency: 1, Queueing: "spawn"}}
	for _, f := range change {
		f(&s)
	}
	return s
}

// Write writes a file and the folders that it is in.
func Write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var update = flag.Bool("update", false, "rewrite the goldens")

// Golden compares a text with a file of testdata; -update rewrites the file.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (rewrite with -update):\n%s", file, got)
	}
}

// Warnings is a run.Logger that keeps its warnings.
type Warnings []string

var _ run.Logger = (*Warnings)(nil)

// Debugf does nothing.
func (w *Warnings) Debugf(string, ...any) {}

// Infof does nothing.
func (w *Warnings) Infof(string, ...any) {}

// Warnf keeps a warning.
func (w *Warnings) Warnf(format string, a ...any) { *w = append(*w, fmt.Sprintf(format, a...)) }

// Files are those that a provider's CLI reads for a run, in the units' order, named from the service folder.
func Files(r *run.Run, row provider.Provider) ([]provider.File, error) {
	var out []provider.File
	for _, u := range row.Units(r.Service, r.Functions) {
		files, err := row.Writer().Files(r, u, nil)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			out = append(out, provider.File{Name: path.Join(u.Dir, f.Name), Text: f.Text})
		}
	}
	return out, nil
}

// quiet is a log that keeps nothing.
type quiet struct{}

var _ run.Logger = quiet{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}
