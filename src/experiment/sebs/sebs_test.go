package sebs

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

func known() []experiment.Provider {
	return []experiment.Provider{{Name: "local"}, {Name: "aws"}, {Name: "azure"}, {Name: "google"}}
}

func example(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestExample translates each experiment of SeBS's own example, for the local platform: the result is a valid
// experiment file with the settings, and what has no counterpart is named.
func TestExample(t *testing.T) {
	defaults := func(k experiment.TypeKeys) experiment.TypeKeys {
		k.FirstPort, k.Exchange = 12000, experiment.ExchangeUDP
		return k
	}
	for name, c := range map[string]struct {
		kind, typ string
		want      experiment.TypeKeys
		warns     []string
	}{
		PingPong: {"", experiment.TypePingPong, defaults(experiment.TypeKeys{Invocations: 50, Repetitions: 1000,
			Threads: 1}), nil},
		Overhead: {"payload", experiment.TypeOverhead, defaults(experiment.TypeKeys{OverheadType: "payload",
			Repetitions: 5, N: 20, MaxRetries: 10, CodePackageBegin: 1048576, CodePackageEnd: 261619712,
			CodePackagePoints: 20, PayloadBegin: 1024, PayloadEnd: 6251000, PayloadPoints: 20}), nil},
		Eviction: {"", experiment.TypeEviction, experiment.TypeKeys{Copies: 1, Repetitions: 5,
			EvictionSeconds: []float64{1}}, []string{"eviction-model.function_copy_idx"}},
		PerfCost: {"", experiment.TypePerfCost, experiment.TypeKeys{Repetitions: 50, Concurrency: 50, MaxRetries: 10,
			MemorySizesMB: []int{128, 256}}, []string{"perf-cost.benchmark", "perf-cost.input-size"}},
	} {
		tr, err := Translate(name, "example.json", example(t), "local", "amd64")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		l, err := experiment.Parse("experiment.json", tr.Experiment, known())
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, tr.Experiment)
			continue
		}
		s := l.Experiment.SubExperiments[0]
		if tr.Kind != c.kind || s.Type != c.typ || !reflect.DeepEqual(s.TypeKeys, c.want) ||
			s.Architecture != "amd64" || s.Runtime != "python3.13" ||
			l.Experiment.Provider != "local" || l.Experiment.Region != "" {
			t.Errorf("%s: kind %q, %+v", name, tr.Kind, s)
		}
		if forced := s.ColdStart == experiment.ColdForce; forced != (name == PerfCost) {
			t.Errorf("%s: ColdStart %s", name, s.ColdStart)
		}
		for _, key := range append(c.warns, "deployment.local.storage", "experiments.architecture",
			"experiments.container_deployment", "experiments.deployment", "experiments.download_results",
			"experiments.update_code", "experiments.update_storage") {
			if !slices.ContainsFunc(tr.Warnings, func(w string) bool { return strings.Contains(w, key+": ") }) {
				t.Errorf("%s: no warning names %s", name, key)
			}
		}
		if len(tr.Warnings) != 7+len(c.warns) {
			t.Errorf("%s: %d warnings:\n%s", name, len(tr.Warnings), strings.Join(tr.Warnings, "\n"))
		}
	}
}

// TestOtherSpellings: names of keys of other versions, other clouds and languages.
func TestOtherSpellings(t *testing.T) {
	const text = `{"experiments": {"runtime": {"language": "nodejs", "version": "22"}, "architecture": "x64",
		"system_variant": "container", "perf-cost": {"experiments": ["warm", "cold"]},
		"invocation-overhead": {"code_package_begin": 1e6, "code_package_end": 2000000, "code_package_points": 3}},
		"deployment": {"name": "local", "gcp": {"region": "europe-west1"}}}`
	tr, err := Translate(Overhead, "f", []byte(text), "gcp", "arm64")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(string(tr.Experiment)), ""); got != `{"Provider":"google",`+
		`"Region":"europe-west1","SubExperiments":[{"Title":"invocation-overhead","Type":"invocation-overhead",`+
		`"Runtime":"nodejs22","Architecture":"amd64","PackageType":"Image","Exchange":"http","OverheadType":"code",`+
		`"CodePackageBegin":1000000,"CodePackageEnd":2000000,"CodePackagePoints":3}]}` || tr.Kind != "code" {
		t.Errorf("%s", got)
	}
	if len(tr.Warnings) != 1 || !strings.Contains(tr.Warnings[0], "Exchange http is used") {
		t.Errorf("warnings %q", tr.Warnings)
	}
	if tr, err = Translate(PerfCost, "f", []byte(text), "", "amd64"); err != nil ||
		!slices.Equal(tr.Types, []string{"warm", "cold"}) || len(tr.Warnings) != 1 {
		t.Errorf("perf-cost: %+v, %v", tr, err)
	}
}

// TestMistakes are all named at once, with their places.
func TestMistakes(t *testing.T) {
	const text = `{"experiments": {"runtime": {"language": "cobol", "version": "1"}, "architecture": "mips",
		"perf-cost": {"repetitions": 0, "memory-sizes": [128, "x"], "experiments": ["tepid"], "benchmark": 1},
		"eviction-model": []},
		"deployment": {"name": "openwhisk"}}`
	_, err := Translate(PerfCost, "f.json", []byte(text), "", "amd64")
	if err == nil {
		t.Fatal("it is translated")
	}
	for _, says := range []string{
		"f.json: experiments.runtime: found \"cobol\" \"1\"; want one of go, ",
		"f.json: experiments.architecture: found \"mips\"; want one of x64, arm64",
		"f.json: experiments.perf-cost.repetitions: found 0; want a whole number from 1 on",
		"f.json: experiments.perf-cost.memory-sizes[1]: found \"x\"; want a whole number",
		"f.json: experiments.perf-cost.experiments[0]: found \"tepid\"; want one of cold, ",
		"f.json: experiments.perf-cost.benchmark: found 1; want a text",
		"f.json: deployment.name: found \"openwhisk\"; want one of aws, azure, gcp, local, or --deployment",
	} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("it does not say %s:\n%v", says, err)
		}
	}
	for text, says := range map[string]string{
		"":                    "is not a configuration of SeBS",
		"[]":                  "is not a configuration of SeBS",
		"{} {}":               "something stands behind its object",
		"{}":                  "experiments: missing",
		`{"experiments": {}}`: "experiments.perf-cost: missing",
		`{"experiments": 1}`:  "experiments: found 1; want an object",
		`{"deployment": {}}`:  "deployment.name: missing",
		`{"experiments": {"perf-cost": {"memory-sizes": 1}}}`: "memory-sizes: found 1; want a list",
	} {
		if _, err := Translate(PerfCost, "f", []byte(text), "", "amd64"); err == nil || !strings.Contains(err.Error(),
			says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := CheckName("perf-cots"); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("a misspelt name: %v", err)
	}
	if err := CheckName(Eviction); err != nil {
		t.Error(err)
	}
}
