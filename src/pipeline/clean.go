package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stellar/src/engine"
	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/pack"
	"stellar/src/provider"
	"stellar/src/run"
)

// Remove undoes a run: all that its journal still holds. It returns how many resources were removed.
func (w World) Remove(ctx context.Context, dir string) (int, error) {
	r, err := run.Open(w.World, dir)
	if errors.Is(err, run.ErrLive) {
		return 0, fail.Input("%s: %w", dir, err).WithHint("stop that run with Ctrl-C: it removes what it made")
	}
	if err != nil {
		return 0, err
	}
	return w.undo(ctx, r)
}

func (w World) undo(ctx context.Context, r *run.Run) (int, error) {
	j := newJob(w, r.Experiment)
	pending := len(r.Journal.Pending())
	if pending > 0 {
		if err := r.Journal.Note(run.EventUndo, ""); err != nil {
			return 0, errors.Join(err, r.Close())
		}
	}
	err := run.Undo(ctx, r.Journal, j.undoing(r))
	if err == nil && pending > 0 {
		err = errors.Join(os.RemoveAll(filepath.Join(r.ServiceDir, packagesFolder)), r.Journal.Note(run.EventEnd, "removed"), w.settle(r))
	}
	return pending - len(r.Journal.Pending()), errors.Join(err, r.Close())
}

// settle brings the record of an undone run up to date. A record that could not be read is left as it is.
func (w World) settle(r *run.Run) error {
	if r.Experiment == nil || (r.Record.Status != statusKept && r.Record.Status != statusRunning) {
		return nil
	}
	now := time.Now().UTC()
	if r.Record.Status == statusRunning {
		r.Record.Status, r.Record.Error = statusInterrupted, "the run died; what it had made was removed later"
	} else {
		r.Record.Status = statusDone
	}
	r.Record.Finished = &now
	return r.Record.Write(r.Dir)
}

// Cleaned is what `stellar clean` did.
type Cleaned struct {
	Removed []string `json:"removed"` // runs
	Live    []string `json:"live"`    // runs that are going on
	Kept    []string `json:"kept"`    // runs whose functions were kept on purpose
	Gone    []string `json:"gone"`    // runs whose folder, and journal, is no longer there
	Unseen  []string `json:"unseen"`  // providers that were not asked for what has expired, and why

	failed bool // something could not be removed: the error says what
}

// Print says it in words.
func (c *Cleaned) Print(w io.Writer) {
	for _, d := range c.Removed {
		fmt.Fprintf(w, "cleaned %s\n", d)
	}
	for _, d := range c.Live {
		fmt.Fprintf(w, "left alone, still going on: %s\n", d)
	}
	for _, d := range c.Kept {
		fmt.Fprintf(w, "left alone, kept on purpose: %s (`stellar remove %s` removes it)\n", d, d)
	}
	for _, d := range c.Gone {
		fmt.Fprintf(w, "cleaned by its name, its folder was deleted: %s\n", d)
	}
	for _, p := range c.Unseen {
		fmt.Fprintf(w, "not asked for what has expired: %s\n", p)
	}
	if !c.failed && len(c.Removed)+len(c.Gone) == 0 {
		fmt.Fprintln(w, "nothing to do")
	}
}

// Clean undoes the runs that ended without doing so. With all, also those that were kept and have expired.
func (w World) Clean(ctx context.Context, all bool) (*Cleaned, error) {
	c := &Cleaned{Removed: []string{}, Live: []string{}, Kept: []string{}, Gone: []string{}, Unseen: []string{}}
	dirs, err := run.Unfinished(w.Getenv)
	if err != nil {
		return c, err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, w.cleanOne(ctx, dir, all, c))
	}
	if all {
		errs = append(errs, w.sweep(ctx, c))
	}
	err = errors.Join(errs...)
	c.failed = err != nil
	return c, err
}

func (w World) cleanOne(ctx context.Context, dir string, all bool, c *Cleaned) error {
	if _, err := os.Stat(filepath.Join(dir, run.JournalFile)); errors.Is(err, fs.ErrNotExist) {
		if err := w.cleanLost(ctx, dir); err != nil {
			return fail.With(fail.CodeLeftBehind, "%s was deleted, with its journal: %w", dir, err)
		}
		c.Gone = append(c.Gone, dir)
		return run.Forget(w.Getenv, dir)
	}
	r, err := run.Open(w.World, dir)
	if errors.Is(err, run.ErrLive) {
		c.Live = append(c.Live, dir)
		return nil
	}
	if err != nil {
		return err
	}
	if r.Journal.Kept() && !(all && expired(r)) {
		c.Kept = append(c.Kept, dir)
		return r.Close()
	}
	if _, err := w.undo(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	c.Removed = append(c.Removed, dir)
	return nil
}

// cleanLost removes what a run may have left whose folder somebody deleted: all names follow from the run's id.
func (w World) cleanLost(ctx context.Context, dir string) error {
	id := filepath.Base(dir)
	root, err := local.StateRoot(w.Getenv)
	if err != nil {
		return err
	}
	dead := &job{World: w}
	if err := dead.removePlatform(ctx, run.Resource{Kind: kindPlatform, Attrs: map[string]string{"dir": filepath.Join(root, platformFolder(id))}}); err != nil {
		return err // its owner may live on without its folder: nothing of it is touched
	}
	if err := os.RemoveAll(run.WorkDir(id)); err != nil {
		return err
	}
	if err := w.cleanLostUnits(ctx, dir); err != nil {
		return err
	}
	if err := w.cleanLostImages(ctx, id); err != nil {
		return err
	}
	client, err := w.runningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	if err := deleteService(ctx, client, run.ServiceName(id)); err != nil {
		return err
	}
	services, err := client.Services(ctx)
	if err == nil && len(services) == 0 {
		w.Log.Infof("the local platform runs with nothing on it: `stellar local stop` ends it")
	}
	return err
}

// cleanLostImages removes images by what the Docker Engine knows of them. Where it does not answer that is said, if the run may have
// made any.
func (w World) cleanLostImages(ctx context.Context, id string) error {
	looked, err := pack.RemoveLost(ctx, w.Getenv, w.Runner, id)
	if err != nil || looked {
		return err
	}
	row, err := provider.Find(kindOf(id))
	if err == nil && row.CanDeploy() && !row.Standing && slices.Contains(row.Limits.Packages(), "Image") {
		w.Log.Warnf("no Docker Engine answers: whether run %s has left images there, or in a registry, is not known (docker images --filter label=%s=%s)",
			id, engine.LabelRun, id)
	}
	return nil
}

func expired(r *run.Run) bool { return r.Experiment != nil && time.Now().After(r.Expires()) }
