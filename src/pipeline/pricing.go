package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
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
	if row.Local || !s.HTTPEntry() {
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
	return withoutReports
}

// Run prices the rows. That there is no price is said once, and is no error.
func (s priceStage) Run(ctx context.Context, r *run.Run) error {
	sheet, err := s.config.Sheet()
	if err != nil {
		return err
	}
	if err := r.WriteRecord(); err != nil {
		return err
	}
	return (&pricer{dir: r.Dir, rec: r.Record, row: s.row, sheet: sheet, log: s.config.Log}).run(ctx)
}

// Price prices the rows of a finished run again, from its folder and its record, and keeps the prices there in place of
// those that the run used. A row that has no price now has an empty cell, whatever it had before.
func Price(ctx context.Context, dir string, rec *run.Record, sheet *price.Sheet, log run.Logger) error {
	if err := CheckResults(dir, rec); err != nil {
		return err
	}
	row, err := vendors.Find(rec.Experiment.ProviderKind())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rec.Results, func(res run.ResultRecord) bool {
		return rec.Experiment.SubExperiments[res.SubExperiment].ProviderReport
	}) {
		return fail.Input("%s cannot be priced: %s", dir, withoutReports)
	}
	return (&pricer{dir: dir, rec: rec, row: row, sheet: sheet, log: log, again: true}).run(ctx)
}

// withoutReports is why no request of a run has a cost.
const withoutReports = "what is billed is in the platform's reports, and no sub-experiment has ProviderReport"

// pricer gives the rows in a run's folder their cost.
type pricer struct {
	dir   string
	rec   *run.Record
	row   provider.Provider
	sheet *price.Sheet
	log   run.Logger
	again bool // rows may have a cost already
	said  []string
}

// run prices the rows of one sub-experiment after the other.
func (p *pricer) run(ctx context.Context) error {
	priced := false
	for _, res := range p.rec.Results {
		if res.Rows == 0 || !p.rec.Experiment.SubExperiments[res.SubExperiment].ProviderReport {
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		why, err := p.one(res)
		if err != nil {
			return err
		}
		priced = priced || why == nil
		p.say(why)
	}
	path := filepath.Join(p.dir, PricesFile)
	if priced {
		return writePrices(path, p.sheet.For(p.row.Name))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the prices of before: %w", err)
	}
	return nil
}

// say logs once why requests have no cost. It warns, except for functions on this machine, which cost nothing to
// invoke.
func (p *pricer) say(why error) {
	switch {
	case why == nil || slices.Contains(p.said, why.Error()):
	case p.row.Local:
		p.log.Infof("requests have no cost: %v", why)
	default:
		p.log.Warnf("requests have no cost: %v", why)
	}
	if why != nil {
		p.said = append(p.said, why.Error())
	}
}

// one prices the rows of a sub-experiment. why is the reason why none has a cost.
func (p *pricer) one(res run.ResultRecord) (why, err error) {
	tariffs, why := p.tariffs(res.SubExperiment)
	if why != nil && !p.again {
		return why, nil
	}
	count := 0
	err = sample.Rewrite(filepath.Join(p.dir, res.Folder, study.LatenciesFile), func(row *sample.Sample) {
		row.Cost = math.NaN()
		t, ok := tariffs[row.Endpoint]
		if !ok || row.Billed < 0 && row.ProviderDuration < 0 {
			return // without a report
		}
		usd, unknown := t.Charge(usage(row))
		if unknown != nil {
			why = unknown
			return
		}
		row.Cost = usd
		count++
	})
	switch {
	case err != nil:
		return nil, err
	case count > 0:
		return nil, nil
	case why == nil:
		why = errors.New("none has the platform's report")
	}
	return why, nil
}

// tariffs are those of a sub-experiment's functions. The error says why there are none.
func (p *pricer) tariffs(index int) (map[string]price.Tariff, error) {
	sub := &p.rec.Experiment.SubExperiments[index]
	if sub.DataTransferChainLength > 1 {
		return nil, fmt.Errorf("%s: the platform's report is of a chain's first function alone", sub.Title)
	}
	out := map[string]price.Tariff{}
	for _, f := range p.rec.Functions {
		if f.SubExperiment != index || f.Endpoint == nil {
			continue
		}
		t, err := p.sheet.Tariff(billedRecord(p.row, p.rec, f))
		if err != nil {
			return nil, err
		}
		out[f.Name] = t
	}
	return out, nil
}

// billedRecord describes a function of a run's record to the rules of billing.
func billedRecord(row provider.Provider, rec *run.Record, f run.FunctionRecord) price.Function {
	region := f.Endpoint.Detail[provider.DetailRegion]
	if region == "" {
		region = rec.Experiment.Region
	}
	sub := rec.Experiment.SubExperiments[f.SubExperiment]
	sub.Architecture, sub.Runtime = cmp.Or(sub.Architecture, f.Architecture), cmp.Or(sub.Runtime, f.Runtime)
	return Billed(row, &sub, f.MemoryMB, region)
}

// usage is what a row says of the platform's report.
func usage(row *sample.Sample) price.Usage {
	return price.Usage{Duration: row.ProviderDuration, Billed: row.Billed, Init: row.ProviderInit,
		Restore: row.Restore, CPU: price.None, MaxMemoryMB: row.MaxMemoryMB, Bytes: row.Bytes}
}

// writePrices keeps the prices with the results.
func writePrices(path string, sheet *price.Sheet) error {
	if err := wholefile.Replace(path, sheet.Write); err != nil {
		return fmt.Errorf("write the prices: %w", err)
	}
	return nil
}
