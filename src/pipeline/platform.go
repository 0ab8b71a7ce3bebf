package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// localPlatform is the local platform as a run's side service. A run that removes its functions starts one of its own,
// as a child process that ends with it. Functions that are kept go to a platform that stays.
type localPlatform struct {
	config     Config
	hosts      bool           // the run's functions are on it
	client     *client.Client // nil until the platform runs
	child      *local.Child   // nil where the platform is not the run's own
	cpuLimited bool           // it enforces CPU shares
}

var _ SideService = (*localPlatform)(nil)

func (*localPlatform) String() string { return "the local platform" }

// Unneeded says why no platform is needed.
func (p *localPlatform) Unneeded(r *run.Run) string {
	switch {
	case !p.config.Deploys(r.Experiment):
		return "the functions are already deployed"
	case len(r.Unplaced()) == 0 && !needsCalibration(r):
		return "the functions are already deployed, and no service time is asked for"
	case !p.hosts && !needsCalibration(r):
		return "functions go to " + r.Experiment.Provider + ", and no service time is asked for"
	}
	return ""
}

// Start starts a platform of the run's own, or finds or starts the one that stays.
func (p *localPlatform) Start(ctx context.Context, r *run.Run) error {
	if p.config.Keep && p.hosts {
		return p.startDaemon(ctx, r)
	}
	root, err := local.StateRoot(p.config.Getenv)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, platformFolder(r.ID))
	res, err := r.Journal.Intend(kindPlatform, r.ID, map[string]string{"dir": dir})
	if err != nil {
		return err
	}
	var child *local.Child
	err = p.config.besideClient(func() (err error) {
		child, err = local.Spawn(ctx, p.spawnOptions(r, root, dir))
		return err
	})
	if err != nil {
		return err
	}
	p.child, p.client = child, child.Client
	if err := r.Journal.Created(res, map[string]string{"pid": strconv.Itoa(child.PID), "url": child.URL}); err != nil {
		return err
	}
	return p.noteLimits(ctx, r)
}

// startDaemon makes sure that a platform that stays is running. The journal says if this run has started it.
func (p *localPlatform) startDaemon(ctx context.Context, r *run.Run) error {
	client, err := p.config.RunningPlatform(ctx)
	if err != nil {
		return err
	}
	if client == nil {
		root, err := local.StateRoot(p.config.Getenv)
		if err != nil {
			return err
		}
		dir := daemonDir(root, r.ID)
		if _, err := r.Journal.Intend(kindDaemon, daemonName, map[string]string{"dir": dir}); err != nil {
			return err
		}
		state, _, err := local.Detach(ctx, p.spawnOptions(r, root, dir))
		if err != nil {
			return err
		}
		client = state.Client()
	}
	p.client = client
	return p.noteLimits(ctx, r)
}

// platformFolder is the state folder of a run's own platform, within the state root.
func platformFolder(id string) string { return "platform-" + id }

// daemonDir is the state folder of a platform that stays and that a run starts.
func daemonDir(root, id string) string { return filepath.Join(root, platformFolder("stays-"+id)) }

func (p *localPlatform) spawnOptions(r *run.Run, root, dir string) local.SpawnOptions {
	return local.SpawnOptions{
		Root: root, Executable: p.config.Executable,
		Options: local.Options{Dir: dir, Version: p.config.Version, LogBytes: logBytes(r.Experiment)},
		Line:    func(line string) { p.config.Log.Warnf("%s", line) },
	}
}

const (
	// requestLogBytes is what the platform's own lines of a request take in a function's log, and as much of the
	// function's.
	requestLogBytes = 1024
	// maxLogBytes is the most that a log may have: a run over a million requests per function loses the first ones'
	// reports.
	maxLogBytes = 2 << 30
)

// logBytes is the size of a function's log that has the reports of all requests of a run, where they are asked for; 0:
// the platform's default is enough. The platform keeps at least half of what is allowed.
func logBytes(e *experiment.Experiment) int64 {
	var most int64
	for i := range e.SubExperiments {
		if s := &e.SubExperiments[i]; s.ProviderReport {
			most = max(most, int64(s.Requests()/max(s.Parallelism, 1)))
		}
	}
	if need := 2 * most * requestLogBytes; need > local.DefaultLogBytes {
		return min(need, maxLogBytes)
	}
	return 0
}

// noteLimits writes into the record which limits the platform enforces.
func (p *localPlatform) noteLimits(ctx context.Context, r *run.Run) error {
	status, err := p.client.Status(ctx)
	if err != nil {
		return err
	}
	l := status.Limits
	p.cpuLimited = l.CPU
	if l.Memory && l.CPU {
		r.Record.Notes = append(r.Record.Notes, "local platform: memory and CPU limits enforced")
		return nil
	}
	r.Record.Notes = append(r.Record.Notes, fmt.Sprintf(
		"local platform: memory limit enforced: %t, CPU limit enforced: %t (%s)", l.Memory, l.CPU, l.Why))
	p.config.Log.Warnf("the local platform enforces no full limits here (memory %t, CPU %t): %s", l.Memory, l.CPU,
		l.Why)
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

// Client is the platform's client, nil where no platform runs.
func (p *localPlatform) Client() *client.Client { return p.client }

// Died says how the run's own platform has ended, where it was not asked to: what was measured afterwards was no
// function.
func (p *localPlatform) Died() error {
	if p.child == nil {
		return nil
	}
	return p.child.Died()
}

// whileAlive gives a context that ends when the run's own platform does, where the run's functions are on it: requests
// sent afterwards measure nothing. Its cause says how the platform has ended. stop releases the context.
func (p *localPlatform) whileAlive(ctx context.Context) (_ context.Context, stop func()) {
	if p.child == nil || !p.hosts {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	fail.Go(fail.Report(ctx), func() {
		select {
		case <-p.child.Done():
			cancel(p.Died())
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(nil) }
}

// RunningPlatform is the local platform that stays, nil where none runs.
func (c Config) RunningPlatform(ctx context.Context) (*client.Client, error) {
	root, err := local.StateRoot(c.Getenv)
	if err != nil {
		return nil, err
	}
	state, err := local.Running(ctx, root)
	if err != nil || state == nil {
		return nil, err
	}
	return state.Client(), nil
}
