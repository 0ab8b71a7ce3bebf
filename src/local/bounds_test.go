package local

import (
	"encoding/json"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	provided "github.com/vhive-serverless/STeLLAR/src/provider/local"
)

// TestBounds: the platform takes the least and the most that an experiment's file may ask of it, because what it
// refuses is refused when functions are deployed, not when the file is read.
func TestBounds(t *testing.T) {
	var file struct {
		Defs struct {
			SubExperiment struct {
				Properties struct {
					Platform struct {
						Properties map[string]struct{ Minimum, Maximum *float64 }
					}
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(experiment.Schema([]experiment.Provider{{Name: "local"}}), &file); err != nil {
		t.Fatal(err)
	}
	limits := provided.Provider().Limits
	asked := map[string][]float64{
		"FunctionMemoryMB":       {float64(limits.MemoryMB[0]), float64(limits.MemoryMB[1])},
		"FunctionTimeoutSeconds": {1, float64(limits.TimeoutMax)},
	}
	for key, bounds := range file.Defs.SubExperiment.Properties.Platform.Properties {
		if bounds.Maximum != nil {
			asked[key] = []float64{*bounds.Minimum, *bounds.Maximum}
		}
	}
	set := map[string]func(f *client.FunctionSpec, v float64){
		"FunctionMemoryMB":       func(f *client.FunctionSpec, v float64) { f.MemoryMB = int(v) },
		"FunctionTimeoutSeconds": func(f *client.FunctionSpec, v float64) { f.TimeoutSeconds = int(v) },
		"Concurrency":            func(f *client.FunctionSpec, v float64) { f.Concurrency = int(v) },
		"MaxInstances":           func(f *client.FunctionSpec, v float64) { f.MaxInstances = int(v) },
		"KeepAliveSeconds":       func(f *client.FunctionSpec, v float64) { f.KeepAliveSeconds = &v },
	}
	if len(asked) != len(set) {
		t.Errorf("bounds of %v", asked)
	}
	for key, bounds := range asked {
		for _, v := range bounds {
			f := client.FunctionSpec{Name: "f", Artifact: "/f.zip"}
			set[key](&f, v)
			if faults := normaliseFunction(&f); len(faults) > 0 {
				t.Errorf("%s %v: %v", key, v, faults)
			}
		}
	}
	usual, err := Options{Dir: t.TempDir(), Token: "0123456789abcdef"}.withDefaults()
	if err != nil || limits.ZipBytes == 0 || int64(limits.ZipBytes) > usual.MaxUnpacked {
		t.Errorf("files may ask for packages of %s; %d bytes are unpacked, error %v", limits.ZipBytes,
			usual.MaxUnpacked, err)
	}
}
