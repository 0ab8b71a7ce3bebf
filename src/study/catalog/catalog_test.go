package catalog

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

func TestSupported(t *testing.T) {
	for name, want := range map[string]bool{
		experiment.TypeBurst: true, "": true, experiment.TypeTransfer: true, experiment.TypePingPong: true,
		experiment.TypeOverhead: true, experiment.TypeEviction: true,
		experiment.TypePerfCost: true, "nonsense": false,
	} {
		_, err := For(name)
		if (err == nil) != want || !want && !errors.Is(err, fail.ErrUnsupported) {
			t.Errorf("%q: error %v", name, err)
		}
		sub := experiment.SubExperiment{Type: name, DataTransferChainLength: 2, Protocol: "grpc"}
		lacks := slices.ContainsFunc(Needs(&sub), func(n study.Need) bool {
			return n == study.Need{Kind: study.NeedVersion, Key: "Type", Text: "experiments of Type " + name}
		})
		if lacks == want {
			t.Errorf("%q: needs %+v", name, Needs(&sub))
		}
	}
}

func TestUnsupportedNamesThoseThatAre(t *testing.T) {
	_, err := For("nonsense")
	if want := `unsupported: experiment type "nonsense": this version measures "burst", "data-transfer", "eviction", "perf-cost", "network-ping-pong" and "invocation-overhead" only`; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

// TestFunctions counts the functions of every type, from an experiment file on.
func TestFunctions(t *testing.T) {
	for members, want := range map[string]int{
		`"Bursts": 1`: 1,
		`"Bursts": 4, "IATSeconds": 10, "IATJitterSeconds": 2, "Schedule": "open", "DesiredServiceTimes": ["5s"]`: 1,
		`"Bursts": 2, "Parallelism": 3, "DataTransferChainLength": 4`:                                             12,
		`"Bursts": 101, "Parallelism": 51, "DataTransferChainLength": 2`:                                          102,
		`"RatePerSecond": 2.5, "DurationSeconds": 10`:                                                             1,
		`"Arrivals": "trace.csv"`:       1,
		`"Type": "network-ping-pong"`:   1,
		`"Type": "invocation-overhead"`: 20,
		`"Type": "invocation-overhead", "OverheadType": "payload", "PayloadPoints": 3`:     1,
		`"Type": "eviction", "EvictionSeconds": [1, 50, 5], "Copies": 4`:                   12,
		`"Type": "eviction", "EvictionSeconds": [1, 50, 5], "Copies": 4, "Parallelism": 2`: 24,
		`"Type": "perf-cost"`: 2,
	} {
		l, err := experiment.Parse("f.json", []byte(`{"Provider": "aws", "SubExperiments": [{`+members+`}]}`), vendors.Known())
		if err != nil {
			t.Fatal(err)
		}
		all := Functions(&l.Experiment.SubExperiments[0])
		if len(all) != want {
			t.Errorf("%s: %d functions, want %d", members, len(all), want)
		}
		seen := map[string]bool{}
		for _, f := range all {
			position := fmt.Sprint(f.Replica, " ", f.Hop)
			memory := 128
			if sizes := l.Experiment.SubExperiments[0].MemorySizesMB; len(sizes) > 0 {
				memory = sizes[f.Replica%len(sizes)]
			}
			if seen[position] || f.Hop >= f.ChainLength || f.MemoryMB != memory {
				t.Errorf("%s: function %+v", members, f)
			}
			seen[position] = true
		}
	}
}
