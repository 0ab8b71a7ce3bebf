package experiment

import (
	"fmt"
	"testing"
)

func TestAxes(t *testing.T) {
	for _, c := range []struct{ subs, want string }{
		{`{"Bursts": 1}`, `[]`},
		{`{"Bursts": 1}, {"Bursts": 1, "Title": "other"}`, `[]`},
		{`{"Bursts": 1, "Sweep": {"FunctionImageSizeMB": [10, 2.5], "PackageType": ["Zip", "Image"]}}`,
			`[{PackageType  [Zip Image Zip Image] []} {FunctionImageSizeMB MiB [10 10 2.5 2.5] [10 10 2.5 2.5]}]`},
		{`{"Bursts": 1, "Sweep": {"IATSeconds": [1, 2]}}`, `[{IATSeconds s [1 2] [1 2]}]`}, // the jitter follows it
		{`{"Bursts": 1, "Sweep": {"DesiredServiceTimes": [["20ms"], ["1s"]]}}`,
			`[{DesiredServiceTimes ms [20ms 1s] [20 1000]}]`},
		{`{"Bursts": 1, "Runtime": "go"}, {"Bursts": 1, "Runtime": "rust"}, {"Bursts": 2, "Runtime": "rust"}`,
			`[{Runtime  [go rust rust] []} {Bursts  [1 1 2] [1 1 2]}]`},
		{`{"Bursts": 1, "Sweep": {"BurstSizes": [[1], [1, 10]]}}`, `[{BurstSizes  [1 1,10] []}]`},
		{`{"Bursts": 1, "Sweep": {"PayloadLengthBytes": [1024, 1048576]}}`,
			`[{PayloadLengthBytes bytes [1024 1048576] [1024 1.048576e+06]}]`},
		{`{"Bursts": 1, "Platform": {"KeepAliveSeconds": 2}},
			{"Bursts": 1, "Platform": {"KeepAliveSeconds": 0.5, "KeepAliveDistribution": "exponential"}},
			{"Bursts": 1, "Platform": {"KeepAliveSeconds": 2, "KeepAliveDistribution": "exponential"}}`,
			`[{Platform.KeepAliveDistribution  [fixed exponential exponential] []} ` +
				`{Platform.KeepAliveSeconds s [2 0.5 2] [2 0.5 2]}]`},
		{`{"Bursts": 1, "Sweep": {"Cmds": [{"cpu": {"n": 100}, "sleep": 5}, {"cpu": {"n": 200}, "sleep": 5}]}}`,
			`[{Cmds.cpu.n  [100 200] [100 200]}]`},
		{`{"Bursts": 1}, {"Bursts": 1, "Cmds": {"sleep": 5, "stat": {"argv": 1}}}`, `[{Cmds.sleep  [none 5] []}]`},
		{`{"Bursts": 1, "Sweep": {"FillerRead": [true, false]}}`, `[{FillerRead  [true false] []}]`},
	} {
		loaded, err := Parse("f.json", []byte(`{"Provider": "local", "SubExperiments": [`+c.subs+`]}`), testProviders())
		if err != nil {
			t.Fatalf("%s: %v", c.subs, err)
		}
		axes, err := loaded.Experiment.Axes()
		if got := fmt.Sprint(axes); err != nil || got != c.want {
			t.Errorf("%s:\n%s (%v)\nwant\n%s", c.subs, got, err, c.want)
		}
	}
}
