package experiment

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Of a URL nothing is known but what the file says; a default would be reported as if it were.
func TestNothingIsKnownOfAURL(t *testing.T) {
	for text, want := range map[string]SubExperiment{
		`{"Provider":"http://h:8080/a","SubExperiments":[{"Bursts":1}]}`:                                       {Title: "url-0"},
		`{"Provider":"h.example","Runtime":"go","SubExperiments":[{"Bursts":1}]}`:                              {Title: "url-0", Runtime: "go"},
		`{"Provider":"h.example","SubExperiments":[{"Bursts":1,"FunctionMemoryMB":512,"Title":"t"}]}`:          {Title: "t", FunctionMemoryMB: 512},
		`{"Provider":"h.example","SubExperiments":[{"Bursts":1,"PackageType":"Image","Function":"./mine/f"}]}`: {Title: "f-0", PackageType: "Image", Function: "./mine/f"},
	} {
		loaded, err := Parse("x.json", []byte(text), testProviders())
		if err != nil {
			t.Fatal(err)
		}
		s := loaded.Experiment.SubExperiments[0]
		got := SubExperiment{Title: s.Title, Runtime: s.Runtime, PackageType: s.PackageType,
			FunctionMemoryMB: s.FunctionMemoryMB, Function: s.Function, Architecture: s.Architecture}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v\nwant %+v", text, got, want)
		}
		effective, err := loaded.Experiment.MarshalEffective()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("experiment.json", effective, testProviders())
		if err != nil {
			t.Fatalf("the effective file: %v\n%s", err, effective)
		}
		if !reflect.DeepEqual(again.Experiment, loaded.Experiment) {
			t.Errorf("the effective file is another experiment:\n%+v\n%+v", again.Experiment, loaded.Experiment)
		}
	}
	loaded, err := Parse("x.json", []byte(`{"Provider":"http://h:8080/a","Seed":1,"SubExperiments":[{"Bursts":1}]}`), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	if name := loaded.Experiment.SubExperiments[0].Folder(0,
		"url"); name != "0-url-0-IAT0s-burst1-st0ms-payload0KB" {
		t.Errorf("folder %s", name)
	}
}

// An endpoints file tells neither code nor runtime; memory and package type are what is matched, and known.
func TestNothingIsKnownOfTheCodeOfAnEndpointsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	for text, want := range map[string]string{
		`{"Provider":"aws","SubExperiments":[{"Bursts":1}]}`:                                       "||Zip|128",
		`{"Provider":"aws","SubExperiments":[{"Bursts":1,"Runtime":"go"}]}`:                        "|go|Zip|128",
		`{"Provider":"aws","SubExperiments":[{"Bursts":1,"DesiredServiceTimes":["0ms","50ms"]}]}`:  "hellopy|python3.13|Zip|128",
		`{"Provider":"aws","Runtime":"java21","SubExperiments":[{"Bursts":1,"Function":"./f/g"}]}`: "./f/g|java21|Zip|128",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		loaded, err := LoadStanding(path, testProviders())
		if err != nil {
			t.Fatal(err)
		}
		s := loaded.Experiment.SubExperiments[0]
		if got := strings.Join([]string{s.Function, s.Runtime, s.PackageType, trimmed(float64(s.FunctionMemoryMB))},
			"|"); got != want {
			t.Errorf("%s\nis %s; want %s", text, got, want)
		}
	}
}
