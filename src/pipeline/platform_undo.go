package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Removals are those of a run's own platform and of one that stays.
func (p *localPlatform) Removals() map[string]Removal {
	return map[string]Removal{
		kindPlatform: {Own: p.own, Remove: p.remove},
		kindDaemon:   {Own: p.ownDaemon, Remove: p.removeDaemon},
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

// remove ends a run's own platform, with its instances and its folder.
func (p *localPlatform) remove(ctx context.Context, res run.Resource) error {
	if p.child != nil {
		err := p.child.Close()
		p.child, p.client = nil, nil
		return err
	}
	// Another process started it, and is dead: the platform ends by itself, also where it was still being started.
	if err := local.RemoveDead(ctx, res.Attrs["dir"]); err != nil {
		if pid := res.Attrs["pid"]; pid != "" {
			return fmt.Errorf("the local platform, process %s: %w", pid, err)
		}
		return err
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

func (p *localPlatform) ownDaemon(r *run.Run, res run.Resource) (run.Resource, error) {
	if res.Name != daemonName {
		return res, fmt.Errorf("platform %q is not one that runs start", res.Name)
	}
	root, err := local.StateRoot(p.config.Getenv)
	if err != nil {
		return res, err
	}
	if dir, want := res.Attrs["dir"], daemonDir(root, r.ID); dir != "" && dir != want {
		return res, fail.With(fail.CodeLeftBehind, "platform %q in %q is not that of run %s, in %s",
			res.Name, dir, r.ID, want)
	}
	return res, nil
}

// removeDaemon ends the platform that this run started for functions that stay, unless others use it by now.
func (p *localPlatform) removeDaemon(ctx context.Context, res run.Resource) error {
	client, err := p.config.RunningPlatform(ctx)
	if err != nil {
		return err
	}
	if client == nil { // it has ended, or is about to: its starter was killed before it told where it is
		if dir := res.Attrs["dir"]; dir != "" {
			return local.RemoveDead(ctx, dir)
		}
		return nil
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
