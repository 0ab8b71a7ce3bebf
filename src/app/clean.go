package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Cleaned is what `stellar clean` did.
type Cleaned struct {
	Removed []string `json:"removed"` // runs, and units that were found by their tags
	Live    []string `json:"live"`    // live runs
	Kept    []string `json:"kept"`    // runs whose functions were kept on purpose
	Moved   []string `json:"moved"`   // likewise, and their folder is no longer there
	Gone    []string `json:"gone"`    // runs whose folder was deleted, with its journal
	Foreign []string `json:"foreign"` // files in the index of runs that are no run's entry, and why
	Unseen  []string `json:"unseen"`  // providers that could not be searched for what has expired, and why

	Failed bool `json:"-"` // something could not be removed: the error says what
}

func newCleaned() *Cleaned {
	return &Cleaned{Removed: []string{}, Live: []string{}, Kept: []string{}, Moved: []string{}, Gone: []string{},
		Foreign: []string{}, Unseen: []string{}}
}

// Clean removes what runs have left that ended without removing it. With all, it also removes kept runs that have
// expired, and what carries an expired tag.
func (a App) Clean(ctx context.Context, all bool) (*Cleaned, error) {
	c := newCleaned()
	entries, err := run.Remembered(a.Getenv)
	if err != nil {
		return c, err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, a.cleanEntry(ctx, e, all, c))
	}
	if all {
		errs = append(errs, a.sweep(ctx, c))
	}
	err = errors.Join(errs...)
	c.Failed = err != nil
	return c, err
}

// cleanEntry cleans one run of the index. A file that is no entry is reported and not touched. If it has a run's name,
// that is an error: what the run has left is not known.
func (a App) cleanEntry(ctx context.Context, e run.Indexed, all bool, c *Cleaned) error {
	switch {
	case e.Err != nil:
		path := run.EntryPath(a.Getenv, e.ID)
		c.Foreign = append(c.Foreign, fmt.Sprintf("%s: %v", path, e.Err))
		if !run.ValidID(e.ID) {
			return nil
		}
		return fail.With(fail.CodeLeftBehind, "what run %s has left is not known: %s: %w", e.ID, path, e.Err).
			WithHint("if the run's folder exists, `stellar remove FOLDER` removes it; then delete that file")
	case e.Dir == "" || journalDeleted(e.Dir):
		return a.cleanDeleted(ctx, e, all, c)
	}
	return a.cleanRun(ctx, e.Dir, all, c)
}

// cleanDeleted cleans a run whose folder is not there, by its name. A kept run is not touched: its folder may have been
// moved.
func (a App) cleanDeleted(ctx context.Context, e run.Indexed, all bool, c *Cleaned) error {
	name := cmp.Or(e.Dir, e.ID)
	if e.Damaged != nil {
		return fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %s: %w", name,
			run.EntryPath(a.Getenv, e.ID), e.Damaged)
	}
	if e.Kept != nil && !(all && time.Now().After(e.Kept.Until)) {
		c.Moved = append(c.Moved, e.Dir)
		return nil
	}
	if err := a.cleanLost(ctx, e); err != nil {
		return fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %w", name, err)
	}
	c.Gone = append(c.Gone, name)
	return run.Forget(a.Getenv, e.ID)
}

func (a App) cleanRun(ctx context.Context, dir string, all bool, c *Cleaned) error {
	r, err := run.Open(a.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		c.Live = append(c.Live, dir)
		return nil
	}
	if err != nil {
		return err
	}
	if r.Journal.Kept() && len(r.Journal.Pending()) > 0 && !(all && expired(r)) {
		c.Kept = append(c.Kept, dir)
		return errors.Join(a.updateRecord(r), r.Close())
	}
	if _, err := a.undo(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	c.Removed = append(c.Removed, dir)
	return nil
}

func expired(r *run.Run) bool { return r.Experiment != nil && time.Now().After(r.Expires()) }
