package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

type quiet struct{ runtest.Quiet }

func (quiet) Burst(Progress) {}

func testJob(t *testing.T, file string) (*Job, *run.Run) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("TMPDIR", home)
	env := map[string]string{"HOME": home}
	w := Config{Deps: run.Deps{Getenv: func(k string) string { return env[k] }, Version: "test", Now: time.Now,
		Log: quiet{}},
		Options: Options{Output: home, Serverless: true, Only: -1}, Observer: quiet{}}
	exp := parse(t, file)
	j := NewJob(w, exp)
	r, err := run.Create(w.Deps, w.Output, exp, home)
	if err != nil {
		t.Fatal(err)
	}
	r.Functions, err = Functions(exp, w.Subs(exp), r.TokenHash())
	if err != nil {
		t.Fatal(err)
	}
	return j, r
}

func parse(t *testing.T, file string) *experiment.Experiment {
	t.Helper()
	loaded, err := experiment.Parse("test.json", []byte(file), vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Experiment
}

const small = `{"Provider":"local","SubExperiments":[{"Runtime":"go","Bursts":1,"Parallelism":2}]}`

func TestStagesRunInOrderUntilOneFails(t *testing.T) {
	j, r := testJob(t, small)
	var order []string
	note := func(name string, err error) runtest.Stage {
		return runtest.Stage{Name: name, Do: func() error { order = append(order, name); return err }}
	}
	skipped := note("skipped", nil)
	skipped.Reason = "nothing to do"
	err := j.Execute(context.Background(), r, []Stage{note("a", nil), skipped,
		note("typed skip", fail.Skip{Reason: "none"}),
		note("b", fail.With(fail.CodeThreshold, "broken")), note("never", nil)})
	if got := strings.Join(order, " "); got != "a typed skip b" {
		t.Errorf("ran %q", got)
	}
	if fail.Code(err) != fail.CodeThreshold || !strings.HasPrefix(err.Error(), "b: ") {
		t.Errorf("error is %v; want the stage's own, with its name", err)
	}
	var skips []string
	for _, s := range r.Record.Stages {
		if s.Skipped != "" {
			skips = append(skips, s.Name+": "+s.Skipped)
		}
	}
	if got := strings.Join(skips, ", "); got != "skipped: nothing to do, typed skip: none" {
		t.Errorf("the record says skipped: %s", got)
	}
}

func TestFunctionsOfAnExperiment(t *testing.T) {
	exp := parse(t, `{"Provider":"local","SubExperiments":[{"Runtime":"go","Bursts":2,"Parallelism":2},
		{"Runtime":"python3.13","Bursts":1,"Public":true,"FunctionMemoryMB":512}]}`)
	fns, err := Functions(exp, []int{0, 1}, "hash")
	if err != nil || len(fns) != 3 {
		t.Fatalf("%d functions, %v", len(fns), err)
	}
	if fns[1].Name != "f0-1" || fns[1].Language != "go" || fns[1].Env["STELLAR_TOKEN_SHA256"] != "hash" {
		t.Errorf("second function is %+v", fns[1])
	}
	if _, guarded := fns[2].Env["STELLAR_TOKEN_SHA256"]; guarded || fns[2].MemoryMB != 512 || fns[2].Sub != 1 {
		t.Errorf("public function is %+v", fns[2])
	}
}

func TestFunctionsOfAChain(t *testing.T) {
	exp := parse(t, `{"Provider":"vhive","SubExperiments":[{"Bursts":1},
		{"Bursts":1,"Parallelism":2,"DataTransferChainLength":3}]}`)
	fns, err := Functions(exp, []int{0, 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, f := range fns {
		names = append(names, f.Name)
		if i > 0 && (f.Hop != (i-1)%3 || f.Replica != (i-1)/3 || f.Sub != 1) {
			t.Errorf("function %d is %+v", i, f)
		}
	}
	if got := strings.Join(names, " "); got != "f0-0 f1-0-0 f1-0-1 f1-0-2 f1-1-0 f1-1-1 f1-1-2" {
		t.Errorf("functions %s", got)
	}
}

func TestIncrements(t *testing.T) {
	exp := parse(t, `{"Provider":"local","SubExperiments":[
		{"Runtime":"go","Bursts":2,"DesiredServiceTimes":["0ms","10ms"]}]}`)
	s := &exp.SubExperiments[0]
	times := []time.Duration{0, 10 * time.Millisecond}
	cals := []run.Calibration{{Function: s.Function, Runtime: "go", Architecture: s.Architecture, ServiceTime: "10ms",
		Increments: 7}}
	if got, err := increments(cals, s, times); err != nil || got[0] != 0 || got[1] != 7 {
		t.Errorf("increments %v, %v", got, err)
	}
	if _, err := increments(nil, s, times); err == nil {
		t.Error("a service time that was not calibrated passed")
	}
	s.BusySpinIncrements = []int64{5}
	if got, _ := increments(nil, s, times); len(got) != 1 || got[0] != 5 {
		t.Errorf("increments of the file: %v", got)
	}
}
