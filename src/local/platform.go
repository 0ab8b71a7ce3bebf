// Package local is the local platform: a Lambda-compatible FaaS in the binary, with its control API, gateway, Runtime
// API, instances and their limits.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/container"
	"github.com/vhive-serverless/STeLLAR/src/local/http1"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
	"github.com/vhive-serverless/STeLLAR/src/unzip"
)

const (
	// closeTime is how long closing and removing may take before the rest is reported.
	closeTime = 10 * time.Second
	// killTime is how long killed processes may take to end, at the end of the platform and of its watcher. It is
	// milliseconds, unless one hangs in the kernel.
	killTime = 2 * time.Second
)

// Platform is one running local platform.
type Platform struct {
	opts       Options
	id         string // names its control groups
	startedAt  time.Time
	packages   *packages
	runtimes   *runtimes
	sandboxes  *sandbox.Pool
	containers *container.Engine
	watch      *watch
	lock       *os.File // tells Sweep that this platform lives

	control                  *http.Server
	gateway                  *http1.Server
	controlAddr, gatewayAddr net.Listener

	keys      sigv4.Keys // of the Lambda API
	routes    atomic.Pointer[routes]
	byName    atomic.Pointer[map[string]*function] // by their names in the Lambda API
	instances atomic.Int64
	sharedTmp sync.Once // see noteSharedTmp
	wakeful   wakeful

	mu       sync.Mutex
	services map[string]*service
	turns    map[string]*turn // one deployment or removal of a service at a time

	broken   chan error    // of one place: a panic of one of its goroutines
	stop     chan struct{} // closed when somebody asks for the end
	stopOnce sync.Once
	closing  sync.Once
	closeErr error
}

// New makes a platform that listens already; Serve makes it answer. Close must be called, also after a failed Serve.
func New(opts Options) (*Platform, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeStateDir(opts.Dir); err != nil {
		return nil, err
	}
	p := &Platform{
		opts: opts, id: fmt.Sprintf("stellar-local-%d-%s", opts.pid, randomHex(4)), startedAt: time.Now(),
		packages: &packages{
			dir: filepath.Join(opts.Dir, "packages"), all: map[string]*pkg{},
			opts: unzip.Options{Bytes: opts.MaxUnpacked, Entries: opts.MaxEntries, ReadOnly: true},
		},
		runtimes: &runtimes{dir: filepath.Join(opts.Dir, "runtimes"), known: map[string]*launch{}},
		services: map[string]*service{}, turns: map[string]*turn{}, stop: make(chan struct{}),
		broken: make(chan error, 1), keys: sigv4.Derive(opts.Token),
	}
	p.containers = p.engine()
	p.routes.Store(&routes{})
	p.byName.Store(&map[string]*function{})
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// open takes the resources that Close releases.
func (p *Platform) open() error {
	var err error
	if p.lock, err = own(p.opts.Dir, p.id); err != nil {
		return fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	order := watchOrder{Dir: p.opts.Dir, ID: p.id, State: p.opts.stateFile}
	if p.watch, err = openWatch(p.opts.watchPipe, order, p.opts.ownNumbers); err != nil {
		return fail.With(fail.CodeFailed, "local platform: write to the watcher: %w", err)
	}
	groups := sandbox.OpenGroups(p.id, !p.opts.NoMemoryLimit, p.opts.CPU == CPUQuota)
	if p.sandboxes, err = sandbox.NewPool(groups, p.opts.Dir, p.defect); err != nil {
		return fail.With(fail.CodeFailed, "local platform: %w", errors.Join(err, groups.Close()))
	}
	listen := func(port int, what string) (net.Listener, error) {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp",
			net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, fail.With(fail.CodeFailed, "local platform: %s: %w", what,
				err).WithHint("choose another port, or 0 for any free one")
		}
		return l, nil
	}
	if p.controlAddr, err = listen(p.opts.ControlPort, "control API"); err != nil {
		return err
	}
	if p.gatewayAddr, err = listen(p.opts.GatewayPort, "gateway"); err != nil {
		return err
	}
	p.control = &http.Server{Handler: p.controlHandler(), ReadHeaderTimeout: headerTime, IdleTimeout: time.Minute}
	// Longer than the 55 s after which the probe opens connections of its own: this gateway never drops a reused one.
	rest := &http.Server{
		Handler: (*gateway)(p), Protocols: new(http.Protocols),
		ReadHeaderTimeout: headerTime, IdleTimeout: 10 * time.Minute,
	}
	rest.Protocols.SetHTTP1(true)
	rest.Protocols.SetUnencryptedHTTP2(true)
	p.gateway = &http1.Server{Handler: (*gateway)(p), Rest: rest, FirstTime: headerTime, IdleTime: rest.IdleTimeout,
		Defect: p.defect}
	return nil
}

// ControlURL is the address of the control API.
func (p *Platform) ControlURL() string { return "http://" + p.controlAddr.Addr().String() }

// GatewayURL is the address of the functions.
func (p *Platform) GatewayURL() string { return "http://" + p.gatewayAddr.Addr().String() }

// Limits says which limits are enforced.
func (p *Platform) Limits() client.Limits { return client.Limits(p.sandboxes.Limits()) }

// Serve answers until ctx ends, the control API is asked to stop, or the state folder is removed (a platform that stays
// must not outlive it), then closes the platform.
func (p *Platform) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	fail.Go(p.defect, p.watchTmp)
	report := func(err error) { failed <- err }
	fail.Go(report, func() { failed <- p.control.Serve(p.controlAddr) })
	fail.Go(report, func() { failed <- p.gateway.Serve(p.gatewayAddr) })
	look := time.NewTicker(2 * time.Second)
	defer look.Stop()
	var err error
	for going := true; going; {
		select {
		case <-ctx.Done():
			going = false
		case <-p.stop:
			going = false
		case err = <-failed:
			going = false
			if errors.Is(err, http.ErrServerClosed) { // Close was called elsewhere
				err = nil
			}
		case <-look.C:
			if absent(filepath.Join(p.opts.Dir, ownerLock)) {
				p.opts.Warnf("the state folder %s was removed: stopping", p.opts.Dir)
				going = false
			}
		}
	}
	select {
	case defect := <-p.broken:
		err = errors.Join(err, defect)
	default:
	}
	return errors.Join(err, p.Close())
}

// defect ends the platform because one of its goroutines has panicked: its further behaviour is unknown.
func (p *Platform) defect(err error) {
	select {
	case p.broken <- err:
	default: // one is enough
	}
	if d := fail.DefectIn(err); d != nil {
		p.opts.Warnf("%v\n%s", d, d.Stack)
	}
	p.halt()
}

// Close ends every instance, releases everything and removes the state folder. It may be called more than once.
func (p *Platform) Close() error {
	p.closing.Do(func() { p.closeErr = p.close() })
	return p.closeErr
}

func (p *Platform) close() error {
	p.halt()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	errs := []error{shutDown(ctx, p.control, p.controlAddr)}
	p.mu.Lock()
	names := make([]string, 0, len(p.services))
	for name := range p.services {
		names = append(names, name)
	}
	p.mu.Unlock()
	var wait sync.WaitGroup
	removed := make([]error, len(names))
	for i, name := range names {
		wait.Go(fail.Caught(func(err error) { removed[i] = err }, func() { removed[i] = p.remove(ctx, name) }))
	}
	wait.Wait()
	errs = append(errs, removed...)
	errs = append(errs, shutDown(ctx, p.gateway, p.gatewayAddr))
	if p.sandboxes != nil {
		errs = append(errs, p.sandboxes.Close())
	}
	errs = append(errs, p.containers.Close(), p.endRest(), sandbox.RemoveTree(p.opts.Dir))
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
	}
	err := errors.Join(errs...)
	p.watch.end(err == nil) // a watcher that is not told that all is well cleans up after us
	if err != nil {
		return fail.With(fail.CodeLeftBehind, "local platform: close: %w", err)
	}
	return nil
}

// endRest ends what functions have started and no instance has ended, in a process that is only the platform.
func (p *Platform) endRest() error {
	if p.watch == nil {
		return nil
	}
	if left := sandbox.EndDescendants(killTime); len(left) > 0 {
		return fmt.Errorf("processes %v do not end", left)
	}
	return nil
}

// halt asks for the end.
func (p *Platform) halt() { p.stopOnce.Do(func() { close(p.stop) }) }

// httpServer is what the platform listens with.
type httpServer interface {
	Shutdown(ctx context.Context) error
	Close() error
}

var (
	_ httpServer = (*http.Server)(nil)
	_ httpServer = (*http1.Server)(nil)
)

// shutDown lets a server finish its requests for a while, then ends it.
func shutDown(ctx context.Context, s httpServer, l net.Listener) error {
	if s == nil {
		if l != nil {
			return l.Close()
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := s.Shutdown(ctx)
	if err != nil {
		err = s.Close()
	}
	// a server that never served does not know its listener
	if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// admit counts one more instance, unless the platform has its maximum.
func (p *Platform) admit() bool {
	if p.instances.Add(1) > int64(p.opts.MaxInstances) {
		p.instances.Add(-1)
		return false
	}
	return true
}

// Status describes the platform.
func (p *Platform) Status() client.Status {
	p.mu.Lock()
	n := len(p.services)
	p.mu.Unlock()
	return client.Status{
		Version: p.opts.Version, PID: p.opts.pid, StartedAt: p.startedAt, Gateway: p.GatewayURL(), Dir: p.opts.Dir,
		Services: n, Instances: int(p.instances.Load()), Limits: p.Limits(),
	}
}
