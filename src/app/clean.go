package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stellar/src/dockerengine"
	"stellar/src/fail"
	"stellar/src/pack"
	"stellar/src/pipeline"
	"stellar/src/provider/vendors"
	"stellar/src/run"
)

// Remove undoes a run: all that its journal still holds. It returns how many resources were removed.
func (w App) Remove(ctx context.Context, dir string) (int, error) {
	if lost, err := w.removeLost(ctx, dir); lost {
		return 0, err
	}
	r, err := run.Open(w.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		return 0, fail.Input("%s: %w", dir, err).WithHint("stop that run with Ctrl-C: it removes what it made")
	}
	if err != nil {
		return 0, err
	}
	return w.undo(ctx, r)
}

// removeLost removes what a run left up whose folder was deleted since, where the index has it under that name.
func (w App) removeLost(ctx context.Context, dir string) (lost bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil || !journalGone(dir) {
		return false, nil //nolint:nilerr // run.Open says what is wrong with it
	}
	all, err := run.Remembered(w.Getenv)
	at := slices.IndexFunc(all, func(e run.Indexed) bool { return e.Err == nil && e.Dir == dir })
	if err != nil || at < 0 {
		return false, nil //nolint:nilerr // likewise
	}
	if err := w.cleanLost(ctx, all[at]); err != nil {
		return true, fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %w", dir, err)
	}
	return true, run.Forget(w.Getenv, all[at].ID)
}

func journalGone(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, run.JournalFile))
	return errors.Is(err, fs.ErrNotExist)
}

func (w App) undo(ctx context.Context, r *run.Run) (int, error) {
	j := newJob(w, r.Experiment)
	pending := len(r.Journal.Pending())
	var errs []error
	if pending > 0 { // a disk that is full keeps nobody from removing
		errs = append(errs, r.Journal.Note(run.EventUndo, ""), r.RememberKept(nil))
	}
	err := run.Undo(ctx, r.Journal, j.Undoing(r))
	if err == nil {
		err = w.cleanUnread(ctx, r)
	}
	if err == nil && pending > 0 {
		errs = append(errs, pipeline.RemovePackages(r), r.Journal.Note(run.EventEnd, run.StatusRemoved))
	}
	if err == nil {
		errs = append(errs, w.settle(r))
	}
	return pending - len(r.Journal.Pending()), errors.Join(err, errors.Join(errs...), r.Close())
}

// cleanUnread looks by its name for what a run may have left, where its journal has lines that nobody can read. Of
// entries that are only torn nothing was ever made.
func (w App) cleanUnread(ctx context.Context, r *run.Run) error {
	if !r.Remembered() || !slices.ContainsFunc(r.Journal.Damage(), func(d run.Damage) bool { return !d.Short }) {
		return nil
	}
	if err := w.cleanLost(ctx, r.Entry()); err != nil {
		return fail.With(fail.CodeLeftBehind, "%s: what its damaged lines may have named: %w", filepath.Join(r.Dir, run.JournalFile), err)
	}
	return nil
}

// settle brings the record of a dead run up to date: how it ended, or that it was undone. A record that could not be
// read is left as it is.
func (w App) settle(r *run.Run) error {
	pending := len(r.Journal.Pending()) > 0
	rec := r.Record
	switch {
	case r.Experiment == nil || rec.Status != run.StatusRunning && rec.Status != run.StatusKept:
		return nil
	case pending && (rec.Status == run.StatusKept || !r.Journal.Kept()):
		return nil
	case pending:
		rec.Status = run.StatusKept
	case rec.Status == run.StatusKept:
		rec.Status = run.StatusDone
	default:
		rec.Status, rec.Error = run.StatusInterrupted, "the run died; what it had made was removed later"
	}
	now := time.Now().UTC()
	rec.Finished = &now
	if end, ok := r.Journal.Last(run.EventEnd); ok && end.Detail != run.StatusRemoved { // a full disk, say: it could not write its record
		rec.Status, rec.Error, rec.Finished = end.Detail, "", &end.Time
		if end.Detail != run.StatusDone && end.Detail != run.StatusKept {
			rec.Error = "the run could not write its end; see its log"
		}
	}
	return r.SaveRecord()
}

// Clean undoes the runs that ended without doing so. With all, also those that were kept and have expired.
func (w App) Clean(ctx context.Context, all bool) (*Cleaned, error) {
	c := newCleaned()
	entries, err := run.Remembered(w.Getenv)
	if err != nil {
		return c, err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, w.cleanEntry(ctx, e, all, c))
	}
	if all {
		errs = append(errs, w.sweep(ctx, c))
	}
	err = errors.Join(errs...)
	c.Failed = err != nil
	return c, err
}

// cleanEntry cleans one run of the index. What is no entry is named and left alone; one with a run's name may stand for
// a run that nobody finds any more.
func (w App) cleanEntry(ctx context.Context, e run.Indexed, all bool, c *Cleaned) error {
	switch {
	case e.Err != nil:
		path := run.EntryPath(w.Getenv, e.ID)
		c.Foreign = append(c.Foreign, fmt.Sprintf("%s: %v", path, e.Err))
		if !run.ValidID(e.ID) {
			return nil
		}
		return fail.With(fail.CodeLeftBehind, "what run %s has left is not known: %s: %w", e.ID, path, e.Err).
			WithHint("if the run's folder is there, `stellar remove FOLDER` removes it; then delete that file")
	case e.Dir == "" || journalGone(e.Dir):
		return w.cleanGone(ctx, e, all, c)
	}
	return w.cleanOne(ctx, e.Dir, all, c)
}

// cleanGone cleans a run whose folder is not there, by its name. What was kept on purpose stays: the folder may have
// been moved.
func (w App) cleanGone(ctx context.Context, e run.Indexed, all bool, c *Cleaned) error {
	name := cmp.Or(e.Dir, e.ID)
	if e.Damaged != nil {
		return fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %s: %w", name, run.EntryPath(w.Getenv, e.ID), e.Damaged)
	}
	if e.Kept != nil && !(all && time.Now().After(e.Kept.Until)) {
		c.Moved = append(c.Moved, e.Dir)
		return nil
	}
	if err := w.cleanLost(ctx, e); err != nil {
		return fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %w", name, err)
	}
	c.Gone = append(c.Gone, name)
	return run.Forget(w.Getenv, e.ID)
}

func (w App) cleanOne(ctx context.Context, dir string, all bool, c *Cleaned) error {
	r, err := run.Open(w.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		c.Live = append(c.Live, dir)
		return nil
	}
	if err != nil {
		return err
	}
	if r.Journal.Kept() && len(r.Journal.Pending()) > 0 && !(all && expired(r)) {
		c.Kept = append(c.Kept, dir)
		return errors.Join(w.settle(r), r.Close())
	}
	if _, err := w.undo(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	c.Removed = append(c.Removed, dir)
	return nil
}

// cleanLost removes what a run may have left whose folder somebody deleted: all names follow from the run's id.
func (w App) cleanLost(ctx context.Context, e run.Indexed) error {
	if err := w.RemoveDeadPlatform(ctx, e.ID); err != nil {
		return err // its owner may live on without its folder: nothing of it is touched
	}
	if err := errors.Join(os.RemoveAll(run.WorkDir(e.ID)), removeScratch(e)); err != nil {
		return err
	}
	if err := w.cleanLostUnits(ctx, e); err != nil {
		return err
	}
	if err := w.cleanLostImages(ctx, e.ID); err != nil {
		return err
	}
	client, err := w.RunningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	if err := pipeline.DeleteService(ctx, client, run.ServiceName(e.ID)); err != nil {
		return err
	}
	services, err := client.Services(ctx)
	if err == nil && len(services) == 0 {
		w.Log.Infof("the local platform runs with nothing on it: `stellar local stop` ends it")
	}
	return err
}

// removeScratch removes the scratch folder that the index names, where TMPDIR is another by now.
func removeScratch(e run.Indexed) error {
	if filepath.Base(e.Scratch) != filepath.Base(run.WorkDir(e.ID)) {
		return nil
	}
	return os.RemoveAll(e.Scratch)
}

// cleanLostImages removes images by what the Docker Engine knows of them. Where it does not answer that is said, if the run may have
// made any.
func (w App) cleanLostImages(ctx context.Context, id string) error {
	looked, err := pack.RemoveLost(ctx, w.Getenv, w.Runner, id)
	if err != nil || looked {
		return err
	}
	row, err := vendors.Find(run.KindOf(id))
	if err == nil && row.CanDeploy() && !row.Standing && slices.Contains(row.Limits.Packages(), "Image") {
		w.Log.Warnf("no Docker Engine answers: whether run %s has left images there, or in a registry, is not known (docker images --filter label=%s=%s)",
			id, dockerengine.LabelRun, id)
	}
	return nil
}

func expired(r *run.Run) bool { return r.Experiment != nil && time.Now().After(r.Expires()) }
