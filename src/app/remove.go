package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Remove removes all that a run's journal still holds, and returns how many resources that were.
func (a App) Remove(ctx context.Context, dir string) (int, error) {
	if lost, err := a.removeLost(ctx, dir); lost {
		return 0, err
	}
	r, err := run.Open(a.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		return 0, fail.Input("%s: %w", dir, err).WithHint("stop that run with Ctrl-C: it removes what it made")
	}
	if err != nil {
		return 0, err
	}
	n, err := a.undo(ctx, r)
	if n == 0 && err == nil {
		a.sayProbed(r.Record)
	}
	return n, err
}

// sayProbed says of a run that has probed functions of another one how to remove these, as long as they are up.
func (a App) sayProbed(rec *run.Record) {
	if rec == nil {
		return
	}
	all, _ := run.Remembered(a.Getenv) // what the index does not have cannot be named
	for _, note := range rec.Notes {
		id, probed := strings.CutPrefix(note, probesRun)
		at := slices.IndexFunc(all, func(e run.Indexed) bool { return e.Err == nil && e.ID == id })
		if !probed || at < 0 {
			continue
		}
		if was, err := run.ReadRecord(all[at].Dir); err == nil && was.Status == run.StatusKept {
			a.Log.Warnf("the functions that it probed are still up: `stellar remove %s` removes them", all[at].Dir)
		}
	}
}

// removeLost removes what a run left whose folder was deleted, if the index has a run of that folder.
func (a App) removeLost(ctx context.Context, dir string) (lost bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil || !journalDeleted(dir) {
		return false, nil //nolint:nilerr // run.Open says what is wrong with it
	}
	all, err := run.Remembered(a.Getenv)
	at := slices.IndexFunc(all, func(e run.Indexed) bool { return e.Err == nil && e.Dir == dir })
	if err != nil || at < 0 {
		return false, nil //nolint:nilerr // likewise
	}
	if err := a.cleanLost(ctx, all[at]); err != nil {
		return true, fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %w", dir, err)
	}
	return true, run.Forget(a.Getenv, all[at].ID)
}

func journalDeleted(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, run.JournalFile))
	return errors.Is(err, fs.ErrNotExist)
}

func (a App) undo(ctx context.Context, r *run.Run) (int, error) {
	j := newJob(a, r.Experiment)
	pending := len(r.Journal.Pending())
	var errs []error
	if pending > 0 { // a full disk does not stop the removal
		errs = append(errs, r.Journal.Note(run.EventUndo, ""), r.RememberKept(nil))
	}
	err := run.Undo(ctx, r.Journal, j.Undoing(r))
	if err == nil {
		err = a.cleanUnread(ctx, r)
	}
	if err == nil && pending > 0 {
		errs = append(errs, pipeline.RemovePackages(r), r.Journal.Note(run.EventEnd, run.StatusRemoved))
	}
	if err == nil {
		errs = append(errs, a.updateRecord(r))
	}
	return pending - len(r.Journal.Pending()), errors.Join(err, errors.Join(errs...), r.Close())
}

// updateRecord writes into the record of a dead run how it ended, or that it was removed. A record that could not be
// read is not changed.
func (a App) updateRecord(r *run.Run) error {
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
	// a full disk, say: it could not write its record
	if end, ok := r.Journal.Last(run.EventEnd); ok && end.Detail != run.StatusRemoved {
		rec.Status, rec.Error, rec.Finished = end.Detail, "", &end.Time
		if end.Detail != run.StatusDone && end.Detail != run.StatusKept {
			rec.Error = "the run could not write its end; see its log"
		}
	}
	return r.SaveRecord()
}
