package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"stellar/src/deploy"
	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/provider"
	"stellar/src/run"
	"stellar/src/shell"
)

// Kinds of resources in the journal, beside deploy.KindService.
const (
	KindFolder   = "folder"   // scratch space of the run
	kindPlatform = "platform" // a local platform that lives as long as the run
	kindDaemon   = "daemon"   // a local platform that stays, for functions that stay
)

// Job is one run at work: its configuration, and the local platform once there is one.
type Job struct {
	Config
	client *local.Client // nil until the platform stands
	child  *local.Child  // nil where the platform is not ours alone

	report     Reported
	held       []*run.Run        // kept runs whose functions this one uses
	cpuLimited bool              // the local platform enforces CPU shares
	place      map[string]string // where the run's units go; nil until it is looked up
	local      bool              // functions run on this machine
}

// NewJob starts work on a run of an experiment; exp may be nil for a run of which only the journal is left.
func NewJob(w Config, exp *experiment.Experiment) *Job {
	if w.Runner == nil {
		w.Runner = shell.Run
	}
	return &Job{Config: w, local: exp != nil && exp.ProviderKind() == "local"}
}

// platformStage starts the local platform: as a child process for a run that cleans up after itself, as a daemon where
// the functions are to stay.
type platformStage struct{ *Job }

func (platformStage) String() string { return "starting the local platform" }

// Skip says why no platform is needed.
func (s platformStage) Skip(r *run.Run) string {
	switch {
	case !s.Deploys(r.Experiment):
		return "the functions stand already"
	case len(r.Unplaced()) == 0 && !needsCalibration(r):
		return "the functions stand already, and no service time is asked for"
	case r.Experiment.ProviderKind() != "local" && !needsCalibration(r):
		return "functions go to " + r.Experiment.Provider + ", and no service time is asked for"
	}
	return ""
}

func (s platformStage) Run(ctx context.Context, r *run.Run) error {
	if s.Keep && r.Experiment.ProviderKind() == "local" {
		return s.daemon(ctx, r)
	}
	root, err := local.StateRoot(s.Getenv)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, platformFolder(r.ID))
	res, err := r.Journal.Intend(kindPlatform, r.ID, map[string]string{"dir": dir})
	if err != nil {
		return err
	}
	child, err := local.Spawn(ctx, s.spawn(root, dir))
	if err != nil {
		return err
	}
	s.child, s.client = child, child.Client
	if err := r.Journal.Created(res, map[string]string{"pid": strconv.Itoa(child.PID), "url": child.URL}); err != nil {
		return err
	}
	return s.note(ctx, r)
}

// platformFolder is the state folder of a run's own platform, within the state root.
func platformFolder(id string) string { return "platform-" + id }

func (s platformStage) spawn(root, dir string) local.SpawnOptions {
	return local.SpawnOptions{Root: root, Executable: s.Executable, Options: local.Options{Dir: dir, Version: s.Version},
		Line: func(line string) { s.Log.Warnf("%s", line) }}
}

// note writes into the record which limits the platform enforces.
func (s platformStage) note(ctx context.Context, r *run.Run) error {
	status, err := s.client.Status(ctx)
	if err != nil {
		return err
	}
	s.cpuLimited = status.Limits.CPU
	if l := status.Limits; l.Memory && l.CPU {
		r.Record.Notes = append(r.Record.Notes, "local platform: memory and CPU limits enforced")
	} else {
		r.Record.Notes = append(r.Record.Notes, fmt.Sprintf("local platform: memory limit enforced: %t, CPU limit enforced: %t (%s)", l.Memory, l.CPU, l.Why))
		s.Log.Warnf("the local platform enforces no full limits here (memory %t, CPU %t): %s", l.Memory, l.CPU, l.Why)
	}
	return nil
}

func needsCalibration(r *run.Run) bool {
	for _, f := range r.Functions {
		s := &r.Experiment.SubExperiments[f.Sub]
		for round := range len(s.DesiredServiceTimes) {
			if s.ServiceTime(round) > 0 && len(s.BusySpinIncrements) == 0 {
				return true
			}
		}
	}
	return false
}

// connect opens the connection to the run's provider.
func (j *Job) connect(r *run.Run) (provider.Connection, error) {
	if !j.Deploys(r.Experiment) {
		return j.OpenStanding(r.Experiment)
	}
	opts := j.ConnectionOptions(r, r.Experiment.ProviderKind())
	opts.Region, opts.Target, opts.Where = r.Experiment.Region, r.Experiment.Provider, j.place
	return j.open(r.Experiment.ProviderKind(), opts)
}

// OpenStanding opens a connection to functions that exist: of an endpoints file, or at a URL.
func (w Config) OpenStanding(exp *experiment.Experiment) (provider.Connection, error) {
	kind := exp.ProviderKind()
	if kind != "url" {
		return provider.OpenEndpoints(w.Endpoints, kind, exp.SubExperiments)
	}
	row, err := provider.Find(kind)
	if err != nil {
		return nil, err
	}
	return row.Open(provider.Options{Target: exp.Provider})
}

func (j *Job) open(kind string, opts provider.Options) (provider.Connection, error) {
	row, err := provider.Find(kind)
	if err != nil {
		return nil, err
	}
	if row.Name == "local" && j.client == nil {
		return nil, fail.With(fail.CodeFailed, "the local platform is not running")
	}
	return row.Open(opts)
}

// ConnectionOptions are what a connection is told of the run and the machine.
func (j *Job) ConnectionOptions(r *run.Run, kind string) provider.Options {
	kit := deploy.Kit{Getenv: j.Getenv, Runner: j.Runner, Scripts: j.scripts(), Cache: r.CacheDir, Timeout: j.Patience.Command,
		Retry: shell.Retry{Attempts: cmp.Or(j.Patience.Attempts, 4), Wait: cmp.Or(j.Patience.Wait, 5*time.Second), If: provider.Throttled},
		Log:   func(line string) { j.Log.Debugf("serverless: %s", line) }}
	opts := provider.Options{Service: r.Service, ServiceDir: r.ServiceDir, Tags: r.Tags, Getenv: j.Getenv,
		Runner: j.Runner, LookPath: j.lookPath, Log: j.Log, Account: j.AWSAccount, Patience: j.Patience}
	if row, err := provider.Find(kind); err == nil {
		for _, name := range row.Secrets {
			if v := j.Getenv(name); v != "" {
				kit.Secrets = append(kit.Secrets, v)
			}
		}
	}
	if j.client != nil && kind == "local" {
		kit.Env = []string{"STELLAR_LOCAL_URL=" + j.client.URL, "STELLAR_LOCAL_TOKEN=" + j.client.Token}
		kit.Secrets = append(kit.Secrets, j.client.Token)
		opts.Retire = func(ctx context.Context, function string) error {
			_, err := j.client.Retire(ctx, r.Service, function)
			return err
		}
	}
	opts.Serverless = kit.Open
	return opts
}

// locate tells where a run's units will go, as far as its provider knows more than their names. It is looked up once: what is written
// down of it, the journal and the deployment are never of two places.
func (j *Job) locate(ctx context.Context, r *run.Run) (map[string]string, error) {
	if j.place != nil {
		return j.place, nil
	}
	kind := r.Experiment.ProviderKind()
	row, err := provider.Find(kind)
	if err != nil || !row.CanDeploy() {
		return nil, err
	}
	opts := j.ConnectionOptions(r, kind)
	opts.Region = r.Experiment.Region
	conn, err := row.Open(opts)
	if err != nil {
		return nil, err
	}
	if l, ok := conn.(provider.Locator); ok {
		j.place, err = l.Locate(ctx)
	}
	return j.place, err
}

// units are what the run deploys.
func (j *Job) units(r *run.Run) []provider.Unit {
	if !j.Deploys(r.Experiment) {
		return nil
	}
	row, err := provider.Find(r.Experiment.ProviderKind())
	if err != nil {
		return nil // begin has found it before
	}
	return row.Units(r.Service, r.Unplaced())
}

// serviceAttrs is what a later process needs to remove a unit, beside its name and folder.
func (j *Job) serviceAttrs(r *run.Run) map[string]string {
	attrs := map[string]string{"provider": r.Experiment.ProviderKind()}
	if r.Experiment.ProviderKind() == "local" {
		attrs["url"] = j.client.URL
	}
	return attrs
}

// scripts is the folder in which `make setup` puts the CLIs that come from npm, each in a folder of its own.
func (w Config) scripts() string { return filepath.Join(filepath.Dir(w.Executable), "scripts") }

// lookPath finds a vendor's CLI on the PATH, or where `make setup` has put it.
func (w Config) lookPath(program string) (string, error) {
	return shell.LookPath(program, filepath.Join(w.scripts(), program, "node_modules", ".bin"))
}

// PlatformDied says how the run's own platform has ended, where nobody has asked it to: what was measured afterwards
// was no function. Nil where it lives, and where there is none.
func (j *Job) PlatformDied() error {
	if j.child == nil {
		return nil
	}
	return j.child.Died()
}

// whilePlatformLives gives a context that ends when the run's own platform does, where the run's functions are on it:
// requests sent afterwards measure nothing. Its cause says how the platform has ended. stop gives the context back.
func (j *Job) whilePlatformLives(ctx context.Context) (_ context.Context, stop func()) {
	if j.child == nil || !j.local {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	fail.Go(fail.Report(ctx), func() {
		select {
		case <-j.child.Done():
			cancel(j.PlatformDied())
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(nil) }
}

// platformClient is the local platform's client, nil where none runs.
func (j *Job) platformClient() *local.Client { return j.client }
