package cloud

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestLost is about functions that were left up, and what `stellar clean` makes of them when their journal is lost or
// their time is over. What is not ours by tag, or has not expired, is never touched: left and settled look after that.
func TestLost(t *testing.T) {
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			k := k.prepare(t)
			k.file = cmp.Or(k.small, k.file)
			play := func(name string, scene func(*row)) {
				t.Run(name, func(t *testing.T) {
					if !k.process {
						t.Parallel()
					}
					scene(newRow(t, k))
				})
			}
			play("folder deleted", folderDeleted)
			if k.sweeps { // else nothing can be looked for anywhere, as "folder deleted" says
				play("folder deleted, environment elsewhere", deletedElsewhere)
				play("folder deleted, a stranger's credentials", deletedStranger)
				play("folder deleted, an index without places", deletedOldIndex)
			}
			play("kept, moved", keptMoved)
			if k.sweeps {
				play("kept, folder deleted", keptDeleted)
			}
			play("kept, expired", keptExpired)
			play("all lost, expired", func(r *row) { allLost(r, true) })
			play("kept, expired, in use", inUse)
			play("with a stranger's credentials", strangers)
			play("all lost, not expired", func(r *row) { allLost(r, false) })
		})
	}
}

// keep deploys at a time and leaves the functions up.
func (r *row) keep(at time.Time) (dir string) {
	r.t.Helper()
	w := r.app(nil)
	w.Now = func() time.Time { return at }
	w.Opened = func(made *run.Run) error { dir = made.Dir; return nil }
	if _, err := w.Deploy(context.Background(), r.experiment(), r.dir); err != nil {
		r.t.Fatal(lab.Story(err))
	}
	if len(r.left()) == 0 {
		r.t.Fatal("nothing stands")
	}
	return dir
}

// lose deletes a run's folder. It was not kept on purpose, as far as the index knows: its owner was killed before it
// said so.
func (r *row) lose(dir string) {
	r.t.Helper()
	x := run.Index{Dir: filepath.Join(r.dir, ".local", "state", "stellar", "runs")}
	all, err := x.All()
	if err != nil || len(all) != 1 || all[0].Kept == nil {
		r.t.Fatalf("the index holds %+v, %v; want one kept run", all, err)
	}
	all[0].Kept = nil
	if err := errors.Join(x.Put(all[0]), os.RemoveAll(dir)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *row) unfinished() []string {
	r.t.Helper()
	dirs, err := run.Unfinished(func(name string) string { return r.env[name] })
	if err != nil {
		r.t.Fatal(err)
	}
	return dirs
}

// folderDeleted: the index knows the run, its journal is gone. Its functions are found by their tags; where a provider
// cannot be searched, that is no success, and the run is not forgotten.
func folderDeleted(r *row) {
	dir := r.keep(time.Now())
	r.lose(dir)
	c, err := r.app(nil).Clean(context.Background(), false)
	if !r.target.sweeps {
		if fail.Code(err) != fail.CodeLeftBehind || !strings.Contains(lab.Story(err), "cannot be looked for") ||
			!slices.Equal(r.unfinished(), []string{dir}) {
			r.t.Errorf("exit code %d, in the index %v: %s", fail.Code(err), r.unfinished(), lab.Story(err))
		}
		r.left()
		return
	}
	if err != nil || !slices.Equal(c.Gone, []string{dir}) {
		r.t.Errorf("cleaned %+v: %s", c, lab.Story(err))
	}
	if left := r.left(); len(left) > 0 || len(r.unfinished()) > 0 {
		r.t.Errorf("left %v, in the index %v", left, r.unfinished())
	}
}

// keptMoved: functions that were kept on purpose stand although the run's folder has another place and another name.
// They are listed, no clean touches them, and from the new place they are removed.
func keptMoved(r *row) {
	dir := r.keep(time.Now())
	stood := len(r.left())
	moved := filepath.Join(r.dir, "archive", "renamed")
	if err := errors.Join(os.MkdirAll(filepath.Dir(moved), 0o755), os.Rename(dir, moved)); err != nil {
		r.t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		c, err := r.app(nil).Clean(context.Background(), all)
		if err != nil || !slices.Equal(c.Moved, []string{dir}) || len(c.Gone)+len(c.Removed) > 0 ||
			len(r.left()) != stood {
			r.t.Errorf("clean --all=%t: %+v, left %d of %d: %s", all, c, len(r.left()), stood, lab.Story(err))
		}
	}
	list, err := r.app(nil).ExistingFunctions(r.t.Context())
	if err != nil || len(list) != 2 || !list[0].Moved || list[0].Status != "kept" || list[0].Run != dir ||
		list[0].URL == "" {
		r.t.Errorf("functions are %+v, %v", list, err)
	}
	if _, err := r.app(nil).Remove(context.Background(), moved); err != nil {
		r.t.Errorf("remove from the new place: %s", lab.Story(err))
	}
	r.settled(moved)
}

// keptDeleted: a folder that was deleted, not moved, is still a name for `stellar remove`.
func keptDeleted(r *row) {
	dir := r.keep(time.Now())
	if err := os.RemoveAll(dir); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.app(nil).Remove(context.Background(), dir); err != nil || len(r.left()) > 0 ||
		len(r.unfinished()) > 0 {
		r.t.Errorf("left %v, in the index %v: %s", r.left(), r.unfinished(), lab.Story(err))
	}
}

// keptExpired: what was kept is left alone by clean, and by clean --all too until its time is over.
func keptExpired(r *row) {
	dir := r.keep(time.Now().Add(-10 * 24 * time.Hour))
	c, err := r.app(r.target.later).Clean(context.Background(), false)
	if err != nil || !slices.Equal(c.Kept, []string{dir}) || len(r.left()) == 0 {
		r.t.Errorf("cleaned %+v, left %v: %s", c, r.left(), lab.Story(err))
	}
	c, err = r.app(nil).Clean(context.Background(), true)
	if err != nil || !slices.Contains(c.Removed, dir) {
		r.t.Errorf("cleaned %+v: %s", c, lab.Story(err))
	}
	r.settled(dir)
}

// allLost: neither the run's folder nor the index is left, only the tags.
func allLost(r *row, expired bool) {
	at := time.Now()
	if expired {
		at = at.Add(-10 * 24 * time.Hour)
	}
	dir := r.keep(at)
	stood := len(r.left())
	for _, gone := range []string{dir, filepath.Join(r.dir, ".local")} {
		if err := os.RemoveAll(gone); err != nil {
			r.t.Fatal(err)
		}
	}
	c, err := r.app(nil).Clean(context.Background(), true)
	if err != nil {
		r.t.Errorf("clean: %s", lab.Story(err))
	}
	if r.target.images { // no tag says when an image's time is over: a run's own clean is what removes them
		if looked, err := pack.RemoveLost(context.Background(), os.Getenv, nil, filepath.Base(dir)); err != nil ||
			!looked {
			r.t.Error(looked, err)
		}
	}
	left := len(r.left())
	switch {
	case !r.target.sweeps:
		if left != stood || !unseen(c, r.target.name) {
			r.t.Errorf("left %d of %d, not asked: %v", left, stood, c.Unseen)
		}
	case expired && len(c.Removed) > 0 && !strings.Contains(strings.ToLower(c.Removed[0]),
		" of run "+strings.ToLower(filepath.Base(dir))+", by "):
		r.t.Errorf("nobody hears whose they were: %v", c.Removed)
	case expired && (left > 0 || len(c.Removed) != r.target.units):
		r.t.Errorf("left %d of %d, removed %v", left, stood, c.Removed)
	case !expired && (left != stood || len(c.Removed) > 0):
		r.t.Errorf("left %d of %d that have not expired, removed %v", left, stood, c.Removed)
	}
}

// unseen reports whether clean said that a provider was not asked.
func unseen(c *app.Cleaned, provider string) bool {
	return slices.ContainsFunc(c.Unseen, func(text string) bool { return strings.HasPrefix(text, provider+" ") })
}

// strangers: credentials that do not lead to where the functions stand find nothing there, which is not to be taken for
// absence.
func strangers(r *row) {
	dir := r.keep(time.Now())
	stood := len(r.left())
	r.process(r.target.stranger)
	_, err := r.app(r.target.stranger).Remove(context.Background(), dir)
	if fail.Code(err) != fail.CodeLeftBehind || len(r.left()) != stood || len(r.pending(dir)) == 0 {
		r.t.Errorf("exit code %d, left %d of %d, pending %v: %s", fail.Code(err), len(r.left()), stood,
			r.pending(dir), lab.Story(err))
	}
	r.process(r.target.env)
	if _, err := r.app(r.target.later).Clean(context.Background(), false); err != nil {
		r.t.Errorf("clean: %s", lab.Story(err))
	}
	r.settled(dir)
}

// process sets variables for a provider that reads the process's own.
func (r *row) process(env map[string]string) {
	for name, value := range env {
		if r.target.process {
			r.t.Setenv(name, value)
		}
	}
}

// deletedElsewhere: where the functions went, not where the environment points by now, is where they are looked for.
func deletedElsewhere(r *row) {
	dir := r.keep(time.Now())
	r.lose(dir)
	r.process(r.target.later)
	c, err := r.app(r.target.later).Clean(context.Background(), false)
	if err != nil || !slices.Equal(c.Gone, []string{dir}) {
		r.t.Errorf("cleaned %+v: %s", c, lab.Story(err))
	}
	if left := r.left(); len(left) > 0 || len(r.unfinished()) > 0 {
		r.t.Errorf("left %v, in the index %v", left, r.unfinished())
	}
}

// deletedStranger: credentials with which nobody can look there are an error, and the run is not forgotten.
func deletedStranger(r *row) {
	dir := r.keep(time.Now())
	stood := len(r.left())
	r.lose(dir)
	r.process(r.target.stranger)
	c, err := r.app(r.target.stranger).Clean(context.Background(), false)
	if fail.Code(err) != fail.CodeLeftBehind || len(c.Gone) > 0 || len(r.left()) != stood ||
		!slices.Equal(r.unfinished(), []string{dir}) {
		r.t.Errorf("exit code %d, left %d of %d, in the index %v: %s", fail.Code(err), len(r.left()), stood,
			r.unfinished(), lab.Story(err))
	}
	r.process(r.target.env)
	if _, err := r.app(nil).Clean(context.Background(), false); err != nil || len(r.left()) > 0 ||
		len(r.unfinished()) > 0 {
		r.t.Errorf("left %v, in the index %v: %s", r.left(), r.unfinished(), lab.Story(err))
	}
}

// deletedOldIndex: where the index names no place, the user hears where was looked.
func deletedOldIndex(r *row) {
	dir := r.keep(time.Now())
	file := filepath.Join(r.dir, ".local", "state", "stellar", "runs", filepath.Base(dir))
	if err := errors.Join(os.WriteFile(file, []byte(dir+"\n"), 0o644), os.RemoveAll(dir)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.app(nil).Clean(context.Background(), false); err != nil || len(r.left()) > 0 {
		r.t.Errorf("left %v: %s", r.left(), lab.Story(err))
	}
	if place, _, _ := strings.Cut(r.target.scope, "/"); !strings.Contains(r.log.String(),
		"does not say where run "+filepath.Base(dir)) || !strings.Contains(r.log.String(), place) {
		r.t.Errorf("the log does not say where was looked:\n%s", r.log)
	}
}

// TestOnePlace: a run whose surroundings change while it deploys goes to the one place that its journal and index name.
func TestOnePlace(t *testing.T) {
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			k.file = strings.Replace(k.file, `"Region":"us-west-2",`, "", 1)
			onePlace(newRow(t, k.prepare(t)))
		})
	}
}

// moving changes the process's environment when a stage begins.
type moving struct {
	lab.Observer
	*row
}

func (m moving) StageStart(stage string) {
	if stage == "deploying functions" {
		m.process(m.target.later)
	}
}

func onePlace(r *row) {
	w, dir := r.app(nil), ""
	w.Opened = func(made *run.Run) error { dir = made.Dir; return nil }
	w.Observer, w.Keep = moving{row: r}, true
	getenv := w.Getenv
	w.Getenv = func(name string) string {
		if value, changes := r.target.later[name]; changes && dir != "" {
			if text, _ := os.ReadFile(filepath.Join(dir, run.JournalFile)); strings.Contains(string(text),
				deploy.KindService) {
				return value
			}
		}
		return getenv(name)
	}
	if _, err := w.Deploy(context.Background(), r.experiment(), r.dir); err != nil {
		r.t.Error(lab.Story(err))
	}
	if len(r.left()) == 0 {
		r.t.Error("nothing stands")
	}
	for _, one := range r.left() {
		if one.Scope != r.target.scope {
			r.t.Errorf("%s %s stands in %s, the journal says %s", one.Kind, one.Name, one.Scope, r.target.scope)
		}
	}
	if _, err := r.app(r.target.later).Remove(context.Background(), dir); err != nil {
		r.t.Error(lab.Story(err))
	}
	r.settled(dir)
}

// Where no Engine answers, what a run may have left there is said not to be known; not of runs that make no images.
func TestCleanSaysWhatItCouldNotLookFor(t *testing.T) {
	for kind, warns := range map[string]bool{"local": true, "url": false} {
		home := t.TempDir()
		dir := filepath.Join(home, "results", "20261121T010203Z-"+kind+"-abcd")
		if err := (run.Index{Dir: filepath.Join(home, ".local", "state", "stellar",
			"runs")}).Add(filepath.Base(dir), dir, nil); err != nil {
			t.Fatal(err)
		}
		var log lab.Log
		c, err := withFakes(home, t.TempDir(), map[string]string{"HOME": home, "DOCKER_HOST": "unix://" + home +
			"/none.sock"}, &log).Clean(context.Background(), false)
		if err != nil || !slices.Equal(c.Gone, []string{dir}) || strings.Contains(log.String(),
			"no Docker Engine answers") != warns {
			t.Errorf("%s: cleaned %+v, %s; said %q", kind, c, lab.Story(err), log.String())
		}
	}
}
