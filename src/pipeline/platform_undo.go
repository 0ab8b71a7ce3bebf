package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/run"
)

// Removals are those of a run's own platform and of one that stays.
func (p *localPlatform) Removals() map[string]Removal {
	return map[string]Removal{
		kindPlatform: {Own: p.own, Remove: p.remove},
		kindDaemon:   {Own: ownDaemon, Remove: p.removeDaemon},
	}
}

func (p *localPlatform) own(r *run.Run, res run.Resource) (run.Resource, error) {
	root, err := local.StateRoot(p.config.Getenv)
	if err != nil {
		return res, err
	}
	if want := filepath.Join(root, platformFolder(r.ID)); res.Name != r.ID || res.Attrs["dir"] != want {
		return res, fail.With(fail.CodeLeftBehind, "platform %q in %q is not that of run %s, in %s",
			res.Name, res.Attrs["dir"], r.ID, want).
			WithHint("if the run had another HOME or XDG_STATE_HOME, set it and try again; else the journal is not " +
				"that of this run")
	}
	return res, nil
}

// platformGrace is how long the instances and the folder of a platform whose owner died may still be there.
const platformGrace = 10 * time.Second

// remove ends a run's own platform, with its instances and its folder.
func (p *localPlatform) remove(ctx context.Context, res run.Resource) error {
	if p.child != nil {
		err := p.child.Close()
		p.child, p.client = nil, nil
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

// RemoveDeadPlatform removes what a dead run's own platform has left. An error says that its owner is alive.
func (c Config) RemoveDeadPlatform(ctx context.Context, id string) error {
	root, err := local.StateRoot(c.Getenv)
	if err != nil {
		return err
	}
	attrs := map[string]string{"dir": filepath.Join(root, platformFolder(id))}
	dead := &localPlatform{config: c}
	return dead.remove(ctx, run.Resource{Kind: kindPlatform, Attrs: attrs})
}

// daemonName is the journal's name for the platform that stays: a machine has one.
const daemonName = "local"

func ownDaemon(_ *run.Run, res run.Resource) (run.Resource, error) {
	if res.Name != daemonName {
		return res, fmt.Errorf("platform %q is not one that runs start", res.Name)
	}
	return res, nil
}

// removeDaemon ends the platform that this run started for functions that stay, unless others use it by now.
func (p *localPlatform) removeDaemon(ctx context.Context, _ run.Resource) error {
	client, err := p.config.RunningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	services, err := client.Services(ctx)
	if err != nil {
		return err
	}
	if len(services) > 0 {
		p.config.Log.Infof("the local platform keeps running: it has %d other services (`stellar local stop` stops it)",
			len(services))
		return nil
	}
	root, err := local.StateRoot(p.config.Getenv)
	if err != nil {
		return err
	}
	_, err = local.Stop(ctx, root)
	return err
}
