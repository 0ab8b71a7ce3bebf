// Package app is the use cases of stellar: run, plan, deploy, probe, remove, clean, and what they share. It prints
// nothing: it returns data, and the command line renders it.
package app

import (
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// What the caller of a use case passes to it, and what it reports to its caller meanwhile.
type (
	Config    = pipeline.Config
	Options   = pipeline.Options
	Observer  = pipeline.Observer
	Progress  = pipeline.Progress
	Freshness = pipeline.Freshness
	Drawn     = pipeline.Drawn
)

// App is where the use cases run, and how the user wants them.
type App struct {
	Config
	Confirm func() error           // asked once, when all is ready and before anything is made; may be nil
	Opened  func(r *run.Run) error // called once when a run has its directory; may be nil
	Given   []byte                 // the experiment file as it was read, kept in the run's folder; empty: there is none
}

// job is one use case at work on a run.
type job struct {
	*pipeline.Job
	app App

	tools      map[string]string   // program to version, as it says itself
	planning   bool                // nothing will be deployed: what is not answered does not matter
	asked      provider.Connection // of which a draft asks its questions; nil until the first
	unanswered []string            // what was asked and not answered
	// functions that exist already, by their names in the run; nil: they were not looked up
	found map[string]provider.Found
	// of functions of the user's own, by sub-experiment, as a plan found them
	entryPoints map[int]string
	region      string // where functions would go, as the provider says; empty: it was not asked
}

// newJob starts work on a run of an experiment; exp may be nil for a run of which only the journal is left.
func newJob(a App, exp *experiment.Experiment) *job {
	return &job{Job: pipeline.NewJob(a.Config, exp), app: a}
}
