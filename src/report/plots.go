package report

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"stellar/src/analyze"
	"stellar/src/fail"
)

// Visualization says which plots a sub-experiment gets.
type Visualization struct {
	CDF       bool
	Bars      bool
	BarsMS    float64 // over 0: cold means a latency of at least this many ms, rather than the functions' word
	Histogram bool    // one file for each burst
}

// ParseVisualization reads the experiment file's value: all, bar, bar-<ms>, cdf, histogram or none; the empty string is
// the default, cdf.
func ParseVisualization(s string) (Visualization, error) {
	switch s {
	case "all":
		return Visualization{CDF: true, Bars: true, Histogram: true}, nil
	case "bar":
		return Visualization{Bars: true}, nil
	case "cdf", "":
		return Visualization{CDF: true}, nil
	case "histogram":
		return Visualization{Histogram: true}, nil
	case "none":
		return Visualization{}, nil
	}
	if number, ok := strings.CutPrefix(s, "bar-"); ok {
		ms, err := strconv.ParseFloat(number, 64)
		if err == nil && ms > 0 && !math.IsInf(ms, 0) {
			return Visualization{Bars: true, BarsMS: ms}, nil
		}
	}
	return Visualization{}, fail.Input("visualization %q is not one of all, bar, bar-<ms>, cdf, histogram, none", s).
		WithHint("For a latency threshold write e.g. bar-200.")
}

// The names of the plots, within the folder of their sub-experiment (the CDF also within that of the run).
const (
	CDFFile  = "empirical_CDF.png"
	BarsFile = "bursts_characterization.png"
)

// SurvivalFile is the name of the plot of how long idle instances live.
const SurvivalFile = "survival.png"

// HistogramFile is the name of one burst's histogram.
func HistogramFile(burst int) string {
	return filepath.Join("histograms", fmt.Sprintf("burst%d.png", burst))
}

// Plots says what was drawn and what was not.
type Plots struct {
	Files   []string // relative to the folder, in the order they were written
	Skipped []Skipped
}

// Skipped is a plot without data to draw.
type Skipped struct {
	File   string
	Reason string
}

// WritePlots draws the plots of one sub-experiment into its folder. Missing data is not an error: that plot is not
// written and the result has the reason. A context that ends stops it between two plots.
func WritePlots(ctx context.Context, dir string, v Visualization, s analyze.Summary) (Plots, error) {
	var out Plots
	if v.CDF {
		f, err := cdfFigure(s)
		if err := out.add(ctx, dir, CDFFile, f, err); err != nil {
			return out, err
		}
	}
	if v.Bars {
		f, err := barsFigure(s, v.BarsMS)
		if err := out.add(ctx, dir, BarsFile, f, err); err != nil {
			return out, err
		}
	}
	if s.Survival != nil {
		f, err := survivalFigure(s)
		if err := out.add(ctx, dir, SurvivalFile, f, err); err != nil {
			return out, err
		}
	}
	if s.PingPong != nil {
		f, err := rttHistogram(s)
		if err := out.add(ctx, dir, RTTHistogramFile, f, err); err != nil {
			return out, err
		}
		f, err = rttFigure(s)
		if err := out.add(ctx, dir, RTTFile, f, err); err != nil {
			return out, err
		}
	}
	if s.Transfers != nil && v.CDF {
		f, err := transfersFigure(s)
		if err := out.add(ctx, dir, TransfersFile, f, err); err != nil {
			return out, err
		}
	}
	if s.Overhead != nil {
		f, err := overheadFigure(s)
		if err := out.add(ctx, dir, OverheadFile, f, err); err != nil {
			return out, err
		}
	}
	if !v.Histogram {
		return out, nil
	}
	if s.Bursts.Len() == 0 {
		out.Skipped = append(out.Skipped, Skipped{File: "histograms", Reason: noData(s)})
	}
	for b := range s.Bursts.All() {
		f, err := histogramFigure(s, b)
		if err := out.add(ctx, dir, HistogramFile(b.Number), f, err); err != nil {
			return out, err
		}
	}
	return out, nil
}

// WriteCombinedCDF draws the CDF of all sub-experiments into the run's folder.
func WriteCombinedCDF(ctx context.Context, dir string, all []analyze.Summary) (Plots, error) {
	var out Plots
	f, err := combinedFigure(all)
	err = out.add(ctx, dir, CDFFile, f, err)
	return out, err
}

// add writes a figure, or records why there is none.
func (p *Plots) add(ctx context.Context, dir, name string, f figure, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("drawing %s: %w", name, cause)
	}
	var skip fail.Skip
	if errors.As(err, &skip) {
		p.Skipped = append(p.Skipped, Skipped{File: name, Reason: skip.Reason})
		return nil
	}
	if err != nil {
		return fmt.Errorf("drawing %s: %w", name, err)
	}
	if err := f.write(filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("drawing %s: %w", name, err)
	}
	p.Files = append(p.Files, name)
	return nil
}
