package app

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Run is the main job: deploy, probe, report, remove. The outcome is there, as far as it goes, beside an error too.
func (a App) Run(ctx context.Context, exp *experiment.Experiment, baseDir string) (*Outcome, error) {
	j := newJob(a, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return nil, err
	}
	err = j.Execute(ctx, r, j.Stages())
	return j.end(ctx, r, err)
}

// Deploy is the first half of a run; the functions stay up.
func (a App) Deploy(ctx context.Context, exp *experiment.Experiment, baseDir string) (*Outcome, error) {
	if !a.Deploys(exp) {
		return nil, fail.Input("nothing is deployed for provider %s: its functions already exist", exp.Provider)
	}
	if deployedFunctions(exp, a.Subs(exp)) == 0 {
		return nil, fail.Input("nothing is deployed: the functions exist already").
			WithHint("`stellar -c FILE` measures them")
	}
	a.Keep = true
	j := newJob(a, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return nil, err
	}
	err = j.Execute(ctx, r, j.DeployStages())
	return j.end(ctx, r, err)
}

// onlySub is the sub-experiment to probe, -1 for all: the one that was deployed, where it was the only one.
func onlySub(was *run.Record, asked int) int {
	if asked >= 0 || len(was.Functions) == 0 {
		return asked
	}
	only := was.Functions[0].SubExperiment
	if slices.ContainsFunc(was.Functions, func(f run.FunctionRecord) bool { return f.SubExperiment != only }) {
		return asked
	}
	return only
}

// start makes sure that the run can go on, has the user's yes where one is needed, and begins it.
func (j *job) start(ctx context.Context, exp *experiment.Experiment, baseDir string) (*run.Run, error) {
	if err := j.ready(ctx, exp, baseDir); err != nil {
		return nil, err
	}
	if j.app.Confirm != nil {
		if err := j.app.Confirm(); err != nil {
			return nil, err
		}
	}
	return j.begin(exp, baseDir)
}

// begin makes the run's directory and everything that the stages count on.
func (j *job) begin(exp *experiment.Experiment, baseDir string) (*run.Run, error) {
	r, err := run.Create(j.Deps, j.Output, exp, baseDir)
	if err != nil {
		return nil, err
	}
	if j.app.Opened != nil {
		if err := j.app.Opened(r); err != nil {
			return nil, err
		}
	}
	if len(j.app.Given) > 0 {
		if err := r.WriteGiven(j.app.Given); err != nil {
			return nil, err
		}
	}
	r.Record.Tools, r.Record.Inputs = j.tools, j.app.recordInputs(exp, baseDir)
	r.Log.Infof("run %s, seed %d, results in %s", r.ID, *exp.Seed, r.Dir)
	if r.Functions, err = pipeline.Functions(exp, j.Subs(exp), r.TokenHash()); err != nil {
		return nil, err
	}
	if err := errors.Join(r.Remember(), os.MkdirAll(r.ServiceDir, 0o755)); err != nil {
		return nil, err
	}
	res, err := r.Journal.Intend(pipeline.KindFolder, r.WorkDir, nil)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.WorkDir, 0o700); err != nil {
		return nil, err
	}
	return r, r.Journal.Created(res, nil)
}
