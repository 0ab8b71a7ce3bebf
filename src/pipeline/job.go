package pipeline

import (
	"errors"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Job is the work on one run: what its stages and its undo share.
type Job struct {
	Config
	connector
	store  *objectStore
	row    provider.Provider // of the run; zero where only the journal is left
	held   heldRuns
	report Reported

	deployers deployers
}

// NewJob starts work on a run of an experiment; exp may be nil for a run of which only the journal is left.
func NewJob(c Config, exp *experiment.Experiment) *Job {
	if c.Runner == nil {
		c.Runner = shell.Run
	}
	var row provider.Provider
	if exp != nil {
		row, _ = vendors.Find(exp.ProviderKind()) // an unknown one is refused before a stage runs
	}
	platform := &localPlatform{config: c, hosts: row.Local}
	j := &Job{Config: c, row: row, connector: connector{config: c, platform: platform}}
	j.store = &objectStore{job: j}
	return j
}

// sideServices run beside the functions of a run. Each is started by a stage and removed by the journal.
func (j *Job) sideServices() []SideService {
	return []SideService{
		j.platform, // the local platform
		j.store,    // the object store
	}
}

// Died says why a side service has ended without a request to end; nil where all run, and where there are none.
func (j *Job) Died() error {
	var errs []error
	for _, s := range j.sideServices() {
		errs = append(errs, s.Died())
	}
	return errors.Join(errs...)
}

// Hold keeps a run until Release: no other process probes or removes its functions meanwhile.
func (j *Job) Hold(was *run.Run) { j.held.add(was) }

// Release ends what Hold began, for all runs.
func (j *Job) Release() error { return j.held.release() }

// Summaries are the statistics of the sub-experiments that were reported, without their samples.
func (j *Job) Summaries() []analyze.Summary { return j.report.Summaries }

// Comparisons are along what differs between the sub-experiments that were reported.
func (j *Job) Comparisons() []analyze.Comparison { return j.report.Comparisons }

// Tunings are the memory sizes that are recommended.
func (j *Job) Tunings() []analyze.Tuning { return j.report.Tunings }

// Reported is all that the report of the run found.
func (j *Job) Reported() Reported { return j.report }

// heldRuns are kept runs whose functions this one uses.
type heldRuns struct{ runs []*run.Run }

// has says whether a run is held.
func (h *heldRuns) has(id string) bool {
	return slices.ContainsFunc(h.runs, func(was *run.Run) bool { return was.ID == id })
}

func (h *heldRuns) add(was *run.Run) { h.runs = append(h.runs, was) }

func (h *heldRuns) release() error {
	var errs []error
	for _, was := range h.runs {
		errs = append(errs, was.Close())
	}
	h.runs = nil
	return errors.Join(errs...)
}
