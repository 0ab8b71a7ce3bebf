package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// addStanding adds to a summary what its functions cost while they were deployed, beside their requests. It uses the
// prices in the run's folder, so that a run without prices has no such cost.
func (s *reporter) addStanding(sum *analyze.Summary) error {
	sheet, err := price.ReadFile(filepath.Join(s.dir, PricesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := vendors.Find(s.rec.Experiment.ProviderKind())
	if err != nil {
		return err
	}
	var usd, monthly float64
	what, functions := "", 0
	for _, f := range s.rec.Functions {
		if f.SubExperiment != sum.Index || f.Endpoint == nil {
			continue
		}
		t, err := sheet.Tariff(billedRecord(row, s.rec, f))
		var missing *price.MissingError
		if errors.As(err, &missing) || err == nil && t.StandingItem() == "" {
			continue
		}
		if err != nil {
			return err
		}
		what = t.StandingItem()
		functions++
		usd += t.Standing(deployedFor(s.rec))
		monthly += t.Standing(month)
	}
	if functions == 0 {
		return nil
	}
	sum.Standing = analyze.Of(usd)
	sum.Findings = append(sum.Findings, fmt.Sprintf("%s of %d functions costs %s USD for this run, and %s USD for 30 "+
		"days; it is not in the cost of requests", what, functions, cents(usd), cents(monthly)))
	return nil
}

const month = 30 * 24 * time.Hour

// cents writes an amount of USD with three digits.
func cents(usd float64) string { return strconv.FormatFloat(usd, 'g', 3, 64) }

// deployedFor is the time from the run's start until its requests were over: all stages before the statistics.
func deployedFor(rec *run.Record) time.Duration {
	seconds := 0.0
	for _, stage := range rec.Stages {
		if stage.Name == (reportStage{}).String() {
			break
		}
		seconds += stage.Seconds
	}
	return time.Duration(seconds * float64(time.Second))
}
