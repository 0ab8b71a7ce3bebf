package app

import (
	"context"
	"errors"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/spans"
)

// Probe fires the bursts of an experiment at the functions that a run left up; results go to a new run.
func (a App) Probe(ctx context.Context, dir string) (*Outcome, error) {
	was, token, err := a.deployed(dir)
	if err != nil {
		return nil, err
	}
	if _, err := a.Sheet(); err != nil {
		return nil, err
	}
	if _, err := spans.FromEnvironment(a.Getenv); err != nil {
		return nil, err
	}
	a.Only = onlySub(was, a.Only)
	if missing := a.variables(was.Experiment, false); len(missing) > 0 {
		return nil, fail.Input("%w", errors.Join(missing...)).WithHint("%s", firstHint(missing))
	}
	j := newJob(a, was.Experiment)
	if err := j.hold(dir); err != nil {
		return nil, err
	}
	r, err := j.begin(was.Experiment, was.BaseDir)
	if err != nil {
		return nil, errors.Join(err, j.Release())
	}
	r.Token, r.Service = token, was.Service
	r.Record.Calibration, r.Record.Notes = was.Calibration,
		append(r.Record.Notes, probesRun+was.ID)
	for i := range was.Functions {
		f := &was.Functions[i]
		at := slices.IndexFunc(r.Functions, func(g *run.Function) bool { return g.Name == f.Name })
		if at < 0 || f.Endpoint == nil || r.Functions[at].Existing != "" {
			continue
		}
		r.Functions[at].Endpoint = f.Endpoint
		r.Functions[at].Package = &run.Package{Name: f.Package, Bytes: f.PackageBytes, CodeBytes: f.CodeBytes,
			SHA256: f.PackageSHA256}
	}
	if missing := r.Making().Unplaced(); len(missing) > 0 {
		return j.end(ctx, r, fail.Input("%s: function %s was never deployed", dir, missing[0].Name))
	}
	err = j.Execute(ctx, r, j.ProbeStages())
	return j.end(ctx, r, err)
}

// probesRun begins the note in the record of a run that probes functions which another run, named behind it, deployed.
const probesRun = "probes the functions of run "

// deployed reads what a run left up.
func (a App) deployed(dir string) (*run.Record, string, error) {
	was, err := run.ReadRecord(dir)
	if err != nil {
		return nil, "", notARun(dir, err)
	}
	token, err := run.ReadToken(dir)
	if err != nil || was.Status != run.StatusKept {
		return nil, "", fail.Input("%s has no deployed functions (its status is %q)", dir, was.Status).
			WithHint("`stellar deploy -c FILE` keeps functions deployed for `stellar probe`")
	}
	return was, token, nil
}

// hold keeps others from probing a run's functions, and from removing them, until release.
func (j *job) hold(dir string) error {
	was, err := run.Open(j.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		return fail.Input("%s: another run probes its functions, or removes them", dir).WithHint("wait for it to end")
	}
	if err != nil {
		return err
	}
	j.Hold(was)
	return nil
}
