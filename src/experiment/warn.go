package experiment

import (
	"fmt"
	"slices"
	"time"
)

// Thresholds of the warnings.
const (
	warnBurstSize = 800
	warnBursts    = 500 // with histograms
	warnFunctions = 100
	warnIATs      = 24 * time.Hour
	warnRequests  = 10_000_000
	rowBytes      = 320 // of latencies.csv, about

	histogramsOnSheet = 48
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
		d.warn(WarnBurstSize, off, path, "a burst of %d requests (over %d): this client's network card may become "+
			"the bottleneck",
			size, warnBurstSize)
	}
	if s.Visualization == "histogram" && s.Bursts >= warnBursts {
		off, path := c.where("Visualization", "Bursts")
		d.warn(WarnHistograms, off, path, "%d bursts (%d or more) with histograms: %d sheets will be drawn",
			s.Bursts, warnBursts, (s.Bursts+histogramsOnSheet-1)/histogramsOnSheet)
	}
}

// PlanWarnings are all warnings: those of the file's keys, then those of the plan as a whole, which deploys so many
// functions. It is called once all is read.
func (l *Loaded) PlanWarnings(functions int) []Warning {
	f := &findings{src: l.found.src, seen: map[finding]bool{}, warnings: slices.Clone(l.Warnings)}
	e := l.Experiment.most()
	if functions > warnFunctions {
		f.warn(WarnFunctions, -1, "", "the plan deploys %d functions (over %d), sends %s and probes for about %s",
			functions, warnFunctions, counted(e.Requests, "request"), e.Duration.Round(time.Second))
	}
	longest := time.Duration(0)
	for i := range l.Experiment.SubExperiments {
		if s := &l.Experiment.SubExperiments[i]; s.Sustained() {
			busy, _ := s.seconds(Assumed{})
			longest = max(longest, toDuration(busy))
		}
	}
	switch {
	case longest > warnIATs:
		f.warn(WarnDuration, -1, "", "a sustained load of %s (over %s): the plan %s, sends about %s",
			longest.Round(time.Second), warnIATs, deployed(functions), counted(e.Requests, "request"))
	case e.Requests > warnRequests:
		f.warn(WarnDuration, -1, "", "%d requests (over %d): the plan %s, and writes about %d MB of rows",
			e.Requests, warnRequests, deployed(functions), e.Requests/1_000_000*rowBytes)
	}
	if e.IATs > warnIATs {
		f.warn(WarnDuration, -1, "",
			"the IATs sum to %s (over %s): the plan %s, sends %s and probes for about %s",
			e.IATs.Round(time.Second), warnIATs, deployed(functions), counted(e.Requests, "request"),
			e.Duration.Round(time.Second))
	}
	return f.warnings
}

// most is the estimate of the longest run that Until allows.
func (e *Experiment) most() Estimate {
	if e.Until == nil {
		return e.Estimate()
	}
	all := *e
	all.Repeat = e.MostRepetitions(e.all(), Assumed{})
	return all.Estimate()
}

func deployed(functions int) string {
	if functions == 0 {
		return "deploys nothing"
	}
	return "deploys " + counted(functions, "function")
}

// counted writes a count with its noun: 1 function, 2 functions.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
