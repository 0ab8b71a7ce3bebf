package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stellar/src/deploy"
	"stellar/src/local"
	"stellar/src/pack"
	"stellar/src/provider"
	"stellar/src/run"
)

// Undoing is how what a run made is removed, in its own process and in a later one alike.
func (j *Job) Undoing(r *run.Run) run.Undoing {
	return run.Undoing{Undoers: j.guardedUndoers(r), Wait: j.Patience.Wait, Log: r.Log,
		Refuse: func(res run.Resource) error { _, err := j.belonging(r, res); return err }}
}

// undoers is how each kind of resource is removed. They work in the run's own process and in a later one alike: what
// they need is in the journal.
func (j *Job) undoers(r *run.Run) map[string]run.Undoer {
	return map[string]run.Undoer{
		KindFolder: removeFolder,
		pack.KindImage: func(ctx context.Context, res run.Resource) error {
			return pack.RemoveImage(ctx, j.Getenv, res, j.confirmed(r, res))
		},
		pack.KindPushed: func(ctx context.Context, res run.Resource) error {
			return pack.RemovePushed(ctx, j.Getenv, j.Runner, res)
		},
		kindPlatform:       j.removePlatform,
		kindDaemon:         j.removeDaemon,
		deploy.KindService: func(ctx context.Context, res run.Resource) error { return j.removeService(ctx, r, res) },
	}
}

// removeFolder removes scratch space of a run: a link goes, what it leads to stays.
func removeFolder(_ context.Context, res run.Resource) error { return os.RemoveAll(res.Name) }

// platformGrace is how long the instances and the folder of a platform whose owner died may still be there.
const platformGrace = 10 * time.Second

// removePlatform ends a run's own platform, with its instances and its folder.
func (j *Job) removePlatform(ctx context.Context, res run.Resource) error {
	if j.child != nil {
		err := j.child.Close()
		j.child, j.client = nil, nil
		return err
	}
	// Another process started it, and is dead: the platform ends by itself. What a power cut left is swept.
	dir := res.Attrs["dir"]
	for end := time.Now().Add(platformGrace); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			break
		}
	}
	if _, err := local.Sweep(filepath.Dir(dir)); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("process %s still holds %s", res.Attrs["pid"], dir)
	}
	return nil
}

// removeService runs `serverless remove`. A local service whose platform is gone is gone with it.
func (j *Job) removeService(ctx context.Context, r *run.Run, res run.Resource) error {
	here := res.Attrs["provider"] == "local"
	if here {
		gone, err := j.reachPlatform(ctx, res)
		if gone || err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(res.Attrs[provider.DetailDir], "serverless.yml")); errors.Is(err, fs.ErrNotExist) {
			return DeleteService(ctx, j.client, res.Name) // the folder was deleted by hand: the platform knows the name
		}
	}
	conn, err := j.connectUnit(r, res)
	if err != nil {
		return err
	}
	e := provider.Endpoint{Provider: res.Attrs["provider"], Detail: maps.Clone(res.Attrs)}
	if confirmed := j.confirmed(r, res); confirmed {
		e.Detail[provider.DetailConfirmed] = "yes"
	}
	if err := conn.RemoveFunctions(ctx, []provider.Endpoint{e}); err != nil || !here {
		return err
	}
	return j.verifyAbsent(ctx, res.Name)
}

// connectUnit connects to where a unit of the journal stands. The journal alone says where: the experiment file and the
// environment of then may be gone.
func (j *Job) connectUnit(r *run.Run, res run.Resource) (provider.Connection, error) {
	was := *r
	was.ServiceDir, was.Service = res.Attrs[provider.DetailDir], res.Name
	opts := j.ConnectionOptions(&was, res.Attrs["provider"])
	opts.Region = res.Attrs[provider.DetailRegion]
	return j.open(res.Attrs["provider"], opts)
}

// confirmed reports whether a resource's creation was seen to its end.
func (j *Job) confirmed(r *run.Run, res run.Resource) bool {
	return slices.ContainsFunc(r.Journal.Entries(), func(e run.Entry) bool {
		return e.Event == run.EventCreated && e.Resource != nil && e.Resource.ID == res.ID
	})
}

// reachPlatform connects to the platform that a local service stands on; gone where there is none any more.
func (j *Job) reachPlatform(ctx context.Context, res run.Resource) (gone bool, err error) {
	if j.client != nil && j.client.URL == res.Attrs["url"] {
		if _, err := j.client.Status(ctx); err == nil {
			return false, nil
		}
	}
	stays, err := j.RunningPlatform(ctx)
	if err != nil {
		return false, err
	}
	if stays != nil && stays.URL == res.Attrs["url"] {
		j.client = stays
		return false, nil
	}
	return true, nil // a run's own platform takes its services along; its own removal comes next, and verifies it
}

func (j *Job) verifyAbsent(ctx context.Context, service string) error {
	all, err := j.client.Services(ctx)
	if err != nil {
		return fmt.Errorf("ask the platform whether the service is gone: %w", err)
	}
	for _, s := range all {
		if s.Service == service {
			return fmt.Errorf("the platform still has service %s", service)
		}
	}
	return nil
}

// daemon makes sure of a platform that stays, and remembers where this run started it.
func (s platformStage) daemon(ctx context.Context, r *run.Run) error {
	client, err := s.RunningPlatform(ctx)
	if err != nil {
		return err
	}
	if client == nil {
		root, err := local.StateRoot(s.Getenv)
		if err != nil {
			return err
		}
		if _, err := r.Journal.Intend(kindDaemon, "local", nil); err != nil {
			return err
		}
		state, _, err := local.Detach(ctx, s.spawn(root, ""))
		if err != nil {
			return err
		}
		client = state.Client()
	}
	s.client = client
	return s.note(ctx, r)
}

// removeDaemon ends the platform that this run started for functions that stay, unless others use it by now.
func (j *Job) removeDaemon(ctx context.Context, _ run.Resource) error {
	client, err := j.RunningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	services, err := client.Services(ctx)
	if err != nil {
		return err
	}
	if len(services) > 0 {
		j.Log.Infof("the local platform stays: it has %d other services (`stellar local stop` ends it)", len(services))
		return nil
	}
	root, err := local.StateRoot(j.Getenv)
	if err != nil {
		return err
	}
	_, err = local.Stop(ctx, root)
	return err
}

// RunningPlatform is the local platform that stays, nil where none runs.
func (w Config) RunningPlatform(ctx context.Context) (*local.Client, error) {
	root, err := local.StateRoot(w.Getenv)
	if err != nil {
		return nil, err
	}
	state, err := local.Running(ctx, root)
	if err != nil || state == nil {
		return nil, err
	}
	return state.Client(), nil
}

// DeleteService removes a service; that it is not there is success.
func DeleteService(ctx context.Context, c *local.Client, name string) error {
	err := c.Delete(ctx, name)
	var status *local.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// RemoveDeadPlatform removes what a dead run's own platform has left. An error says that its owner lives on.
func (w Config) RemoveDeadPlatform(ctx context.Context, id string) error {
	root, err := local.StateRoot(w.Getenv)
	if err != nil {
		return err
	}
	dead := &Job{Config: w}
	attrs := map[string]string{"dir": filepath.Join(root, platformFolder(id))}
	return dead.removePlatform(ctx, run.Resource{Kind: kindPlatform, Attrs: attrs})
}
