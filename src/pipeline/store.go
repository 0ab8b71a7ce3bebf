package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// objectStore is the object store of a run as its side service: the embedded one for functions on this machine, the
// store that the experiment file names, or the provider's own.
type objectStore struct {
	job   *Job
	child *embedded.Child  // nil where the store is not the run's own process
	area  objectstore.Area // of the run
	ready bool             // area is there
}

var _ SideService = (*objectStore)(nil)

func (*objectStore) String() string { return "the object store" }

// Unneeded says why no object store is needed.
func (o *objectStore) Unneeded(r *run.Run) string {
	for _, i := range o.job.Subs(r.Experiment) {
		for _, n := range catalog.Needs(&r.Experiment.SubExperiments[i]) {
			if n.Kind == study.NeedStore {
				return ""
			}
		}
	}
	return "no sub-experiment passes payloads through storage"
}

// embeds reports whether a run uses the embedded store: functions on this machine, and no other store is named.
func (o *objectStore) embeds(exp *experiment.Experiment) bool {
	return onThisMachine(exp.ProviderKind()) && (exp.Storage == nil || exp.Storage.Endpoint == "")
}

// Start starts the embedded store, or makes the run's bucket in another one. In a bucket that the file names, the run
// has its own keys.
func (o *objectStore) Start(ctx context.Context, r *run.Run) error {
	if o.embeds(r.Experiment) {
		return o.startEmbedded(ctx, r)
	}
	attrs, keys, err := o.find(ctx, r)
	if err != nil {
		return err
	}
	store, err := objectstore.Open(placeOf(attrs), keys, nil)
	if err != nil {
		return err
	}
	if err := r.RememberStore(attrs); err != nil {
		return err
	}
	if r.Experiment.Storage == nil || r.Experiment.Storage.Bucket == "" {
		res, err := r.Journal.Intend(kindBucket, attrs[attrBucket], attrs)
		if err != nil {
			return err
		}
		if err := store.Make(ctx); err != nil {
			return fail.With(fail.CodeFailed, "make %v: %w", store, err)
		}
		if err := r.Journal.Created(res, nil); err != nil {
			return err
		}
	} else if err := o.there(ctx, store); err != nil {
		return err
	}
	if _, err := r.Journal.Intend(kindObjects, objectstore.Prefix(r.ID), attrs); err != nil {
		return err
	}
	o.area, o.ready = objectstore.AreaOf(store, r.ID), true
	return nil
}

// there says that a bucket of the user's is missing.
func (o *objectStore) there(ctx context.Context, store objectstore.Store) error {
	there, err := store.Exists(ctx)
	if err != nil {
		return fail.With(fail.CodeFailed, "look for %v: %w", store, err)
	}
	if !there {
		return fail.Input("there is no %v", store).
			WithHint("make it, or leave Storage.Bucket out: the run then has a bucket of its own, for as long as it " +
				"lasts")
	}
	return nil
}

// startEmbedded starts a store of the run's own. All that is in it goes with its folder.
func (o *objectStore) startEmbedded(ctx context.Context, r *run.Run) error {
	root, err := embedded.StateRoot(o.job.Getenv)
	if err != nil {
		return err
	}
	dir := embedded.RunDir(root, r.ID)
	res, err := r.Journal.Intend(kindStore, r.ID, map[string]string{"dir": dir})
	if err != nil {
		return err
	}
	var child *embedded.Child
	err = o.job.besideClient(func() (err error) {
		child, err = embedded.Spawn(ctx, o.job.Executable, embedded.Options{Dir: dir, Keys: embedded.NewKeys()},
			func(line string) { o.job.Log.Warnf("object store: %s", line) })
		return err
	})
	if err != nil {
		return err
	}
	o.child = child
	if err := r.Journal.Created(res, map[string]string{"pid": strconv.Itoa(child.PID), "url": child.URL}); err != nil {
		return err
	}
	store, err := objectstore.Open(objectstore.Place{Endpoint: child.URL, Region: embedded.Region,
		Bucket: bucketName(r.ID)}, objectstore.Keys{ID: child.Keys.ID, Secret: child.Keys.Secret}, nil)
	if err != nil {
		return err
	}
	if err := store.Make(ctx); err != nil {
		return fail.With(fail.CodeFailed, "make %v: %w", store, err)
	}
	o.area, o.ready = objectstore.AreaOf(store, r.ID), true
	return nil
}

// Check says what of the store is missing, before anything is built: it is asked for its address and its keys, and
// whether a bucket that the file names is there. That a provider has no store is said of each sub-experiment that needs
// one, and not here once more.
func (o *objectStore) Check(ctx context.Context, r *run.Run) error {
	if o.Unneeded(r) != "" || o.embeds(r.Experiment) || o.lacking(r.Experiment) {
		return nil
	}
	if err := o.check(ctx, r); err != nil {
		return fmt.Errorf("StorageTransfer: %w", err)
	}
	return nil
}

// lacking reports whether the file names no store and the provider has none.
func (o *objectStore) lacking(exp *experiment.Experiment) bool {
	row, err := vendors.Find(exp.ProviderKind())
	return err == nil && !row.HasStore() && (exp.Storage == nil || exp.Storage.Endpoint == "")
}

func (o *objectStore) check(ctx context.Context, r *run.Run) error {
	attrs, keys, err := o.find(ctx, r)
	if err != nil {
		return err
	}
	store, err := objectstore.Open(placeOf(attrs), keys, nil)
	if err != nil || r.Experiment.Storage == nil || r.Experiment.Storage.Bucket == "" {
		return err
	}
	return o.there(ctx, store)
}

// bucketName is the bucket of a run's own.
func bucketName(id string) string { return "stellar-" + strings.ToLower(id) }

// Attributes of buckets and objects in the journal.
const (
	attrBucket   = "bucket"
	attrEndpoint = "endpoint"
	attrRegion   = "region"
	attrProtocol = "protocol"
	attrProvider = "provider" // whose own store it is; none: the file names it
)

// placeOf is where a bucket of the journal is.
func placeOf(attrs map[string]string) objectstore.Place {
	return objectstore.Place{Protocol: attrs[attrProtocol], Endpoint: attrs[attrEndpoint], Region: attrs[attrRegion],
		Bucket: attrs[attrBucket]}
}

// Died says why the run's own store has ended without a request to end.
func (o *objectStore) Died() error {
	if o.child == nil {
		return nil
	}
	return o.child.Died()
}

// equip gives an environment the run's objects.
func (o *objectStore) equip(env *study.Env) {
	if o.ready {
		env.Object, env.ReadObject, env.DropObjects = o.area.Object, o.area.Read, o.area.Drop
	}
}
