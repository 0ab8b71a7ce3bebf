package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// cleanUnread looks by name for what a run may have left, where its journal has lines that cannot be read. A torn line
// does not count: it was being written before anything was made.
func (a App) cleanUnread(ctx context.Context, r *run.Run) error {
	if !r.Remembered() || !slices.ContainsFunc(r.Journal.Damage(), func(d run.Damage) bool { return !d.Short }) {
		return nil
	}
	if err := a.cleanLost(ctx, r.Entry()); err != nil {
		return fail.With(fail.CodeLeftBehind, "%s: what its damaged lines may have named: %w",
			filepath.Join(r.Dir, run.JournalFile), err)
	}
	return nil
}

// cleanLost removes what a run whose folder was deleted may have left: all names follow from the run's id.
func (a App) cleanLost(ctx context.Context, e run.Indexed) error {
	if err := a.RemoveDeadPlatform(ctx, e.ID); err != nil {
		return err // its process may be alive without its folder: nothing of it is touched
	}
	if err := a.RemoveDeadStore(ctx, e.ID); err != nil {
		return err // likewise
	}
	if err := errors.Join(os.RemoveAll(run.WorkDir(e.ID)), removeScratch(e)); err != nil {
		return err
	}
	if err := a.cleanLostUnits(ctx, e); err != nil {
		return err
	}
	if e.Store != nil { // after the functions, which may still write
		if err := a.RemoveLostObjects(ctx, e.ID, e.Store); err != nil {
			return err
		}
	}
	if err := a.cleanLostImages(ctx, e.ID); err != nil {
		return err
	}
	client, err := a.RunningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	if err := pipeline.DeleteService(ctx, client, run.ServiceName(e.ID)); err != nil {
		return err
	}
	services, err := client.Services(ctx)
	if err == nil && len(services) == 0 {
		a.Log.Infof("the local platform runs without services: `stellar local stop` stops it")
	}
	return err
}

// removeScratch removes the scratch folder that the index names: TMPDIR may have changed since.
func removeScratch(e run.Indexed) error {
	if filepath.Base(e.Scratch) != filepath.Base(run.WorkDir(e.ID)) {
		return nil
	}
	return os.RemoveAll(e.Scratch)
}

// cleanLostImages removes images by their labels in the Docker Engine. If no Engine answers and the run may have made
// images, a warning says so.
func (a App) cleanLostImages(ctx context.Context, id string) error {
	looked, err := pack.RemoveLost(ctx, a.Getenv, a.Runner, id)
	if err != nil || looked {
		return err
	}
	row, err := vendors.Find(run.KindOf(id))
	if err == nil && row.CanDeploy() && !row.Standing && slices.Contains(row.Limits.Packages(), "Image") {
		a.Log.Warnf("no Docker Engine answers: it is not known whether run %s has left images there or in a registry "+
			"(docker images --filter label=%s=%s)",
			id, dockerengine.LabelRun, id)
	}
	return nil
}

// cleanLostUnits removes by its tags what a run without a journal may have left in an account. The index of runs says
// which account and region: finding nothing in another one proves nothing.
func (a App) cleanLostUnits(ctx context.Context, e run.Indexed) error {
	id := e.ID
	kind := run.KindOf(id)
	row, err := vendors.Find(kind)
	if err != nil || row.Local || row.Standing || !row.CanDeploy() {
		return nil //nolint:nilerr // a run of a URL, say: it made nothing elsewhere
	}
	where := e.Place
	conn, finder, err := a.openAccount(ctx, row, where)
	if err == nil {
		err = a.samePlace(ctx, conn, id, where)
	}
	if err != nil && e.Dir == "" { // an entry that a crash left empty: nothing says that it deployed anything
		a.Log.Warnf("run %s has an empty entry in the index of runs; whether it left anything on %s was not looked "+
			"for: %v", id, kind, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("what it may have left on %s cannot be looked for: %w", kind, err)
	}
	all, err := finder.Tagged(ctx)
	if err != nil {
		return err
	}
	return removeTagged(ctx, conn, kind, all, nil, func(t provider.Tagged) bool { return strings.EqualFold(t.Run, id) })
}

// samePlace refuses a connection to another account or region than the index has for the run.
func (a App) samePlace(ctx context.Context, conn provider.Connection, id string, where map[string]string) error {
	l, ok := conn.(provider.Locator)
	if !ok {
		return nil
	}
	is, err := l.Locate(ctx)
	if err != nil {
		return err
	}
	if where == nil {
		a.Log.Warnf("the index does not say where run %s went, if it deployed anything: looked where the environment "+
			"points now, %s", id, placeText(is))
		return nil
	}
	for key, was := range where {
		if now, known := is[key]; known && now != was {
			return fail.Input("the credentials are for %s, the run deployed to %s %s", placeText(is), key, was).
				WithHint("use the credentials of the run, and clean again")
		}
	}
	return nil
}

// placeText is a place as one line, with its keys sorted.
func placeText(place map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(place)) {
		words = append(words, key+" "+place[key])
	}
	return strings.Join(words, ", ")
}
