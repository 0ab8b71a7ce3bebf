package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stellar/src/deploy"
	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/run"
)

// undoers is how each kind of resource is removed. They work in the run's own process and in a later one alike: what
// they need is in the journal.
func (j *job) undoers(r *run.Run) map[string]run.Undoer {
	return map[string]run.Undoer{
		kindFolder:         removeFolder,
		kindPlatform:       j.removePlatform,
		kindDaemon:         j.removeDaemon,
		deploy.KindService: func(ctx context.Context, res run.Resource) error { return j.removeService(ctx, r, res) },
	}
}

// removeFolder removes scratch space of a run, and only that: the name must be one that a run gives.
func removeFolder(_ context.Context, res run.Resource) error {
	if !strings.HasPrefix(filepath.Base(res.Name), "stellar-") || !filepath.IsAbs(res.Name) {
		return fmt.Errorf("%q is not a folder that stellar makes; not touched", res.Name)
	}
	return os.RemoveAll(res.Name)
}

// removePlatform ends a run's own platform, with its instances, and its folder.
func (j *job) removePlatform(ctx context.Context, res run.Resource) error {
	if j.child != nil {
		err := j.child.Stop(ctx)
		j.child, j.client = nil, nil
		return errors.Join(err, os.RemoveAll(res.Attrs["dir"]))
	}
	// Another process started it. It ended with its owner, at the latest a few seconds after: see that it did.
	if pid, err := strconv.Atoi(res.Attrs["pid"]); err == nil {
		if err := local.Reap(ctx, pid, res.Attrs["url"], res.Attrs["dir"]); err != nil {
			return err
		}
	}
	return os.RemoveAll(res.Attrs["dir"])
}

// removeService runs `serverless remove`. A local service whose platform is gone is gone with it.
func (j *job) removeService(ctx context.Context, r *run.Run, res run.Resource) error {
	if res.Attrs["provider"] == "local" {
		gone, err := j.reachPlatform(ctx, res)
		if gone || err != nil {
			return err
		}
	}
	was := *r
	was.ServiceDir, was.Service = res.Attrs["dir"], res.Name
	if _, err := os.Stat(filepath.Join(was.ServiceDir, "serverless.yml")); errors.Is(err, fs.ErrNotExist) && j.client != nil {
		return j.client.DeleteService(ctx, res.Name) // the folder was deleted by hand: the platform knows the name
	}
	conn, err := j.connect(&was)
	if err != nil {
		return err
	}
	if err := conn.RemoveFunctions(ctx, nil); err != nil {
		return err
	}
	if j.client == nil {
		return nil
	}
	return j.verifyAbsent(ctx, res.Name)
}

// reachPlatform connects to the platform that a local service stands on; gone where there is none any more.
func (j *job) reachPlatform(ctx context.Context, res run.Resource) (gone bool, err error) {
	if j.client != nil && j.client.URL() == res.Attrs["url"] {
		if _, err := j.client.Status(ctx); err == nil {
			return false, nil
		}
	}
	client, err := local.Running(ctx, j.Getenv)
	if err == nil && client != nil && client.URL() == res.Attrs["url"] {
		j.client = client
		return false, nil
	}
	if local.Answers(ctx, res.Attrs["url"]) {
		return false, nil // a run's own platform that has not ended yet: its removal comes next, and verifies
	}
	return true, nil
}

func (j *job) verifyAbsent(ctx context.Context, service string) error {
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
func (s startPlatform) daemon(ctx context.Context, r *run.Run) error {
	client, err := local.Running(ctx, s.Getenv)
	if err != nil {
		return err
	}
	if client == nil {
		if _, err := r.Journal.Intend(kindDaemon, "local", nil); err != nil {
			return err
		}
		if client, err = local.StartDaemon(ctx, s.Getenv, s.Executable); err != nil {
			return err
		}
	}
	s.client = client
	return nil
}

// removeDaemon ends the platform that this run started for functions that stay, unless others use it by now.
func (j *job) removeDaemon(ctx context.Context, _ run.Resource) error {
	client, err := local.Running(ctx, j.Getenv)
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
	return local.StopDaemon(ctx, j.Getenv)
}

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
	j := &job{World: w}
	pending := len(r.Journal.Pending())
	err := run.Undo(ctx, r.Journal, j.undoers(r), w.Log)
	if err == nil && pending > 0 {
		err = errors.Join(os.RemoveAll(filepath.Join(r.ServiceDir, packagesFolder)), r.Journal.Note(run.EventEnd, "removed"), w.settle(r))
	}
	return pending - len(r.Journal.Pending()), errors.Join(err, r.Close())
}

// settle brings the record of an undone run up to date. A record that could not be read is left as it is.
func (w World) settle(r *run.Run) error {
	if r.Experiment == nil || (r.Record.Status != statusKept && r.Record.Status != "running") {
		return nil
	}
	now := time.Now().UTC()
	if r.Record.Status == "running" {
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
		fmt.Fprintf(w, "the folder is gone, with its journal: %s\n", d)
	}
	if len(c.Removed) == 0 {
		fmt.Fprintln(w, "nothing to do")
	}
}

// Clean undoes the runs that ended without doing so. With all, also those that were kept and have expired.
func (w World) Clean(ctx context.Context, all bool) (*Cleaned, error) {
	c := &Cleaned{Removed: []string{}, Live: []string{}, Kept: []string{}, Gone: []string{}}
	dirs, err := run.Unfinished(w.Getenv)
	if err != nil {
		return c, err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, w.cleanOne(ctx, dir, all, c))
	}
	if all {
		swept, err := w.sweep(ctx)
		c.Removed = append(c.Removed, swept...)
		errs = append(errs, err)
	}
	return c, errors.Join(errs...)
}

func (w World) cleanOne(ctx context.Context, dir string, all bool, c *Cleaned) error {
	if _, err := os.Stat(filepath.Join(dir, run.JournalFile)); errors.Is(err, fs.ErrNotExist) {
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

func expired(r *run.Run) bool { return r.Experiment != nil && time.Now().After(r.Expires()) }

// sweep removes local services that carry the tags of a run and have expired, for when the journal is lost. What is not
// ours by tag is not touched.
func (w World) sweep(ctx context.Context) ([]string, error) {
	client, err := local.Running(ctx, w.Getenv)
	if err != nil || client == nil {
		return nil, err
	}
	services, err := client.Services(ctx)
	if err != nil {
		return nil, err
	}
	var done []string
	var errs []error
	for _, s := range services {
		until, err := time.Parse(time.RFC3339, s.Tags["stellar-expires"])
		if s.Tags["stellar-run"] == "" || err != nil || time.Now().Before(until) {
			continue
		}
		if err := client.DeleteService(ctx, s.Service); err != nil {
			errs = append(errs, fail.With(fail.CodeLeftBehind, "service %s: %w", s.Service, err))
			continue
		}
		done = append(done, "service "+s.Service)
	}
	return done, errors.Join(errs...)
}
