package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// end removes what the run made, or keeps its functions where that was asked for, and writes the record's end. It has a
// context of its own: an interrupted run removes its functions, too.
func (j *job) end(ctx context.Context, r *run.Run, err error) (*Outcome, error) {
	defect, interrupted, err := endCause(ctx, err)
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx),
		run.UndoBudget(r.Journal.Pending(), j.Patience.Wait))
	defer cancel()
	keep := j.Keep && err == nil && !interrupted
	j.CollectLogs(undoCtx, r)
	if keep {
		err = j.keep(undoCtx, r)
		keep = err == nil // functions that no later process could find are removed
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
		err = errors.Join(err, j.Report(undoCtx, r)) // statistics of what was measured
	}
	interrupted = interrupted || !keep && wasStopped(ctx) // a signal may come while it is removed
	out := j.outcome(r, keep)
	if err == nil {
		err = out.problem()
	}
	if interrupted {
		err = interruptedError(err, out)
	}
	err = withStack(r, err)
	r.Record.Status, r.Record.Error = status(err, keep, interrupted), errorText(err)
	now := time.Now().UTC()
	r.Record.Finished = &now
	err = errors.Join(err, j.Release(), r.Journal.Note(run.EventEnd, r.Record.Status), r.WriteRecord(),
		j.writePage(r, out), r.Close())
	j.sendSpans(ctx, r, interrupted)
	return out, err
}

// writePage writes the page of a run that has measured something.
func (j *job) writePage(r *run.Run, out *Outcome) error {
	if len(out.Rows) == 0 {
		return nil
	}
	rec, err := run.ReadRecord(r.Dir) // as every later report of the folder
	if err != nil {
		return err
	}
	out.Page = filepath.Join(r.Dir, page.File)
	return writePage(out.Page, j.Version, runPage(rec, r.Dir, j.Reported()))
}

// endCause returns what has ended the stages: whether there was a defect, in a stage or on another goroutine; whether a
// signal has stopped the run; and the error, joined with the defect that has cancelled the context.
func endCause(ctx context.Context, err error) (defect, interrupted bool, all error) {
	if d := fail.DefectIn(context.Cause(ctx)); d != nil && fail.DefectIn(err) == nil {
		err = errors.Join(d, err)
	}
	return fail.DefectIn(err) != nil, wasStopped(ctx), err
}

// wasStopped reports whether ctx was cancelled from outside. Cancellation by a defect does not count.
func wasStopped(ctx context.Context) bool {
	return ctx.Err() != nil && fail.DefectIn(context.Cause(ctx)) == nil
}

// withStack puts the stack of a defect into the run's log, and says where it is.
func withStack(r *run.Run, err error) error {
	d := fail.DefectIn(err)
	if d == nil {
		return err
	}
	r.Log.Debugf("%v\n%s", d, d.Stack)
	return fail.With(fail.Code(err), "%w", err).
		WithHint("please report it with %s", filepath.Join(r.Dir, "run_logs.txt"))
}

// interruptedError is the error of an interrupted run: what else went wrong, but not that its context ended.
func interruptedError(err error, out *Outcome) error {
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

// keep leaves the functions up, configured as they were deployed. The scratch folder is removed, the rest of the
// journal stays pending.
func (j *job) keep(ctx context.Context, r *run.Run) error {
	for _, res := range r.Journal.Pending() {
		if res.Kind != pipeline.KindFolder && res.Kind != pipeline.KindConfiguration {
			continue
		}
		if err := j.Undoing(r).Undoers[res.Kind](ctx, res); err != nil {
			return err
		}
		if err := r.Journal.Removed(res); err != nil {
			return err
		}
	}
	if len(r.Journal.Pending()) == 0 {
		return nil // nothing was deployed
	}
	kept := &run.Kept{Until: r.Expires(), Functions: []run.KeptFunction{}}
	for _, f := range r.Making().Functions {
		if f.Endpoint != nil {
			kept.Functions = append(kept.Functions,
				run.KeptFunction{Name: f.Name, Runtime: f.Runtime, MemoryMB: f.MemoryMB, URL: f.Endpoint.URL})
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
