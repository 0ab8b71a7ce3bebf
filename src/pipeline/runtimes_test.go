package pipeline

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestOneNoteOnARuntime: that an id is retired and that this machine has another version is one note of a run on the
// local platform; elsewhere the file's reading has it.
func TestOneNoteOnARuntime(t *testing.T) {
	const retired = `runtime "nodejs16.x" is retired: "nodejs22.x" is used`
	load := func(provider string) *experiment.Loaded {
		l, err := experiment.Parse("f.json", []byte(`{"Provider": "`+provider+`", "SubExperiments": [
			{"Bursts": 1, "Runtime": "nodejs16.x"}]}`), vendors.Known())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	local, aws := load("local"), load("aws")
	if len(local.Notes) != 1 || len(local.RunNotes()) != 0 || len(aws.RunNotes()) != 1 {
		t.Errorf("notes %q, of a run %q, on aws %q", local.Notes, local.RunNotes(), aws.RunNotes())
	}
	for _, c := range []struct{ runtime, version, want string }{
		{"nodejs22.x", "Node.js 20.11.0", retired + ", and runs on this machine's Node.js 20.11.0"},
		{"nodejs22.x", "Node.js 22.1.0", retired},
		{"python3.13", "Python 3.11.7", "python3.13 runs on this machine's Python 3.11.7"},
		{"python3.13", "Python 3.13.1", ""},
	} {
		f := &run.Function{Runtime: c.runtime, Endpoint: &run.Endpoint{Detail: map[string]string{
			"runtimeVersion": c.version}}}
		if got := runtimeNote(local.Replaced, f); got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.runtime, c.version, got, c.want)
		}
	}
}
