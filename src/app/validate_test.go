package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// loaded reads an experiment file in a folder of its own, with a function of the user's beside it.
func loaded(t *testing.T, text string) (l *experiment.Loaded, dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "f.json")
	err = errors.Join(os.MkdirAll(filepath.Join(dir, "thumbs"), 0o755),
		os.WriteFile(filepath.Join(dir, "thumbs", "main.py"), []byte("def lambda_handler(event, context): pass\n"),
			0o600),
		os.WriteFile(file, []byte(text), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	l, err = experiment.Inspect(file, vendors.Known())
	return l, dir, err
}

// TestValidateNamesEveryMistake holds that limits of the provider, missing folders, wrong entry points and what the
// file's reading found are told together, each at its place, without a program or a network being asked.
func TestValidateNamesEveryMistake(t *testing.T) {
	t.Setenv("PATH", "")
	for name, c := range map[string]struct {
		text string
		want []string // beginnings of the lines
	}{
		"good": {`{"Provider": "aws", "SubExperiments": [{"Bursts": 1}, {"Bursts": 1, "Function": "./thumbs"}]}`, nil},
		"all kinds": {`{"Provider": "aws", "Region": "europe",
"SubExperiments": [
{"Bursts": 0, "Function": "./tumbs", "FunctionMemoryMB": 64},
{"Bursts": 1, "Function": "./thumbs", "Handler": "main.py", "Sweep": {"FunctionTimeoutSeconds": [60, 1000, 2000]}},
{"Bursts": 1, "Function": "thumbs/main.py", "DesiredServiceTimes": ["40s"], "Protocol": "h2c", ` +
			`"PayloadLengthBytes": 7000000},
{"Bursts": 1, "FunctionImageSizeMB": 250, "CPUBoostEnabled": true, "Runtime": "python3.11", "SnapStartEnabled": ` +
			`true}]}`, []string{
			"f.json:1:31: Region: aws: Region europe, its regions are written as eu-central-1",
			"f.json:3:12: SubExperiments[0].Bursts: found 0 (number); want an integer >= 1",
			`f.json:3:27: SubExperiments[0].Function: function "./tumbs": there is no such function; looked for ` +
				`DIR/tumbs; did you mean "./thumbs"?`,
			"f.json:3:58: SubExperiments[0].FunctionMemoryMB: aws: FunctionMemoryMB 64, from 128 to 10240",
			`f.json:4:50: SubExperiments[1].Handler: function "./thumbs": handler "main.py" is the name of a file; ` +
				`want module.function; did you mean "main.lambda_handler"?`,
			"f.json:4:102: SubExperiments[1].Sweep.FunctionTimeoutSeconds[1]: aws: FunctionTimeoutSeconds 1000, at " +
				"most 900",
			"f.json:4:108: SubExperiments[1].Sweep.FunctionTimeoutSeconds[2]: aws: FunctionTimeoutSeconds 2000, at " +
				"most 900",
			`f.json:5:27: SubExperiments[2].Function: function "thumbs/main.py": DIR/thumbs/main.py is a file, but a ` +
				`function is a folder; did you mean "thumbs"?`,
			"f.json:5:68: SubExperiments[2].DesiredServiceTimes: aws: DesiredServiceTimes 40s, its HTTP API gives up " +
				"after 30s",
			"f.json:5:89: SubExperiments[2].Protocol: aws: Protocol h2c, an HTTP API answers http1 and h2",
			"f.json:5:118: SubExperiments[2].PayloadLengthBytes: aws: PayloadLengthBytes 7000000, Lambda takes " +
				"6291456 a request and a response",
			"f.json:6:38: SubExperiments[3].FunctionImageSizeMB: aws: FunctionImageSizeMB 250, a ZIP package must " +
				"stay under 250 MiB",
			"f.json:6:62: SubExperiments[3].CPUBoostEnabled: aws: CPUBoostEnabled, it has no CPU boost",
			"f.json:6:113: SubExperiments[3].SnapStartEnabled: aws: SnapStartEnabled for Runtime python3.11, it " +
				"begins with python3.12 and java11"}},
		"the file's runtime": {`{"Provider": "google", "Runtime": "ruby3.4", "SubExperiments": [{"Bursts": 1, ` +
			`"Platform": {"Concurrency": 1001}}]}`, []string{
			"f.json:1:35: Runtime: google: Runtime ruby3.4, it takes python, nodejs, go",
			"f.json:1:107: SubExperiments[0].Platform.Concurrency: google: Platform.Concurrency 1001, at most 1000"}},
		"a default": {`{"Provider": "gcr", "SubExperiments": [{"Bursts": 1}]}`, []string{
			"f.json:1:40: SubExperiments[0].PackageType: gcr: PackageType Zip, it takes Image only"}},
		"a bad value takes no part": {`{"Provider": "aws", "SubExperiments": [{"Bursts": 1, "FunctionMemoryMB": ` +
			`"64", "Handler": 5, "Function": "./thumbs"}]}`, []string{
			`f.json:1:74: SubExperiments[0].FunctionMemoryMB: found "64" (string)`,
			"f.json:1:91: SubExperiments[0].Handler: found 5 (number)"}},
		"a published function": {`{"Provider": "aws", "SubExperiments": [{"Bursts": 1, "Function": "chameleon"}]}`,
			nil},
		"a URL": {`{"Provider": "https://a.example", "SubExperiments": [{"Bursts": 1, "Function": "./nothing", ` +
			`"FunctionMemoryMB": 1}]}`, nil},
	} {
		l, dir, err := loaded(t, c.text)
		if l == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = App{}.Validate(l, dir)
		var got []string
		if err != nil {
			got = strings.Split(strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+"/f.json", "f.json"), dir,
				"DIR"), "\n")
		}
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) || err != nil && fail.Code(err) != fail.CodeInput {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	if l, _, err := loaded(t, `{"Provider": "awss", "SubExperiments": [{"Bursts": 1}]}`); l != nil || err == nil {
		t.Errorf("an unknown provider: %v", err)
	}
}

// TestManyFunctionsValidateAtOnce holds that replicas cost nothing: no list of a billion functions is made.
func TestManyFunctionsValidateAtOnce(t *testing.T) {
	l, dir, err := loaded(t, `{"Provider": "aws", "SubExperiments": [{"Bursts": 100000, "Parallelism": 100000, `+
		`"Sweep": {"TimeoutSeconds": [`+counting(5000)+`]}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (App{}).Validate(l, dir); err != nil {
		t.Error(err)
	}
}

func counting(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(1000 + i)
	}
	return strings.Join(all, ",")
}

// TestPlanShowsAllClasses holds that a plan shows what the provider does not take, what this version does not do, what
// this machine cannot carry, missing code, tools and credentials together.
func TestPlanShowsAllClasses(t *testing.T) {
	home := t.TempDir()
	w := App{Config: Config{Deps: run.Deps{Getenv: func(string) string { return "" }, Version: "test", Now: time.Now,
		Log: quiet{}},
		Options: Options{Output: home, Serverless: true, Only: -1}, Observer: quiet{},
		Executable: filepath.Join(home, "stellar"),
		Runner: func(context.Context, shell.Command) (shell.Result, error) {
			return shell.Result{ExitCode: -1}, fail.With(fail.CodeFailed, "no program")
		}}}
	l, err := experiment.Parse("f.json", []byte(`{"Provider": "azure", "SubExperiments": [
		{"Bursts": 1, "FunctionTimeoutSeconds": 601, "StorageTransfer": true, "DataTransferChainLength": 2, `+
		`"Protocol": "grpc"},
		{"Bursts": 1, "BurstSizes": [1000000], "Function": "./nothing"}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Plan(t.Context(), l, home)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range p.Stops {
		all = append(all, s.What)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"FunctionTimeoutSeconds 601, at most 600", "StorageTransfer",
		"the experiment's load: ", `function "./nothing": there is no such function`,
		"Protocol grpc, function apps answer http1 and h2", "the Serverless CLI for azure is not installed",
		"there are no credentials for Azure"} {
		if n := strings.Count(text, want); n < 1 {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
		if !strings.Contains(p.NotReady, want) {
			t.Errorf("notReady does not say %q", want)
		}
	}
	hints := 0
	for _, s := range p.Stops {
		if s.Hint != "" {
			hints++
		}
	}
	if hints < 5 {
		t.Errorf("each with what to do: %+v", p.Stops)
	}
	// A run says the same, and stops as bad input.
	if _, err := w.Run(t.Context(), l.Experiment, home); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "at most 600") || !strings.Contains(err.Error(), "no credentials for Azure") {
		t.Errorf("a run: %v", err)
	}
}
