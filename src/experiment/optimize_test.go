package experiment

import (
	"strings"
	"testing"
)

func TestOptimize(t *testing.T) {
	for name, c := range map[string]struct {
		subs, want string
		weight     float64
	}{
		"sweep":        {`{"Bursts": 1, "Optimize": "cost", "Sweep": {"FunctionMemoryMB": [128, 256]}}`, "", 0},
		"usual weight": {`{"Bursts": 1, "Optimize": "balanced", "Sweep": {"FunctionMemoryMB": [128, 256]}}`, "", 0.5},
		"no weight": {`{"Bursts": 1, "Optimize": "balanced", "BalancedWeight": 0,
			"Sweep": {"FunctionMemoryMB": [128, 256]}}`, "", 0},
		"spelled out": {`{"Bursts": 1, "Optimize": "speed", "FunctionMemoryMB": 128},
			{"Bursts": 1, "Optimize": "speed", "FunctionMemoryMB": 256}`, "", 0},
		"one size": {`{"Bursts": 1, "Optimize": "cost"}`,
			"SubExperiments[0].Optimize: there is one memory size, 128 MB, and nothing to choose", 0},
		"another sweep": {`{"Bursts": 1, "Optimize": "cost", "Sweep": {"PackageType": ["Zip", "Image"]}}`,
			"nothing to choose", 0},
		"wrong word": {`{"Bursts": 1, "Optimize": "costs", "Sweep": {"FunctionMemoryMB": [128, 256]}}`,
			`did you mean "cost"?`, 0},
		"wrong weight": {`{"Bursts": 1, "Optimize": "balanced", "BalancedWeight": 1.5,
			"Sweep": {"FunctionMemoryMB": [128, 256]}}`, "BalancedWeight: found 1.5", 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Parse("f.json", []byte(`{"Provider": "local", "SubExperiments": [`+c.subs+`]}`), testProviders())
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v; want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Experiment.SubExperiments[0].BalancedWeight; got != c.weight {
				t.Errorf("weight %v; want %v", got, c.weight)
			}
			roundTrip(t, l)
		})
	}
}
