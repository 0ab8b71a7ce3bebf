package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// repeatedRun is a run's folder with one function, and with bursts of two requests that begin at these instants in
// milliseconds and take 10 ms.
func repeatedRun(t *testing.T, change func(*run.Record), starts ...int) string {
	t.Helper()
	dir := t.TempDir()
	seed := int64(3)
	rec := &run.Record{ID: "x", Version: "v1", Seed: seed, Host: run.Host{OS: "linux", Arch: "amd64"},
		Builds: []run.BuildRecord{{Build: "b", Toolchain: "go1",
			Installed: []run.Installed{{Name: "lib", Version: "1"}}}},
		Functions:  []run.FunctionRecord{{Name: "f0-0", Build: "b", PackageSHA256: "aa", Architecture: "amd64"}},
		Results:    []run.ResultRecord{{Folder: "0"}},
		Experiment: &experiment.Experiment{Seed: &seed, SubExperiments: []experiment.SubExperiment{{Title: "one"}}}}
	rec.Experiment.SubExperiments[0].Function = "measure"
	change(rec)
	if err := rec.Write(dir); err != nil {
		t.Fatal(err)
	}
	writeRows(t, dir, starts)
	return dir
}

func writeRows(t *testing.T, dir string, starts []int) {
	t.Helper()
	folder := filepath.Join(dir, "0")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := sample.Create(filepath.Join(folder, study.LatenciesFile))
	if err != nil {
		t.Fatal(err)
	}
	for burst, ms := range starts {
		for slot := range 2 {
			s := sample.Empty()
			s.Burst, s.Slot = burst, slot
			s.PlannedAt = time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond)
			s.SentAt, s.ReceivedAt = s.PlannedAt, s.PlannedAt.Add(10*time.Millisecond)
			w.AppendRow(&s)
		}
	}
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// A repeated run's packages are compared byte for byte, and what differs in their making is named; so are pauses.
func TestCompareMaking(t *testing.T) {
	same := func(*run.Record) {}
	then := repeatedRun(t, same, 0, 110, 220)
	for name, c := range map[string]struct {
		change func(*run.Record)
		starts []int
		why    string // of the package; empty: it is the same
		off    float64
	}{
		"the same":      {same, []int{5, 115, 225}, "", 0},
		"another pause": {same, []int{0, 110, 223}, "", 3},
		"fewer bursts":  {same, []int{0, 110}, "", -1},
		"another binary": {func(r *run.Record) { r.Functions[0].PackageSHA256 = "bb" }, []int{0, 110, 220},
			"nothing that was recorded differs", 0},
		"another compiler": {func(r *run.Record) {
			r.Functions[0].PackageSHA256, r.Builds[0].Toolchain = "bb", "go2"
		}, []int{0, 110, 220}, "toolchain: go1 then, go2 now", 0},
		"another library": {func(r *run.Record) {
			r.Functions[0].PackageSHA256, r.Builds[0].Installed = "bb", []run.Installed{{Name: "lib", Version: "2"}}
		}, []int{0, 110, 220}, "installed packages: lib 1 then, lib 2 now", 0},
		"another version": {func(r *run.Record) { r.Functions[0].PackageSHA256, r.Version = "bb", "v2" },
			[]int{0, 110, 220}, "stellar, which has the function's code: v1 then, v2 now", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := compareMaking(then, repeatedRun(t, c.change, c.starts...))
			if err != nil {
				t.Fatal(err)
			}
			p, s := got.Packages[0], got.Schedules[0]
			if p.Same != (c.why == "") || !strings.Contains(p.Why, c.why) {
				t.Errorf("package %+v, want %q", p, c.why)
			}
			switch {
			case s.Then != 3 || s.Now != len(c.starts):
				t.Errorf("bursts: %+v", s)
			case c.off < 0 && s.OffMs == nil:
			case s.OffMs == nil || *s.OffMs != c.off || !s.SameSizes:
				t.Errorf("schedule %+v, want %v ms", s, c.off)
			}
		})
	}
}
