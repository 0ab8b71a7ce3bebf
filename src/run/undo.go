package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Undoer removes one kind of resource. It returns nil only if the resource is verified absent; a resource that does not
// exist is a success.
type Undoer func(ctx context.Context, res Resource) error

// AttrGroup is the attribute of a resource's group. Neighbours in the journal of the same group may be undone at the
// same time.
const AttrGroup = "group"

// Undo limits.
const (
	undoParallel = 8                // resources of a group at once
	UndoTimeout  = 15 * time.Minute // one attempt; a cloud's deletion can take minutes
	undoAttempts = 3
	undoWait     = 2 * time.Second // default of Undoing.Wait
	leastBudget  = time.Hour       // also for what the end of a run does beside its removals
)

// Undoing is how resources are removed.
type Undoing struct {
	Undoers map[string]Undoer // by kind
	// Refuse says why a resource is none that this run makes; it is then left alone. May be nil.
	Refuse func(res Resource) error
	Wait   time.Duration // before the second attempt, doubled for the third; default 2 s
	Log    Logger
}

// Undo removes everything in the journal, the newest first, each with a timeout and retries. Neighbours of one group
// are undone side by side. After a resource that cannot be removed, the others are still tried. The error has exit code
// 4 and names what is left.
func Undo(ctx context.Context, j *Journal, u Undoing) error {
	var left []error
	for _, group := range groups(j.Pending()) {
		errs := make([]error, len(group))
		var g errgroup.Group
		g.SetLimit(undoParallel)
		for i, res := range group {
			g.Go(fail.Trying(func() error {
				errs[i] = fail.Try(func() error { return u.one(ctx, j, res) })
				return nil
			}))
		}
		_ = g.Wait()
		for i, err := range errs {
			if err != nil {
				left = append(left, fmt.Errorf("%s: %w", group[i], err))
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	return fail.With(fail.CodeLeftBehind, "could not be removed: %w", errors.Join(left...)).
		WithHint("correct the cause and run `stellar clean`, which tries again what the journal still holds")
}

// UndoBudget bounds the time for all removals of one run: the time that they take if every attempt for every resource
// takes as long as it may, but at least an hour. Wait is that of Undoing.
func UndoBudget(pending []Resource, wait time.Duration) time.Duration {
	each := undoAttempts * UndoTimeout
	for attempt := 1; attempt < undoAttempts; attempt++ {
		each += cmp.Or(wait, undoWait) << (attempt - 1)
	}
	sum := time.Duration(0)
	for _, group := range groups(pending) {
		sum += time.Duration((len(group)+undoParallel-1)/undoParallel) * each
	}
	return max(sum, leastBudget)
}

// groups joins neighbours of the same kind and group; resources without a group are alone.
func groups(list []Resource) [][]Resource {
	var out [][]Resource
	for _, res := range list {
		if n := len(out); n > 0 && res.Attrs[AttrGroup] != "" {
			if last := out[n-1][0]; last.Kind == res.Kind && last.Attrs[AttrGroup] == res.Attrs[AttrGroup] {
				out[n-1] = append(out[n-1], res)
				continue
			}
		}
		out = append(out, []Resource{res})
	}
	return out
}

func (u Undoing) one(ctx context.Context, j *Journal, res Resource) error {
	undo := u.Undoers[res.Kind]
	if undo == nil {
		return fmt.Errorf("this version of stellar does not know how to remove a %q", res.Kind)
	}
	if u.Refuse != nil {
		if err := u.Refuse(res); err != nil {
			return fmt.Errorf("not touched: %w", err)
		}
	}
	var err error
	for attempt := range undoAttempts {
		if attempt > 0 {
			u.Log.Warnf("removing %s failed, trying again: %v", res, err)
			if !sleep(ctx, cmp.Or(u.Wait, undoWait)<<(attempt-1)) {
				return errors.Join(ctx.Err(), err)
			}
		}
		one, cancel := context.WithTimeout(ctx, UndoTimeout)
		err = undo(one, res)
		cancel()
		if err == nil {
			u.Log.Debugf("removed %s", res)
			return j.Removed(res)
		}
		if jerr := j.Failed(res, err); jerr != nil {
			err = errors.Join(err, jerr)
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
