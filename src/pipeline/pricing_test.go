package pipeline

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// reported writes rows as they are after the platform's reports were joined: thirty requests in bursts of three, the
// last of which has no report.
func reported(t *testing.T, r *run.Run, sub int, took time.Duration) run.Result {
	t.Helper()
	res := run.Result{Sub: sub, Dir: Folder(r, sub), Rows: 30}
	if err := os.MkdirAll(res.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := sample.Create(filepath.Join(res.Dir, study.LatenciesFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		s := sample.Empty()
		s.Burst, s.Slot, s.BurstSize, s.Endpoint, s.Latency = i/3, i%3, 3, r.Functions[sub].Name, took+time.Millisecond
		if i < 29 {
			s.ProviderDuration, s.Billed = took, took
		}
		w.AppendRow(&s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

// deployedTo gives a run's functions endpoints in a region.
func deployedTo(r *run.Run, region string) {
	for _, f := range r.Functions {
		f.Endpoint = &run.Endpoint{Function: f.Name, Detail: map[string]string{provider.DetailRegion: region}}
	}
}

const tuned = `{"Provider": "aws", "SubExperiments": [{"Title": "t", "Bursts": 10, "BurstSizes": [3],
	"Optimize": "cost", "Sweep": {"FunctionMemoryMB": [128, 512, 1024]}}]}`

// TestPricing: rows with a report have a cost, then the statistics have one for a million requests, and the memory size
// that is recommended is the cheapest.
func TestPricing(t *testing.T) {
	j, r := testJob(t, tuned)
	deployedTo(r, "us-east-1")
	for sub, took := range []time.Duration{time.Second, 220 * time.Millisecond, 130 * time.Millisecond} {
		r.Results = append(r.Results, reported(t, r, sub, took))
	}
	stage := priceStage{config: j.Config, row: j.row}
	if why := stage.Skip(r); why != "" {
		t.Fatalf("skipped: %s", why)
	}
	if err := stage.Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := readRows(filepath.Join(Folder(r, 1), study.LatenciesFile), func(s *sample.Sample) {
		want := 0.0000002 + 0.000001 + 0.5*0.22*0.0000166667 // a request, the HTTP API, 220 ms of 512 MB
		if n++; n == 30 {
			want = math.NaN()
		}
		if math.Abs(s.Cost-want) > 1e-12 || math.IsNaN(s.Cost) != math.IsNaN(want) {
			t.Errorf("row %d costs %v, want %v", n, s.Cost, want)
		}
	})
	if err != nil || n != 30 {
		t.Fatalf("%d rows, error %v", n, err)
	}
	kept, err := os.ReadFile(filepath.Join(r.Dir, PricesFile))
	if err != nil || !strings.Contains(string(kept), "duration") || strings.Contains(string(kept), "azure") {
		t.Errorf("prices of the run: error %v\n%s", err, kept)
	}
	if err := j.reportStage().Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if c := j.report.Summaries[1].CostPerMillion; !c.OK || math.Abs(c.V-(1.2+0.5*0.22*16.6667)) > 1e-6 {
		t.Errorf("a million requests cost %+v", c)
	}
	if len(j.report.Tunings) != 1 {
		t.Fatalf("recommendations %+v", j.report.Tunings)
	}
	if got := j.report.Tunings[0]; got.MemoryMB != 512 || got.LowMB != 512 || got.SecondMB != 128 || !got.Reported {
		t.Errorf("recommendation %+v", got)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "memory_tuning.png")); err != nil {
		t.Error(err)
	}
}

// TestWithoutAPrice: nothing is priced, the run goes on, and the size is chosen by speed where that was asked for.
func TestWithoutAPrice(t *testing.T) {
	for name, c := range map[string]struct{ file, region, prices, want string }{
		"region": {tuned, "mars-1", "", "requests have no cost: there is no price for request (amd64) in mars-1 of aws"},
		"chain": {`{"Provider": "aws", "SubExperiments": [{"Title": "t", "Bursts": 10, "BurstSizes": [3],
			"DataTransferChainLength": 2, "ProviderReport": true}]}`, "us-east-1", "", "of a chain's first function alone"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &warnings{}
			j, r := testJob(t, c.file)
			j.Config.Log = log
			deployedTo(r, c.region)
			r.Results = []run.Result{reported(t, r, 0, time.Second)}
			if err := (priceStage{config: j.Config, row: j.row}).Run(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if strings.Count(log.text.String(), c.want) != 1 {
				t.Errorf("log %q; want %q", log.text.String(), c.want)
			}
			if err := readRows(filepath.Join(Folder(r, 0), study.LatenciesFile), func(s *sample.Sample) {
				if !math.IsNaN(s.Cost) {
					t.Errorf("a row costs %v", s.Cost)
				}
			}); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(r.Dir, PricesFile)); err == nil {
				t.Error("prices are kept that were not used")
			}
		})
	}
	j, r := testJob(t, strings.Replace(tuned, `"Optimize": "cost",`, "", 1))
	if why := (priceStage{config: j.Config, row: j.row}).Skip(r); !strings.Contains(why, "ProviderReport") {
		t.Errorf("skipped: %q", why)
	}
	j.Prices = "none.csv"
	if err := (priceStage{config: j.Config, row: j.row}).Run(t.Context(), r); err == nil {
		t.Error("a file of prices that is not there is no error")
	}
}

// TestBilled describes functions to the rules of billing.
func TestBilled(t *testing.T) {
	s := &experiment.SubExperiment{Architecture: "arm64", Runtime: "java21", SnapStartEnabled: true}
	s.Platform.Concurrency = 7
	f := Billed(provider.Provider{Name: "x", CPUs: func(memoryMB, concurrency int) float64 {
		return float64(memoryMB * concurrency)
	}}, s, 512, "r")
	if f.CPUs != 512*7 || !f.Java || !f.SnapStart || f.Architecture != "arm64" || f.Region != "r" ||
		f.Entry != "http-api" {
		t.Errorf("%+v", f)
	}
	if f := Billed(provider.Provider{Name: "local", Local: true}, s, 512, ""); f.Entry != "url" || f.CPUs != 0 {
		t.Errorf("local: %+v", f)
	}
	for _, entry := range []string{experiment.EntryURL, experiment.EntrySDK, experiment.EntryAsync} {
		s.Entry = entry
		if f := Billed(provider.Provider{Name: "x"}, s, 512, "r"); f.Entry != "url" {
			t.Errorf("%s has a gateway that charges: %+v", entry, f)
		}
	}
}

// warnings keeps what is logged as a warning.
type warnings struct {
	run.Logger
	text strings.Builder
}

func (w *warnings) Warnf(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// TestPriceAgain prices a finished run from its folder and record: with other prices, with one of 0, and with prices
// that are not those of its provider, which leaves no cost of before.
func TestPriceAgain(t *testing.T) {
	j, r := testJob(t, tuned)
	deployedTo(r, "us-east-1")
	r.Results = append(r.Results, reported(t, r, 0, time.Second))
	if err := (priceStage{config: j.Config, row: j.row}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	const columns = "provider,region,architecture,item,unit,usd,source,date\n"
	const rest = ",https://example.com,2026-01-02\n"
	aws := func(usd string) string {
		return columns + "aws,*,*,request,1M requests," + usd + rest + "aws,*,*,duration,GB-s," + usd + rest +
			"aws,*,*,http-api,1M requests," + usd + rest
	}
	for _, c := range []struct {
		name, prices string
		want         float64 // of a row; NaN: none
		said         string
	}{
		{"double", aws("4"), 4*2e-6 + 4*0.125, ""},
		{"free", aws("0"), 0, ""},
		{"none", columns + "azure,*,*,duration,GB-s,1" + rest, math.NaN(),
			"requests have no cost: there are no prices for provider aws"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sheet, err := price.Read(strings.NewReader(c.prices), "p.csv")
			if err != nil {
				t.Fatal(err)
			}
			log := &warnings{Logger: j.Log}
			if err := Price(t.Context(), r.Dir, r.Record, sheet, log); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(log.text.String(), c.said) || (c.said == "") != (log.text.Len() == 0) {
				t.Errorf("log %q; want %q", log.text.String(), c.said)
			}
			known := !math.IsNaN(c.want)
			n := 0
			if err := readRows(filepath.Join(Folder(r, 0), study.LatenciesFile), func(s *sample.Sample) {
				if n++; n == 30 { // has no report
					return
				}
				if math.IsNaN(s.Cost) == known || known && math.Abs(s.Cost-c.want) > 1e-12 {
					t.Errorf("row %d costs %v, want %v", n, s.Cost, c.want)
				}
			}); err != nil || n != 30 {
				t.Errorf("%d rows, error %v", n, err)
			}
			if _, err := os.Stat(filepath.Join(r.Dir, PricesFile)); (err == nil) != known {
				t.Errorf("prices in the folder: %v", err)
			}
			out, err := Report(t.Context(), r.Dir, r.Record, Drawn{}, log)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Summaries[0].CostPerMillion; got.OK != known || known && math.Abs(got.V-c.want*1e6) > 1e-6 {
				t.Errorf("a million requests cost %+v, want %v", got, c.want*1e6)
			}
		})
	}
	r.Record.Experiment.SubExperiments[0].ProviderReport = false
	if err := Price(t.Context(), r.Dir, r.Record, nil, j.Log); fail.Code(err) != fail.CodeInput {
		t.Errorf("a run without reports is priced: %v", err)
	}
}

// TestStandingCost: SnapStart's cache is in the statistics of a run that has prices, for three hours at least, and not
// in the cost of a request.
func TestStandingCost(t *testing.T) {
	j, r := testJob(t, `{"Provider": "aws", "SubExperiments": [{"Title": "t", "Bursts": 10, "BurstSizes": [3],
		"Runtime": "python3.13", "FunctionMemoryMB": 1024, "SnapStartEnabled": true, "ProviderReport": true,
		"Parallelism": 2}]}`)
	deployedTo(r, "us-east-1")
	r.Results = append(r.Results, reported(t, r, 0, time.Second))
	for _, prices := range []bool{false, true} {
		if prices {
			if err := (priceStage{config: j.Config, row: j.row}).Run(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.reportStage().Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got := j.report.Summaries[0]
		want := 2 * 10_800 * 0.0000015046
		if got.Standing.OK != prices || prices && math.Abs(got.Standing.V-want) > 1e-12 {
			t.Errorf("with prices %t: standing cost %+v, want %v", prices, got.Standing, want)
		}
		if told := strings.Join(got.Findings, "\n"); prices != strings.Contains(told,
			"of 2 functions costs 0.0325 USD for this run, and 7.8 USD for 30 days") {
			t.Errorf("with prices %t: findings %q", prices, told)
		}
		if prices && math.Abs(got.CostPerMillion.V-(1.2+16.6667)) > 1e-6 {
			t.Errorf("a million requests cost %+v", got.CostPerMillion)
		}
	}
}
