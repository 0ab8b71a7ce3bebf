package app

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestPlanCost compares with what the published prices come to by hand.
func TestPlanCost(t *testing.T) {
	sheet, err := price.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	const x86, arm, million = 0.0000166667, 0.0000133334, 1e-6
	for name, c := range map[string]struct {
		file string
		want float64 // NaN: not known
		why  string
	}{
		"aws": {`{"Provider": "aws", "Region": "us-east-1", "SubExperiments": [{"Bursts": 100, "BurstSizes": [1, 10],
			"DesiredServiceTimes": ["0ms", "100ms"], "Sweep": {"FunctionMemoryMB": [128, 1024]}}]}`,
			1100*1.2*million + (50*0.001+500*0.1)*(0.125+1)*x86, ""},
		"chain": {`{"Provider": "aws", "Region": "us-east-1", "SubExperiments": [{"Bursts": 10, "FunctionMemoryMB": 1024,
			"Architecture": "arm64", "DataTransferChainLength": 3, "DesiredServiceTimes": ["1s"]}]}`,
			10 * (3*1.2*million + (3+2+1)*arm), ""},
		"repeated": {`{"Provider": "aws", "Region": "us-east-1", "Repeat": 3, "SubExperiments": [{"Bursts": 10,
			"FunctionMemoryMB": 1024, "DesiredServiceTimes": ["1s"]}]}`, 30 * (1.2*million + x86), ""},
		"replicas": {`{"Provider": "aws", "Region": "us-east-1", "SubExperiments": [{"Bursts": 10, "Parallelism": 5,
			"FunctionMemoryMB": 1024, "DesiredServiceTimes": ["1s"]}]}`, 10 * (1.2*million + x86), ""},
		"SnapStart": {`{"Provider": "aws", "Region": "us-east-1", "SubExperiments": [{"Bursts": 1,
			"FunctionMemoryMB": 1024, "SnapStartEnabled": true, "DesiredServiceTimes": ["1s"]}]}`,
			1.2*million + x86 + 10800*0.0000015046, ""},
		"gcr": {`{"Provider": "gcr", "Region": "us-west2", "SubExperiments": [{"Bursts": 10, "FunctionMemoryMB": 512}]}`,
			10 * (0.4*million + 0.1*(0.0000336+0.5*0.0000035)), ""},
		"google": {`{"Provider": "google", "Region": "us-west1", "SubExperiments": [{"Bursts": 10,
			"FunctionMemoryMB": 256}]}`, 10 * (0.4*million + 0.1*(0.167*0.000024+0.25*0.0000025)), ""},
		"azure": {`{"Provider": "azure", "Region": "East US", "SubExperiments": [{"Bursts": 10}]}`,
			10 * (0.2*million + 0.1*0.125*0.000016), ""},
		"cloudflare": {`{"Provider": "cloudflare", "SubExperiments": [{"Bursts": 10,
			"DesiredServiceTimes": ["20ms"]}]}`, 10 * (0.3*million + 20*0.02*million), ""},
		"aliyun": {`{"Provider": "aliyun", "SubExperiments": [{"Bursts": 10}]}`, math.NaN(), "the function's vCPUs"},
		"no region": {`{"Provider": "aws", "SubExperiments": [{"Bursts": 10}]}`, math.NaN(),
			`depend on the region: name it with "Region"`},
		"another region": {`{"Provider": "aws", "Region": "mars-1", "SubExperiments": [{"Bursts": 10}]}`, math.NaN(),
			"there is no price for request (amd64) in mars-1 of aws"},
		"local": {`{"Provider": "local", "SubExperiments": [{"Bursts": 10}]}`, math.NaN(),
			"there are no prices for provider local: --prices FILE gives some"},
		"url": {`{"Provider": "https://example.com/f", "SubExperiments": [{"Bursts": 10}]}`, math.NaN(),
			"there are no prices for provider url"},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := experiment.Parse("x.json", []byte(c.file), vendors.Known())
			if err != nil {
				t.Fatal(err)
			}
			exp := loaded.Experiment
			row, err := vendors.Find(exp.ProviderKind())
			if err != nil {
				t.Fatal(err)
			}
			got := planCost(sheet, row, exp, pipeline.Options{Only: -1}.Subs(exp), exp.Region, true)
			switch {
			case math.IsNaN(c.want):
				if got.USD != nil || !strings.Contains(got.Unknown, c.why) || got.Assumed != "" {
					t.Errorf("%+v; want %q", got, c.why)
				}
			case got.USD == nil || math.Abs(*got.USD-c.want) > 1e-12 || !strings.Contains(got.Assumed, "2026-"):
				t.Errorf("%+v; want %v USD", got, c.want)
			}
		})
	}
}

// TestBadPrices: a file of prices that is wrong is bad input, for a plan and for a run, before anything is made.
func TestBadPrices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.csv")
	if err := os.WriteFile(file, []byte("provider,region\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider": "local", "SubExperiments": [{"Bursts": 1}]}`),
		vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	a := App{Config: Config{Deps: run.Deps{Getenv: func(string) string { return "" }}, Options: Options{Output: home,
		Serverless: true, Only: -1, Prices: file}}}
	_, planning := a.Plan(t.Context(), loaded, home)
	_, running := a.Run(t.Context(), loaded.Experiment, home)
	_, probing := a.Probe(t.Context(), kept(t, loaded.Experiment))
	for _, err := range []error{planning, running, probing} {
		if !strings.Contains(errors.Join(err).Error(), file+`:1: the columns are "provider,region"`) ||
			fail.Code(err) != fail.CodeInput {
			t.Errorf("error %v, code %d", err, fail.Code(err))
		}
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// kept is the folder of a run whose functions are up, as far as Probe looks at it first.
func kept(t *testing.T, exp *experiment.Experiment) string {
	t.Helper()
	home := t.TempDir()
	r, err := run.Create(run.Deps{Getenv: func(name string) string { return map[string]string{"HOME": home}[name] },
		Now: time.Now}, home, exp, home)
	if err != nil {
		t.Fatal(err)
	}
	r.Record.Status = run.StatusKept
	if err := errors.Join(r.WriteRecord(), r.Close(), r.KeepToken()); err != nil {
		t.Fatal(err)
	}
	return r.Dir
}
