package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Visualization says which plots a sub-experiment gets.
type Visualization struct {
	CDF       bool
	Bars      bool
	BarsMS    float64 // over 0: cold means a latency of at least this many ms, rather than the functions' word
	Histogram bool    // a histogram of each burst, many on a sheet
}

// ParseVisualization reads the experiment file's value: all, bar, bar-<ms>, cdf, histogram or none; the empty string is
// the default, cdf. Histograms of single bursts are drawn only where they are asked for: all is without them.
func ParseVisualization(s string) (Visualization, error) {
	switch s {
	case "all":
		return Visualization{CDF: true, Bars: true}, nil
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

// Plots draws the plots of one sub-experiment into its folder. Missing data is not an error: that plot is not written,
// and the drawing's result has the reason.
func (d *Drawing) Plots(dir string, v Visualization, s analyze.Summary) {
	if v.CDF {
		f, err := cdfFigure(s)
		d.add(dir, CDFFile, f, err)
	}
	if v.Bars {
		f, err := barsFigure(s, v.BarsMS)
		d.add(dir, BarsFile, f, err)
	}
	if s.Survival != nil {
		f, err := survivalFigure(s)
		d.add(dir, SurvivalFile, f, err)
	}
	if s.PingPong != nil {
		f, err := rttHistogram(s)
		d.add(dir, RTTHistogramFile, f, err)
		f, err = rttFigure(s)
		d.add(dir, RTTFile, f, err)
	}
	if s.Transfers != nil && v.CDF {
		f, err := transfersFigure(s)
		d.add(dir, TransfersFile, f, err)
	}
	if s.Overhead != nil {
		f, err := overheadFigure(s)
		d.add(dir, OverheadFile, f, err)
	}
	if v.Histogram {
		d.histograms(dir, s)
	}
}

// CombinedCDF draws the CDF of all sub-experiments into the run's folder.
func (d *Drawing) CombinedCDF(dir string, all []analyze.Summary) {
	f, err := combinedFigure(all)
	d.add(dir, CDFFile, f, err)
}
