package experiment

import (
	"fmt"
	"time"
)

// Thresholds of the warnings.
const (
	warnBurstSize = 800
	warnBursts    = 500
	warnFunctions = 100
	warnIATs      = 24 * time.Hour
	warnRequests  = 10_000_000
	rowBytes      = 320 // of latencies.csv, about
)

// warnOne gives the warnings of one sub-experiment.
func (d *decoder) warnOne(dr *draft) {
	s := &dr.sub
	if !s.bursting() {
		return
	}
	c := combination{d, dr, s}
	for i, size := range s.BurstSizes {
		if size <= warnBurstSize {
			continue
		}
		off, path := c.where("BurstSizes")
		if n := dr.given["BurstSizes"]; n != nil && i < len(n.items) {
			off, path = n.items[i].off, n.items[i].path
		}
		d.warn(WarnBurstSize, off, path, "a burst of %d requests (over %d): this client's network card may become the bottleneck",
			size, warnBurstSize)
	}
	if histograms := s.Visualization == "all" || s.Visualization == "histogram"; histograms && s.Bursts >= warnBursts {
		off, path := c.where("Visualization", "Bursts")
		d.warn(WarnHistograms, off, path, "%d bursts (%d or more) with histograms: as many files will be written", s.Bursts, warnBursts)
	}
}

// warnPlan gives the warnings of the plan as a whole.
func (d *decoder) warnPlan() {
	e := d.exp.Estimate()
	if e.Functions > warnFunctions {
		d.warn(WarnFunctions, -1, "", "the plan deploys %d functions (over %d), sends %d requests and probes for about %s",
			e.Functions, warnFunctions, e.Requests, e.Duration.Round(time.Second))
	}
	long := time.Duration(0)
	for i := range d.exp.SubExperiments {
		if s := &d.exp.SubExperiments[i]; s.Sustained() {
			busy, _ := s.seconds()
			long = max(long, toDuration(busy))
		}
	}
	switch {
	case long > warnIATs:
		d.warn(WarnDuration, -1, "", "a sustained load of %s (over %s): the plan %s, sends about %d requests",
			long.Round(time.Second), warnIATs, deployed(e.Functions), e.Requests)
	case e.Requests > warnRequests:
		d.warn(WarnDuration, -1, "", "%d requests (over %d): the plan %s, and writes about %d MB of rows",
			e.Requests, warnRequests, deployed(e.Functions), e.Requests/1_000_000*rowBytes)
	}
	if e.IATs > warnIATs {
		d.warn(WarnDuration, -1, "", "the IATs sum to %s (over %s): the plan %s, sends %d requests and probes for about %s",
			e.IATs.Round(time.Second), warnIATs, deployed(e.Functions), e.Requests, e.Duration.Round(time.Second))
	}
}

func deployed(functions int) string {
	if functions == 0 {
		return "deploys nothing"
	}
	return fmt.Sprintf("deploys %d functions", functions)
}
