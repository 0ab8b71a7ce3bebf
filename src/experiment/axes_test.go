package experiment

import (
	"fmt"
	"strings"
	"testing"
)

// axesText is a line for each axis: its group, key, unit, the labels of its members, and what differs with it.
func axesText(axes []Axis) string {
	var out []string
	for _, a := range axes {
		var labels []string
		for _, sub := range a.Members {
			labels = append(labels, a.Labels[sub])
			if a.Values != nil {
				labels[len(labels)-1] += fmt.Sprint("=", a.Values[sub])
			}
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %v %v", a.Group, a.Key, a.Unit, labels, a.With)))
	}
	return strings.Join(out, "\n")
}

func TestAxes(t *testing.T) {
	for _, c := range []struct{ subs, want string }{
		{`{"Bursts": 1}`, ""},
		{`{"Bursts": 1}, {"Bursts": 1, "Title": "other"}`, ""},
		{`{"Bursts": 1, "Sweep": {"FunctionImageSizeMB": [10, 2.5], "PackageType": ["Zip", "Image"]}}`,
			"PackageType  [Zip Image Zip Image] []\n" +
				"FunctionImageSizeMB MiB [10=10 10=10 2.5=2.5 2.5=2.5] []"},
		{`{"Bursts": 1, "Sweep": {"IATSeconds": [1, 2]}}`, "IATSeconds s [1=1 2=2] []"}, // the jitter follows it
		{`{"Bursts": 1, "IATSeconds": 1}, {"Bursts": 1, "IATSeconds": 2}`, "IATSeconds s [1=1 2=2] []"},
		{`{"Bursts": 1, "Sweep": {"DesiredServiceTimes": [["20ms"], ["1s"]]}}`,
			"DesiredServiceTimes ms [20ms=20 1s=1000] []"},
		{`{"Bursts": 1, "Runtime": "go"}, {"Bursts": 1, "Runtime": "rust"}, {"Bursts": 2, "Runtime": "rust"}`,
			"Runtime  [go rust rust] []"},
		{`{"Bursts": 1, "Sweep": {"BurstSizes": [[1], [1, 10]]}}`, "BurstSizes  [1 1,10] []"},
		{`{"Bursts": 1, "Sweep": {"PayloadLengthBytes": [1024, 1048576]}}`,
			"PayloadLengthBytes bytes [1024=1024 1048576=1.048576e+06] []"},
		{`{"Bursts": 1, "Platform": {"KeepAliveSeconds": 2}},
			{"Bursts": 1, "Platform": {"KeepAliveSeconds": 0.5, "KeepAliveDistribution": "exponential"}},
			{"Bursts": 1, "Platform": {"KeepAliveSeconds": 2, "KeepAliveDistribution": "exponential"}}`,
			"Platform.KeepAliveDistribution  [fixed exponential exponential] []\n" +
				"Platform.KeepAliveSeconds s [2=2 0.5=0.5 2=2] []"},
		{`{"Bursts": 1, "Sweep": {"Platform": [{"KeepAliveSeconds": 0.05}, {"MaxInstances": 0}]}}`,
			"Platform.KeepAliveSeconds s [0.05=0.05 600=600] []"}, // of an object only what differs
		{`{"Bursts": 1, "Sweep": {"Cmds": [{"cpu": {"n": 100}, "sleep": 5}, {"cpu": {"n": 200}, "sleep": 5}]}}`,
			"Cmds.cpu.n  [100=100 200=200] []"},
		{`{"Bursts": 1}, {"Bursts": 1, "Cmds": {"sleep": 5, "stat": {"argv": 1}}}`,
			"Cmds.sleep  [none 5] [Cmds.stat]"},
		{`{"Sweep": {"Bursts": [1, 2]}}`, "Bursts  [1=1 2=2] []"},
		{`{"Bursts": 1, "Sweep": {"FillerRead": [true, false]}}`, "FillerRead  [true false] []"},
		// One group a title: warm and cold are not compared, nor is what follows from the runtime.
		{`{"Title": "warm", "Bursts": 1, "IATSeconds": 1, "Sweep": {"Runtime": ["go", "python3.13"]}},
			{"Title": "cold", "Bursts": 1, "IATSeconds": 2, "Sweep": {"Runtime": ["go", "python3.13", "java21"]}},
			{"Title": "alone", "Bursts": 1}`,
			"warm Runtime  [go python3.13] []\ncold Runtime  [go python3.13 java21] []"},
		// Titles that were made up are none: Sweeps without one are compared, and so are sub-experiments.
		{`{"Bursts": 1, "Sweep": {"Runtime": ["go", "rust"]}}, {"Bursts": 1, "Sweep": {"Runtime": ["python3.13", "java21"]}}`,
			"Runtime  [go rust python3.13 java21] []"},
		// Equal titles are a group, whose swept and other keys are both varied on purpose.
		{`{"Title": "a", "Bursts": 1, "Sweep": {"FillerRead": [true, false]}},
			{"Title": "a", "Bursts": 1, "PackageType": "Image", "Sweep": {"FillerRead": [true, false]}}, {"Bursts": 9}`,
			"a PackageType  [Zip Zip Image Image] []\na FillerRead  [true false true false] []"},
		{`{"Title": "a", "Bursts": 1, "Runtime": "go"}, {"Title": "a", "Bursts": 1, "Runtime": "rust"},
			{"Title": "b", "Bursts": 4}`,
			"a Runtime  [go rust] []"},
		{`{"Bursts": 1, "Runtime": "go", "FunctionMemoryMB": 128}, {"Bursts": 1, "Runtime": "rust", "FunctionMemoryMB": 256}`,
			"Runtime  [go rust] [FunctionMemoryMB]"},
		// A default that follows from what is varied is not varied; limits and pictures change nothing.
		{`{"Bursts": 1, "RatePerSecond": 5, "DurationSeconds": 1}, {"Bursts": 1, "IATSeconds": 99}`,
			"IATSeconds s [0=0 99=99] [RatePerSecond]"},
		{`{"Bursts": 1, "Thresholds": {"errors": 1}, "Visualization": "cdf"}, {"Bursts": 1, "Visualization": "all"}`, ""},
	} {
		loaded, err := Parse("f.json", []byte(`{"Provider": "local", "SubExperiments": [`+c.subs+`]}`), testProviders())
		if err != nil {
			t.Fatalf("%s: %v", c.subs, err)
		}
		axes, err := loaded.Experiment.Axes()
		if got := axesText(axes); err != nil || got != c.want {
			t.Errorf("%s:\n%s (%v)\nwant\n%s", c.subs, got, err, c.want)
		}
	}
}
