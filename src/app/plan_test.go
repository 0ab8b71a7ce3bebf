package app_test

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// TestPlanCountsFunctionsOnce holds that a plan has one number of functions for each sub-experiment, whatever its type:
// the table, the total and what the commands deploy agree.
func TestPlanCountsFunctionsOnce(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	for file, want := range map[string][]int{
		`{"Provider":"local","SubExperiments":[{"Bursts":4,"Parallelism":3}]}`:                                  {3},
		`{"Provider":"local","SubExperiments":[{"Bursts":2,"Parallelism":2,"DataTransferChainLength":3}]}`:      {6},
		`{"Provider":"local","SubExperiments":[{"Type":"eviction"},{"Bursts":1}]}`:                              {9, 1},
		`{"Provider":"local","SubExperiments":[{"Type":"eviction","EvictionSeconds":[1,2],"Copies":5}]}`:        {10},
		`{"Provider":"local","SubExperiments":[{"Type":"perf-cost"},{"Type":"network-ping-pong"}]}`:             {2, 1},
		`{"Provider":"local","SubExperiments":[{"Type":"invocation-overhead","CodePackagePoints":4}]}`:          {4},
		`{"Provider":"local","SubExperiments":[{"Type":"invocation-overhead","OverheadType":"payload"}]}`:       {1},
		`{"Provider":"aws","SubExperiments":[{"Type":"perf-cost","MemorySizesMB":[128,256,512]},{"Bursts":1}]}`: {3, 1},
	} {
		loaded, err := experiment.Parse("x.json", []byte(file), vendors.Known())
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.Plan(t.Context(), loaded, home)
		if err != nil {
			t.Fatalf("%s: %s", file, lab.Story(err))
		}
		total, named := 0, 0
		for i, s := range p.Subs {
			if s.Type == experiment.TypeOverhead && (!s.Forced || s.Package != "Zip 1 to 249.5 MiB" && s.Payload !=
				6251000) {
				t.Errorf("%s: %+v", file, s)
			}
			if total += s.Functions; s.Functions != want[i] {
				t.Errorf("%s: sub-experiment %d has %d functions, want %d", file, i, s.Functions, want[i])
			}
		}
		for _, u := range p.Commands {
			named += len(u.Functions)
		}
		if p.Functions != total || named != total {
			t.Errorf("%s: %d functions in the table, %d in all, %d are deployed", file, total, p.Functions, named)
		}
	}
}

// TestPlanOfOneSubExperiment holds that the totals are those of the sub-experiments that are shown.
func TestPlanOfOneSubExperiment(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	w.Only = 1
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"local","Sequential":true,"SubExperiments":[
		{"Bursts":40,"Parallelism":2,"IATSeconds":5},
		{"Bursts":3,"BurstSizes":[4],"IATSeconds":10,"IATType":"deterministic"}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Plan(t.Context(), loaded, home)
	if err != nil {
		t.Fatal(lab.Story(err))
	}
	if len(p.Subs) != 1 || p.Functions != 1 || p.Bursts != 3 || p.Requests != 12 || p.Seconds != 20.1 { // a cold start
		t.Errorf("plan %+v", p)
	}
}
