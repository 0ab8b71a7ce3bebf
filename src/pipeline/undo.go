package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Kinds of resources in the journal, beside those of pack and deploy.
const (
	KindFolder   = "folder"   // scratch space of the run
	kindPlatform = "platform" // a local platform that ends with the run
	kindDaemon   = "daemon"   // a local platform that stays, for functions that stay

	kindStore   = "object store" // an embedded store that ends with the run
	kindBucket  = "bucket"       // one that the run made in another store
	kindObjects = "objects"      // of the run, in any bucket of another store
)

// Removal is how one kind of resource is removed.
type Removal struct {
	// Own checks that a resource is one that the run's id makes, and gives it in the form that Remove takes. A journal
	// is text in a folder that may come from anybody: whatever it names, only the run's own is removed.
	Own func(r *run.Run, res run.Resource) (run.Resource, error)

	// Remove removes the resource. That it is not there is success.
	Remove run.Undoer
}

// removals is the registry of how each kind of resource is removed. A removal works in the run's own process and in a
// later one alike: what it needs is in the journal.
func (j *Job) removals(r *run.Run) map[string]Removal {
	all := map[string]Removal{
		KindFolder: {Own: ownFolder, Remove: removeFolder},
		pack.KindImage: {Own: ownImage, Remove: func(ctx context.Context, res run.Resource) error {
			return pack.RemoveImage(ctx, j.Getenv, res, confirmed(r, res))
		}},
		pack.KindContainer: {Own: ownImage, Remove: func(ctx context.Context, res run.Resource) error {
			return pack.RemoveContainer(ctx, j.Getenv, res, confirmed(r, res))
		}},
		pack.KindPushed: {Own: ownImage, Remove: func(ctx context.Context, res run.Resource) error {
			return pack.RemovePushed(ctx, j.Getenv, j.Runner, res)
		}},
		deploy.KindService: {Own: ownUnit, Remove: func(ctx context.Context, res run.Resource) error {
			return j.removeUnit(ctx, r, res)
		}},
	}
	all[KindConfiguration] = Removal{Own: ownConfiguration, Remove: func(ctx context.Context, res run.Resource) error {
		return j.restore(ctx, r, res)
	}}
	for _, s := range j.sideServices() {
		maps.Copy(all, s.Removals())
	}
	return all
}

// Undoing is how what a run made is removed, in its own process and in a later one alike.
func (j *Job) Undoing(r *run.Run) run.Undoing {
	undoers := map[string]run.Undoer{}
	for kind, removal := range j.removals(r) {
		undoers[kind] = func(ctx context.Context, res run.Resource) error {
			own, err := j.own(r, res)
			if err != nil {
				return err
			}
			return removal.Remove(ctx, own)
		}
	}
	return run.Undoing{Undoers: undoers, Wait: j.Patience.Wait, Log: r.Log,
		Refuse: func(res run.Resource) error { _, err := j.own(r, res); return err }}
}

// own gives a resource of a run's journal in the form that its removal takes. The error says why it is not the run's.
func (j *Job) own(r *run.Run, res run.Resource) (run.Resource, error) {
	if !run.ValidID(r.ID) {
		return res, fmt.Errorf("%s: %q is no run's id: which resources are its own is not known", r.Dir, r.ID)
	}
	removal, known := j.removals(r)[res.Kind]
	if !known {
		return res, nil
	}
	return removal.Own(r, res)
}

// confirmed reports whether a resource's creation was seen to its end.
func confirmed(r *run.Run, res run.Resource) bool {
	return slices.ContainsFunc(r.Journal.Entries(), func(e run.Entry) bool {
		return e.Event == run.EventCreated && e.Resource != nil && e.Resource.ID == res.ID
	})
}

// removeFolder removes scratch space of a run. A link is removed, and what it leads to is not touched.
func removeFolder(_ context.Context, res run.Resource) error { return os.RemoveAll(res.Name) }
