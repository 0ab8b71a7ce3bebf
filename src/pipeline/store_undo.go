package pipeline

import (
	"context"
	"fmt"
	"maps"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Removals are those of a store of the run's own, of a bucket that it made, and of its objects in any bucket.
func (o *objectStore) Removals() map[string]Removal {
	return map[string]Removal{
		kindStore:   {Own: o.own, Remove: o.remove},
		kindBucket:  {Own: ownBucket, Remove: o.removeBucket},
		kindObjects: {Own: ownObjects, Remove: o.removeObjects},
	}
}

func (o *objectStore) own(r *run.Run, res run.Resource) (run.Resource, error) {
	root, err := embedded.StateRoot(o.job.Getenv)
	if err != nil {
		return res, err
	}
	if want := embedded.RunDir(root, r.ID); res.Name != r.ID || res.Attrs["dir"] != want {
		return res, fail.With(fail.CodeLeftBehind, "object store %q in %q is not that of run %s, in %s", res.Name,
			res.Attrs["dir"], r.ID, want).
			WithHint("if the run had another HOME or XDG_STATE_HOME, set it and try again; else the journal is not " +
				"that of this run")
	}
	return res, nil
}

func ownBucket(r *run.Run, res run.Resource) (run.Resource, error) {
	if want := bucketName(r.ID); res.Name != want || res.Attrs[attrBucket] != want {
		return res, fmt.Errorf("bucket %q is not the one that run %s makes, %s", res.Name, r.ID, want)
	}
	return ofRun(r, res), nil
}

func ownObjects(r *run.Run, res run.Resource) (run.Resource, error) {
	if want := objectstore.Prefix(r.ID); res.Name != want || res.Attrs[attrBucket] == "" {
		return res, fmt.Errorf("objects %q are not those of run %s, %q", res.Name, r.ID, want)
	}
	return ofRun(r, res), nil
}

// attrRunID is the run's id, which a removal gets beside what the journal has.
const attrRunID = "run id"

func ofRun(r *run.Run, res run.Resource) run.Resource {
	res.Attrs = maps.Clone(res.Attrs)
	res.Attrs[attrRunID] = r.ID
	return res
}

// remove ends a run's own store and removes its folder.
func (o *objectStore) remove(ctx context.Context, res run.Resource) error {
	if o.child != nil {
		err := o.child.Close()
		o.child, o.ready = nil, false
		return err
	}
	// Another process started it, and is dead: the store ends by itself, also where it was still being started.
	return embedded.RemoveDead(ctx, res.Attrs["dir"])
}

// RemoveDeadStore removes what a dead run's own store has left. An error says that its owner is alive.
func (c Config) RemoveDeadStore(ctx context.Context, id string) error {
	root, err := embedded.StateRoot(c.Getenv)
	if err != nil {
		return err
	}
	return embedded.RemoveDead(ctx, embedded.RunDir(root, id))
}

// RemoveLostObjects removes a run's objects, and the bucket that it made for them, by what the index of runs has of
// them.
func (c Config) RemoveLostObjects(ctx context.Context, id string, at map[string]string) error {
	o := &objectStore{job: NewJob(c, &experiment.Experiment{})}
	r := &run.Run{ID: id}
	res, err := ownBucket(r, run.Resource{Kind: kindBucket, Name: at[attrBucket], Attrs: at})
	if err == nil {
		return o.removeBucket(ctx, res)
	}
	if res, err = ownObjects(r, run.Resource{Kind: kindObjects, Name: objectstore.Prefix(id), Attrs: at}); err != nil {
		return err
	}
	return o.removeObjects(ctx, res)
}

// removeObjects deletes the run's objects in a bucket. The bucket stays.
func (o *objectStore) removeObjects(ctx context.Context, res run.Resource) error {
	_, err := o.empty(ctx, res)
	return err
}

// removeBucket removes the run's bucket. A function that was not stopped may have written an object since the run's
// objects were deleted.
func (o *objectStore) removeBucket(ctx context.Context, res run.Resource) error {
	store, err := o.empty(ctx, res)
	if err != nil {
		return err
	}
	if err := store.Drop(ctx); err != nil {
		return fmt.Errorf("remove %v: %w", store, err)
	}
	return nil
}

// empty deletes the run's objects in a bucket of the journal.
func (o *objectStore) empty(ctx context.Context, res run.Resource) (objectstore.Store, error) {
	keys, err := o.keysOf(ctx, res)
	if err != nil {
		return nil, err
	}
	store, err := objectstore.Open(placeOf(res.Attrs), keys, nil)
	if err != nil {
		return nil, err
	}
	_, err = objectstore.Empty(ctx, store, objectstore.Prefix(res.Attrs[attrRunID]))
	return store, err
}

// keysOf are the keys for a bucket of the journal, which never holds them.
func (o *objectStore) keysOf(ctx context.Context, res run.Resource) (objectstore.Keys, error) {
	kind := res.Attrs[attrProvider]
	if kind == "" {
		return o.environmentKeys(res.Attrs[attrProtocol], res.Attrs[attrEndpoint])
	}
	id := res.Attrs[attrRunID]
	at, keys, err := o.ask(ctx, &run.Run{ID: id, Service: run.ServiceName(id)}, kind, res.Attrs[attrRegion])
	if err == nil && at.Endpoint != res.Attrs[attrEndpoint] {
		err = fail.Input("the bucket is at %s, the credentials for %s are for %s", res.Attrs[attrEndpoint], kind,
			at.Endpoint)
	}
	return keys, err
}
