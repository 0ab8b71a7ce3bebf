package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"stellar/src/analyze"
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
	kindFolder   = "folder"   // scratch space of the run
	kindPlatform = "platform" // a local platform that lives as long as the run
	kindDaemon   = "daemon"   // a local platform that stays, for functions that stay
)

// job is one run at work: the world, and the local platform once there is one.
type job struct {
	World
	client *local.Client // nil until the platform stands
	child  *local.Child  // nil where the platform is not ours alone

	summaries   []analyze.Summary    // set by reporting
	comparisons []analyze.Comparison // likewise
	tools       map[string]string    // program to version, as it says itself
	cpuLimited  bool                 // the local platform enforces CPU shares
	local       bool                 // functions run on this machine
}

// newJob starts work on a run of an experiment; exp may be nil for a run of which only the journal is left.
func newJob(w World, exp *experiment.Experiment) *job {
	if w.Runner == nil {
		w.Runner = shell.Run
	}
	return &job{World: w, local: exp != nil && exp.ProviderKind() == "local"}
}

// startPlatform starts the local platform: as a child process for a run that cleans up after itself, as a daemon where
// the functions are to stay.
type startPlatform struct{ *job }

func (startPlatform) String() string { return "starting the local platform" }

// Skip says why no platform is needed.
func (s startPlatform) Skip(r *run.Run) string {
	switch {
	case !s.deploys(r.Experiment):
		return "the functions stand already"
	case r.Experiment.ProviderKind() != "local" && !needsCalibration(r):
		return "functions go to " + r.Experiment.Provider + ", and no service time is asked for"
	}
	return ""
}

func (s startPlatform) Run(ctx context.Context, r *run.Run) error {
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

func (s startPlatform) spawn(root, dir string) local.SpawnOptions {
	return local.SpawnOptions{Root: root, Executable: s.Executable, Options: local.Options{Dir: dir, Version: s.Version},
		Line: func(line string) { s.Log.Warnf("%s", line) }}
}

// note writes into the record which limits the platform enforces.
func (s startPlatform) note(ctx context.Context, r *run.Run) error {
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
func (j *job) connect(r *run.Run) (provider.Connection, error) {
	if !j.deploys(r.Experiment) {
		return j.openStanding(r.Experiment)
	}
	row, err := provider.Find(r.Experiment.ProviderKind())
	if err != nil {
		return nil, err
	}
	bin, err := deploy.FindServerless(j.Getenv, j.besideBinary()...)
	if err != nil {
		return nil, err
	}
	sls := &deploy.Serverless{Bin: bin, Dir: r.ServiceDir, Runner: j.Runner, Cache: r.CacheDir, Log: func(line string) { j.Log.Debugf("serverless: %s", line) }}
	opts := provider.Options{Serverless: sls, ServiceDir: r.ServiceDir}
	if row.Name == "local" {
		if j.client == nil {
			return nil, fail.With(fail.CodeFailed, "the local platform is not running")
		}
		sls.Env = []string{"STELLAR_LOCAL_URL=" + j.client.URL, "STELLAR_LOCAL_TOKEN=" + j.client.Token}
		sls.Secrets = []string{j.client.Token}
		opts.Retire = func(ctx context.Context, function string) error {
			_, err := j.client.Retire(ctx, r.Service, function)
			return err
		}
	}
	return row.Open(opts)
}

// serviceAttrs is what a later process needs to remove the service; nil where nothing is deployed.
func (j *job) serviceAttrs(r *run.Run) map[string]string {
	if !j.deploys(r.Experiment) {
		return nil
	}
	attrs := map[string]string{"provider": r.Experiment.ProviderKind(), "dir": r.ServiceDir}
	if r.Experiment.ProviderKind() == "local" {
		attrs["url"] = j.client.URL
	}
	return attrs
}

// besideBinary are folders where `make setup` puts the Serverless CLI.
func (j *job) besideBinary() []string {
	return []string{filepath.Join(filepath.Dir(j.Executable), "scripts", "serverless", "node_modules", ".bin")}
}

// platformClient is the local platform's client, nil where none runs.
func (j *job) platformClient() *local.Client { return j.client }
