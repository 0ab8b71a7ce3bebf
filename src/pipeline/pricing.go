package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stellar/src/experiment"
	"stellar/src/price"
	"stellar/src/provider"
	"stellar/src/run"
	"stellar/src/sample"
	"stellar/src/study"
)

// PricesFile is the name of the file with the prices that a run used, in its folder.
const PricesFile = "prices.csv"

// Sheet reads the prices that the options name. A file that is wrong is an error of bad input.
func (o Options) Sheet() (*price.Sheet, error) { return price.ReadFile(o.Prices) }

// Billed describes a function of a sub-experiment to the rules of billing.
func Billed(row provider.Provider, s *experiment.SubExperiment, memoryMB int, region string) price.Function {
	f := price.Function{Provider: row.Name, Region: region, Architecture: s.Architecture, MemoryMB: memoryMB,
		Concurrency: s.Platform.Concurrency, SnapStart: s.SnapStartEnabled,
		Java: strings.HasPrefix(s.Runtime, "java"), Entry: price.EntryHTTPAPI}
	if row.Local {
		f.Entry = price.EntryURL // no gateway that charges is in front
	}
	if row.CPUs != nil {
		f.CPUs = row.CPUs(memoryMB, s.Platform.Concurrency)
	}
	return f
}

// priceStage gives each row that has the platform's report its cost.
type priceStage struct {
	config Config
	row    provider.Provider
}

var (
	_ Stage   = priceStage{}
	_ Skipper = priceStage{}
)

func (priceStage) String() string { return "working out what requests cost" }

// Skip says why no request has a cost.
func (s priceStage) Skip(r *run.Run) string {
	for i := range r.Results {
		if r.Experiment.SubExperiments[r.Results[i].Sub].ProviderReport {
			return ""
		}
	}
	return "what is billed is in the platform's reports, and no sub-experiment has ProviderReport"
}

// Run prices the rows of one sub-experiment after the other. That there is no price is said once, and is no error.
func (s priceStage) Run(ctx context.Context, r *run.Run) error {
	sheet, err := s.config.Sheet()
	if err != nil {
		return err
	}
	var said []string
	priced := false
	for i := range r.Results {
		res := &r.Results[i]
		if res.Rows == 0 || !r.Experiment.SubExperiments[res.Sub].ProviderReport {
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		why, err := s.one(r, res, sheet)
		if err != nil {
			return err
		}
		if priced = priced || why == nil; why != nil && !slices.Contains(said, why.Error()) {
			said = append(said, why.Error())
			s.say("requests have no cost: %v", why)
		}
	}
	if !priced {
		return nil
	}
	return writePrices(filepath.Join(r.Dir, PricesFile), sheet.For(s.row.Name))
}

// say warns, except for functions on this machine, which cost nothing to invoke.
func (s priceStage) say(format string, args ...any) {
	if s.row.Local {
		s.config.Log.Infof(format, args...)
		return
	}
	s.config.Log.Warnf(format, args...)
}

// one prices the rows of a sub-experiment. why is the reason why none has a cost.
func (s priceStage) one(r *run.Run, res *run.Result, sheet *price.Sheet) (why, err error) {
	sub := &r.Experiment.SubExperiments[res.Sub]
	if sub.DataTransferChainLength > 1 {
		return fmt.Errorf("%s: the platform's report is of a chain's first function alone", sub.Title), nil
	}
	tariffs := map[string]price.Tariff{}
	for _, f := range r.Functions {
		if f.Sub != res.Sub || f.Endpoint == nil {
			continue
		}
		region := f.Endpoint.Detail[provider.DetailRegion]
		if region == "" {
			region = r.Experiment.Region
		}
		t, err := sheet.Tariff(Billed(s.row, sub, f.MemoryMB, region))
		if err != nil {
			return err, nil //nolint:nilerr // a price that is missing is told, and ends no run
		}
		tariffs[f.Name] = t
	}
	count := 0
	var unknown error
	err = sample.Rewrite(filepath.Join(res.Dir, study.LatenciesFile), func(row *sample.Sample) {
		t, ok := tariffs[row.Endpoint]
		if !ok || row.Billed < 0 && row.ProviderDuration < 0 {
			return // without a report
		}
		usd, err := t.Charge(usage(row))
		if err != nil {
			unknown = err
			return
		}
		row.Cost = usd
		count++
	})
	if err == nil && count == 0 && unknown == nil {
		unknown = errors.New("none has the platform's report")
	}
	if count > 0 {
		unknown = nil
	}
	return unknown, err
}

// usage is what a row says of the platform's report.
func usage(row *sample.Sample) price.Usage {
	return price.Usage{Duration: row.ProviderDuration, Billed: row.Billed, Init: row.ProviderInit,
		Restore: row.Restore, CPU: price.None, MaxMemoryMB: row.MaxMemoryMB, Bytes: row.Bytes}
}

// writePrices keeps the prices with the results.
func writePrices(path string, sheet *price.Sheet) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the prices: %w", err)
	}
	return errors.Join(sheet.Write(f), f.Close())
}
