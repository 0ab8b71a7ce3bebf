package study

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// TestSettingsArePlainData holds that settings and endpoints come through JSON without loss, for every key of the file:
// a study may be run on another machine.
func TestSettingsArePlainData(t *testing.T) {
	text := `{"Provider": "aws", "SubExperiments": [
		{"Bursts": 1},
		{"Title": "\u00e9 \"quoted\" <b>", "Bursts": 7, "Parallelism": 2, "BurstSizes": [1, 20], "IATSeconds": 0.1, "IATType": "step",
			"IATStepSeconds": 0.3, "DesiredServiceTimes": ["0ms", "1.5ms"], "BusySpinIncrements": [1, 9007199254740993],
			"Thresholds": {"p99_ms": 300, "errors": 0}, "Cmds": {"stat":{"argv":1}}, "MaxErrorRatio": 0, "WarmupBursts": 3,
			"Platform": {"KeepAliveSeconds": 0.5, "Queueing": "shared", "MaxInstances": 3}, "Visualization": "bar-100"},
		{"Bursts": 2, "IATSeconds": 10, "IATJitterSeconds": 0, "FunctionImageSizeMB": 10.25, "Public": true},
		{"RatePerSecond": 2.5, "DurationSeconds": 10, "Arrivals": "poisson"},
		{"Arrivals": "trace.csv", "TraceSpacing": "even", "Parallelism": 2},
		{"Bursts": 2, "DataTransferChainLength": 3, "StorageTransfer": true, "Protocol": "grpc"},
		{"Type": "network-ping-pong"}, {"Type": "invocation-overhead", "MaxRetries": 0}, {"Type": "eviction"}, {"Type": "perf-cost"}]}`
	all := []string{text}
	files, err := filepath.Glob("../../experiments/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d experiment files, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(data))
	}
	type sent struct {
		Settings  Settings
		Endpoints []Endpoint
	}
	for n, text := range all {
		l, err := experiment.Parse("f.json", []byte(text), vendors.Known())
		if err != nil {
			t.Fatalf("file %d: %v", n, err)
		}
		for i, s := range l.Experiment.SubExperiments {
			was := sent{
				Settings{Index: i, Sub: s, Seed: -1 << 63, Increments: []int64{0, 1<<63 - 1}, UserAgent: "stellar/test",
					Traces: []schedule.Trace{{Slot: 60e9, Counts: []int64{0, 5, 1 << 40}}, {Slot: 1e9}}},
				[]Endpoint{{Function: "f0-0", URL: "https://h.example/f?a=1&b=<2>", Token: "secret"}, {URL: "h:80"}},
			}
			data, err := json.Marshal(was)
			if err != nil {
				t.Fatal(err)
			}
			var is sent
			if err := json.Unmarshal(data, &is); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(is, was) {
				t.Errorf("file %d, sub-experiment %d:\ngot  %+v\nwant %+v", n, i, is, was)
			}
		}
	}
}

// TestSettingsHoldNoCapability holds that no field of the settings is something that JSON cannot carry: a function, a
// channel, an interface.
func TestSettingsHoldNoCapability(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, of reflect.Type)
	walk = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, of)
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(path, of.Elem())
		case reflect.Struct:
			if seen[of] {
				return
			}
			seen[of] = true
			for i := range of.NumField() {
				walk(path+"."+of.Field(i).Name, of.Field(i).Type)
			}
		}
	}
	walk("Settings", reflect.TypeFor[Settings]())
	walk("Endpoint", reflect.TypeFor[Endpoint]())
}
