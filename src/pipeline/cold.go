package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// KindConfiguration is the journal's kind for a function that stays and whose configuration the run changes: its undo
// puts the configuration back.
const KindConfiguration = "configuration"

// attrRun is the journal's key for the run that deployed a function, which need not be the journal's own.
const attrRun = "run"

// coldParallel is how many functions are made cold at once.
const coldParallel = 16

// coldStarts makes the functions of a run cold on demand.
type coldStarts struct {
	job *Job

	mu    sync.Mutex
	known map[string]*coldFunction // by the function's name in the run
}

// coldFunction is a function that can be made cold.
type coldFunction struct {
	once     sync.Once
	err      error
	conn     provider.Connection
	endpoint provider.Endpoint
}

// makeCold makes functions cold side by side and returns when all are. Of a function that stays the configuration is in
// the journal, on disk, before it is changed for the first time.
func (c *coldStarts) makeCold(ctx context.Context, r *run.Run, at []study.Endpoint) error {
	return provider.ForEach(ctx, coldParallel, at, func(ctx context.Context, e study.Endpoint) error {
		f, err := c.function(ctx, r, e.Function)
		if err != nil {
			return fmt.Errorf("function %s: %w", e.Function, err)
		}
		return f.conn.UpdateFunction(ctx, f.endpoint, nil)
	})
}

// function prepares a function of the run, once.
func (c *coldStarts) function(ctx context.Context, r *run.Run, name string) (*coldFunction, error) {
	c.mu.Lock()
	f := c.known[name]
	if f == nil {
		f = &coldFunction{}
		if c.known == nil {
			c.known = map[string]*coldFunction{}
		}
		c.known[name] = f
	}
	c.mu.Unlock()
	f.once.Do(func() { f.err = c.prepare(ctx, r, name, f) })
	return f, f.err
}

// prepare connects to where a function is, and writes down its configuration where the function outlives the run.
func (c *coldStarts) prepare(ctx context.Context, r *run.Run, name string, f *coldFunction) (err error) {
	at := slices.IndexFunc(r.Functions, func(f *run.Function) bool { return f.Name == name && f.Endpoint != nil })
	if at < 0 {
		return errors.New("it has no endpoint")
	}
	f.endpoint = *r.Functions[at].Endpoint
	if r.Functions[at].Existing != "" { // its configuration is in the journal, and to be put back, since configure
		f.conn, err = c.job.connect(r)
		return err
	}
	of, unit, err := c.unitOf(r, f.endpoint)
	if err != nil {
		return err
	}
	own := of == r
	if own {
		f.conn, err = c.job.connect(r)
	} else {
		f.conn, err = c.connectOther(ctx, of, unit)
	}
	if err != nil {
		return err
	}
	to, changes := f.conn.(provider.Restorer)
	if !changes || own && !c.job.Keep {
		return nil // nothing changes, or it is removed at the end of the run
	}
	was, err := to.Configuration(ctx, f.endpoint)
	if err != nil {
		return err
	}
	attrs := map[string]string{"provider": r.Experiment.ProviderKind(), attrRun: of.ID,
		run.AttrGroup: KindConfiguration}
	maps.Copy(attrs, f.endpoint.Detail)
	maps.Copy(attrs, was)
	delete(attrs, provider.DetailDir) // a configuration is put back without files
	_, err = r.Journal.Intend(KindConfiguration, configurationName(f.endpoint.Detail), attrs)
	return err
}

// configurationName names a function in the account.
func configurationName(detail map[string]string) string {
	return cmp.Or(detail[provider.DetailName], detail[provider.DetailUnit])
}

// unitOf finds the run in whose journal the unit of an endpoint is: this one, or a kept one whose functions it uses.
func (c *coldStarts) unitOf(r *run.Run, e provider.Endpoint) (of *run.Run, unit run.Resource, err error) {
	name := e.Detail[provider.DetailUnit]
	for _, of := range append([]*run.Run{r}, c.job.held.runs...) {
		for _, res := range of.Journal.Pending() {
			if res.Kind == deploy.KindService && res.Name == name && name != "" {
				return of, res, nil
			}
		}
	}
	return nil, run.Resource{}, fail.Input("no run's journal says where %s is, so that it cannot be made cold", e.URL).
		WithHint("deploy the function again, with this version of stellar")
}

// connectOther connects to where a unit of another run is.
func (c *coldStarts) connectOther(ctx context.Context, of *run.Run, unit run.Resource) (provider.Connection, error) {
	other := NewJob(c.job.Config, nil)
	unit, err := other.own(of, unit)
	if err != nil {
		return nil, err
	}
	if onThisMachine(unit.Attrs["provider"]) {
		ended, err := other.platform.reach(ctx, unit)
		if ended || err != nil {
			return nil, errors.Join(err, errors.New("its platform is gone"))
		}
	}
	return other.connectUnit(of, unit)
}

// ownConfiguration checks that a function whose configuration is to be put back is one that a run has deployed.
func ownConfiguration(r *run.Run, res run.Resource) (run.Resource, error) {
	if res.Attrs[provider.DetailExisting] != "" {
		return ownExisting(r, res)
	}
	deployer, unit := res.Attrs[attrRun], res.Attrs[provider.DetailUnit]
	switch service := run.ServiceName(deployer); {
	case !run.ValidID(deployer) || unit != service && !strings.HasPrefix(unit, service+"-"):
		return res, fmt.Errorf("function %q (unit %q) is not one of run %q", res.Name, unit, deployer)
	case res.Name != configurationName(res.Attrs) || res.Name != unit && !strings.HasPrefix(res.Name, service+"-"):
		return res, fmt.Errorf("function %q is not one of unit %q", res.Name, unit)
	case res.Attrs["provider"] != run.KindOf(r.ID) || res.Attrs["provider"] != run.KindOf(deployer):
		return res, fmt.Errorf("function %q of run %s is entered for provider %q", res.Name, r.ID,
			res.Attrs["provider"])
	}
	return res, nil
}

// restore puts the configuration of a function back. The run that deployed the function is locked meanwhile, as those
// who measure it lock it: a configuration is not changed while another run makes the function cold.
func (j *Job) restore(ctx context.Context, r *run.Run, res run.Resource) (err error) {
	if of := res.Attrs[attrRun]; of != r.ID && !j.held.has(of) {
		unlock, err := j.deployers.lock(j.Deps, of)
		if errors.Is(err, run.ErrLive) {
			return fmt.Errorf("function %s of run %s is in use by another run: its configuration is put back by "+
				"`stellar clean` once that run has ended", res.Name, of)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	conn, err := j.connectUnit(r, run.Resource{Name: res.Attrs[provider.DetailUnit], Attrs: res.Attrs})
	if err != nil {
		return err
	}
	to, ok := conn.(provider.Restorer)
	if !ok {
		return fmt.Errorf("this version of stellar cannot put back a configuration on %s", res.Attrs["provider"])
	}
	return to.Restore(ctx, res.Attrs)
}

// deployers are kept runs that are locked while configurations of their functions are put back, several at once.
type deployers struct {
	mu   sync.Mutex
	open map[string]*deployer // by the run's id
}

type deployer struct {
	run   *run.Run // nil: it is not in the index, and its functions are not in use
	users int
}

// lock locks a run for as long as unlock is not called. The error is run.ErrLive where another process has it.
func (d *deployers) lock(deps run.Deps, id string) (unlock func() error, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.open[id]
	if held == nil {
		held = &deployer{}
		if held.run, err = openIndexed(deps, id); err != nil {
			return nil, err
		}
		if d.open == nil {
			d.open = map[string]*deployer{}
		}
		d.open[id] = held
	}
	held.users++
	return func() error { return d.unlock(id) }, nil
}

func (d *deployers) unlock(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.open[id]
	if held.users--; held.users > 0 {
		return nil
	}
	delete(d.open, id)
	if held.run == nil {
		return nil
	}
	return held.run.Close()
}

// openIndexed opens a run that the index of unfinished runs has; nil where it does not, or where its folder is gone.
func openIndexed(deps run.Deps, id string) (*run.Run, error) {
	all, err := run.Remembered(deps.Getenv)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(e run.Indexed) bool { return e.ID == id && e.Err == nil && e.Dir != "" })
	if at < 0 {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(all[at].Dir, run.JournalFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return run.Open(deps, all[at].Dir)
}
