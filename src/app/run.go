package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/pipeline"
	"stellar/src/run"
)

// Run is the main job: deploy, probe, report, remove. The outcome is there, as far as it goes, beside an error too.
func (w App) Run(ctx context.Context, exp *experiment.Experiment, baseDir string) (*Outcome, error) {
	j := newJob(w, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return nil, err
	}
	err = j.Execute(ctx, r, j.Stages())
	return j.end(ctx, r, err)
}

// Deploy is the first half of a run; the functions stay up.
func (w App) Deploy(ctx context.Context, exp *experiment.Experiment, baseDir string) (*Outcome, error) {
	if !w.Deploys(exp) {
		return nil, fail.Input("nothing is deployed for provider %s: its functions stand already", exp.Provider)
	}
	w.Keep = true
	j := newJob(w, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return nil, err
	}
	err = j.Execute(ctx, r, j.DeployStages())
	return j.end(ctx, r, err)
}

// Probe fires the bursts of an experiment at the functions that a run left up; results go to a new run.
func (w App) Probe(ctx context.Context, dir string) (*Outcome, error) {
	was, token, err := w.deployed(dir)
	if err != nil {
		return nil, err
	}
	w.Only = onlySub(was, w.Only)
	j := newJob(w, was.Experiment)
	if err := j.hold(dir); err != nil {
		return nil, err
	}
	r, err := j.begin(was.Experiment, was.BaseDir)
	if err != nil {
		return nil, errors.Join(err, j.Release())
	}
	r.Token, r.Service = token, was.Service
	r.Record.Calibration, r.Record.Notes = was.Calibration, append(r.Record.Notes, "probes the functions of run "+was.ID)
	for i := range was.Functions {
		f := &was.Functions[i]
		at := slices.IndexFunc(r.Functions, func(g *run.Function) bool { return g.Name == f.Name })
		if at < 0 || f.Endpoint == nil {
			continue
		}
		r.Functions[at].Endpoint = f.Endpoint
		r.Functions[at].Package = &run.Package{Name: f.Package, Bytes: f.PackageBytes, CodeBytes: f.CodeBytes, SHA256: f.PackageSHA256}
	}
	if missing := r.Unplaced(); len(missing) > 0 {
		return j.end(ctx, r, fail.Input("%s: function %s was never deployed", dir, missing[0].Name))
	}
	err = j.Execute(ctx, r, j.ProbeStages())
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

// deployed reads what a run left up.
func (w App) deployed(dir string) (*run.Record, string, error) {
	was, err := run.ReadRecord(dir)
	if err != nil {
		return nil, "", fail.Input("%s is not a run's folder: %w", dir, err)
	}
	token, err := run.ReadToken(dir)
	if err != nil || was.Status != run.StatusKept {
		return nil, "", fail.Input("%s has no functions up (its status is %q)", dir, was.Status).
			WithHint("`stellar deploy -c FILE` leaves functions up for `stellar probe`")
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
	r.Record.Tools = j.tools
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

// end removes what the run made, or leaves it up where that was asked for, and closes the run's books. It works on a
// context that outlives the run's: an interrupted run removes its functions too.
func (j *job) end(ctx context.Context, r *run.Run, err error) (*Outcome, error) {
	defect, interrupted, err := broken(ctx, err)
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), run.UndoBudget(r.Journal.Pending(), j.Patience.Wait))
	defer cancel()
	keep := j.Keep && err == nil && !interrupted
	j.CollectLogs(undoCtx, r)
	if keep {
		err = j.keep(undoCtx, r)
		keep = err == nil // what nobody could find again does not stay
	}
	if !keep {
		err = errors.Join(err, j.Died())
		j.Observer.StageStart("removing")
		started := time.Now()
		uerr := run.Undo(undoCtx, r.Journal, j.Undoing(r))
		j.Observer.StageEnd("removing", time.Since(started), uerr)
		if uerr == nil && filepath.Dir(r.ServiceDir) == r.Dir { // not the user's own folder of plan --write
			uerr = pipeline.RemovePackages(r)
		}
		err = errors.Join(uerr, err) // first: what is left behind decides the exit code
	}
	if (interrupted || defect) && len(r.Results) > 0 {
		err = errors.Join(err, j.Report(undoCtx, r)) // what was measured is worth its statistics
	}
	interrupted = interrupted || !keep && stopped(ctx) // a signal may come while it is removed
	out := j.outcome(r, keep)
	if err == nil {
		err = out.problem()
	}
	if interrupted {
		err = interruption(err, out)
	}
	err = explained(r, err)
	r.Record.Status, r.Record.Error = status(err, keep, interrupted), errorText(err)
	now := time.Now().UTC()
	r.Record.Finished = &now
	return out, errors.Join(err, j.Release(), r.Journal.Note(run.EventEnd, r.Record.Status), r.WriteRecord(), r.Close())
}

// broken tells what has ended the stages: whether there was a defect, in a stage or beside it; whether the run was
// stopped from outside; the error, with the defect that has cancelled the context, if one has.
func broken(ctx context.Context, err error) (defect, interrupted bool, all error) {
	if d := fail.DefectIn(context.Cause(ctx)); d != nil && fail.DefectIn(err) == nil {
		err = errors.Join(d, err)
	}
	return fail.DefectIn(err) != nil, stopped(ctx), err
}

// stopped reports whether somebody has stopped the work that ctx is for; a defect that has cancelled it is not that.
func stopped(ctx context.Context) bool {
	return ctx.Err() != nil && fail.DefectIn(context.Cause(ctx)) == nil
}

// explained puts the stack of a defect into the run's log, and says where it is.
func explained(r *run.Run, err error) error {
	d := fail.DefectIn(err)
	if d == nil {
		return err
	}
	r.Log.Debugf("%v\n%s", d, d.Stack)
	return fail.With(fail.Code(err), "%w", err).WithHint("please report it with %s", filepath.Join(r.Dir, "run_logs.txt"))
}

// interruption is the error of an interrupted run: what else went wrong, but not that its context ended.
func interruption(err error, out *Outcome) error {
	text := "interrupted; nothing was measured"
	if len(out.Rows) > 0 {
		text = "interrupted; what was measured is in " + out.Dir
	}
	stop := fail.With(fail.CodeInterrupted, "%s", text)
	ended := errors.Is(err, context.Canceled) || fail.Code(err) == fail.CodeInterrupted
	if err == nil || (ended && fail.Code(err) != fail.CodeLeftBehind) {
		return stop
	}
	return errors.Join(err, stop)
}

// keep leaves the functions up: the scratch folder goes, the rest of the journal stays pending.
func (j *job) keep(ctx context.Context, r *run.Run) error {
	for _, res := range r.Journal.Pending() {
		if res.Kind != pipeline.KindFolder {
			continue
		}
		if err := j.Undoing(r).Undoers[pipeline.KindFolder](ctx, res); err != nil {
			return err
		}
		if err := r.Journal.Removed(res); err != nil {
			return err
		}
	}
	if len(r.Journal.Pending()) == 0 {
		return nil // nothing stands: there was nothing to keep
	}
	kept := &run.Kept{Until: r.Expires(), Functions: []run.KeptFunction{}}
	for _, f := range r.Functions {
		if f.Endpoint != nil {
			kept.Functions = append(kept.Functions, run.KeptFunction{Name: f.Name, Runtime: f.Runtime, MemoryMB: f.MemoryMB, URL: f.Endpoint.URL})
		}
	}
	if err := errors.Join(r.KeepToken(), r.RememberKept(kept)); err != nil {
		return errors.Join(err, r.RememberKept(nil))
	}
	return r.Journal.Note(run.EventKept, "left up on purpose")
}

func status(err error, keep, interrupted bool) string {
	switch {
	case interrupted:
		return run.StatusInterrupted
	case keep && err == nil:
		return run.StatusKept
	case err == nil:
		return run.StatusDone
	case fail.Code(err) == fail.CodePartial || fail.Code(err) == fail.CodeThreshold:
		return run.StatusPartial
	}
	return run.StatusFailed
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
