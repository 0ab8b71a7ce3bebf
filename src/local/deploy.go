package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// service is a deployed service. Its fields change under Platform.mu only.
type service struct {
	name      string
	tags      map[string]string
	functions []*function // the version that gets requests
	former    []*function // replaced versions that still serve requests, or have something left
	logs      map[string]*logFile
	removing  bool // gets no requests; a removal is in progress, or has failed
}

// turn allows one deployment or removal of a service at a time.
type turn struct {
	mu    sync.Mutex
	users int // guarded by Platform.mu
}

// lockService waits for the service's turn; the caller calls the returned function to end it.
func (p *Platform) lockService(name string) (unlock func()) {
	p.mu.Lock()
	t := p.turns[name]
	if t == nil {
		t = &turn{}
		p.turns[name] = t
	}
	t.users++
	p.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		p.mu.Lock()
		if t.users--; t.users == 0 {
			delete(p.turns, name)
		}
		p.mu.Unlock()
	}
}

// deploy puts a service: everything is checked, hashed and unpacked before anything is changed.
func (p *Platform) deploy(ctx context.Context, name string, spec client.ServiceSpec) (client.Service, error) {
	if err := normalise(&spec, name); err != nil {
		return client.Service{}, err
	}
	defer p.lockService(name)()
	fresh := make([]*function, 0, len(spec.Functions))
	for i := range spec.Functions {
		f, err := p.prepare(ctx, name, spec.Functions[i])
		if err != nil {
			return client.Service{}, fmt.Errorf("function %q: %w", spec.Functions[i].Name,
				errors.Join(err, releaseAll(fresh)))
		}
		fresh = append(fresh, f)
	}
	old, logs, err := p.swap(name, spec.Tags, fresh)
	if err != nil {
		return client.Service{}, errors.Join(err, releaseAll(fresh))
	}
	for _, f := range old {
		f.drain(false)
	}
	if len(logs) > 0 {
		fail.Go(p.defect, func() { // functions that are no longer there keep their log until they have ended
			for _, f := range old {
				<-f.ended
			}
			for _, l := range logs {
				_ = l.close()
			}
		})
	}
	s, _ := p.service(name)
	return s, nil
}

// releaseAll releases the packages of functions that are not used after all.
func releaseAll(functions []*function) error {
	var errs []error
	for _, f := range functions {
		errs = append(errs, f.releaseCode())
	}
	return errors.Join(errs...)
}

// prepare makes a function that can start; the caller must release its package if the function is not used.
func (p *Platform) prepare(ctx context.Context, service string, spec client.FunctionSpec) (*function, error) {
	f := newFunction(p, service, spec)
	var err error
	if spec.PackageType == client.PackageImage {
		if f.image, err = p.openImage(ctx, &spec); err != nil {
			return nil, err
		}
		return f, nil
	}
	if f.launch, err = p.runtimes.find(ctx, spec.Runtime); err != nil {
		return nil, err
	}
	alone := ""
	if p.sandboxes.SharedTmp() != nil { // its instances can write to it: that must not reach other functions
		alone = service + "/" + spec.Name
	}
	if f.pkg, err = p.packages.open(ctx, spec.Artifact, alone); err != nil {
		return nil, err
	}
	if err := f.launch.check(f.pkg.dir, spec.Handler); err != nil {
		return nil, errors.Join(err, f.pkg.release())
	}
	var hidden []string
	if strings.HasPrefix(spec.Runtime, "nodejs") {
		hidden = neighbours(f.pkg.dir)
	}
	if f.view, err = sandbox.NewView(p.opts.Dir, f.launch.folders(f.pkg.dir), hidden); err != nil {
		return nil, errors.Join(err, f.pkg.release())
	}
	return f, nil
}

// swap puts the new functions in place of the old ones. It returns the old ones, and the logs that are no longer used.
// A platform that is stopping accepts none, because Close would not know them.
func (p *Platform) swap(name string, tags map[string]string, fresh []*function) (old []*function, logs []*logFile,
	err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stop:
		return nil, nil, refuse(http.StatusServiceUnavailable, "the platform is stopping")
	default:
	}
	if err := p.checkNames(name, fresh); err != nil {
		return nil, nil, err
	}
	s := p.services[name]
	if s == nil {
		s = &service{name: name, logs: map[string]*logFile{}}
		p.services[name] = s
	}
	old = s.functions
	kept := map[string]*logFile{}
	for _, f := range fresh {
		l := s.logs[f.spec.Name]
		if l == nil {
			l = newLogFile(filepath.Join(p.opts.Dir, "logs", name, f.spec.Name+".log"), p.opts.LogBytes, p.defect)
		}
		f.log, kept[f.spec.Name] = l, l
	}
	for function, l := range s.logs {
		if kept[function] == nil {
			logs = append(logs, l)
		}
	}
	var former []*function
	for _, f := range append(s.former, old...) {
		select {
		case <-f.ended:
			if f.left.none() {
				continue
			}
		default:
		}
		former = append(former, f)
	}
	s.tags, s.functions, s.former, s.logs, s.removing = tags, fresh, former, kept, false
	p.publish()
	return old, logs, nil
}

// checkNames refuses a function whose name in the Lambda API one of another service has. The caller holds p.mu.
func (p *Platform) checkNames(service string, fresh []*function) error {
	for _, f := range fresh {
		if other := (*p.byName.Load())[f.lambdaName()]; other != nil && other.service != service {
			return refuse(http.StatusConflict, "function %q is called %s in the Lambda API, as is function %q of "+
				"service %q: give one of them another name",
				f.spec.Name, f.lambdaName(), other.spec.Name, other.service)
		}
	}
	return nil
}

// publish makes the tables of routes and names again. The caller holds p.mu.
func (p *Platform) publish() {
	table, names := routes{}, map[string]*function{}
	for name, s := range p.services {
		if s.removing {
			continue
		}
		paths := map[string]map[string]*function{}
		for _, f := range s.functions {
			at := routePath(f.spec.Path)
			if paths[at] == nil {
				paths[at] = map[string]*function{}
			}
			paths[at][f.spec.Method] = f
			names[f.lambdaName()] = f
		}
		table[name] = paths
	}
	p.routes.Store(&table)
	p.byName.Store(&names)
}

// remove removes a service and returns when nothing of it is left. After an error, the service still exists, without
// its routes, and a further removal continues where this one failed.
func (p *Platform) remove(ctx context.Context, name string) error {
	defer p.lockService(name)()
	p.mu.Lock()
	s := p.services[name]
	if s == nil {
		p.mu.Unlock()
		return refuse(http.StatusNotFound, "no service is called %q", name)
	}
	s.removing = true
	p.publish()
	p.mu.Unlock()
	functions := append(append([]*function(nil), s.functions...), s.former...)
	if err := awaitEnds(ctx, name, functions); err != nil {
		return err
	}
	var errs []error
	for _, f := range functions {
		if err := f.left.retry(); err != nil {
			errs = append(errs, fmt.Errorf("function %s of service %s is not removed: %w", f.spec.Name, name, err))
		}
	}
	for _, l := range s.logs {
		errs = append(errs, l.close())
	}
	if err := errors.Join(append(errs, sandbox.RemoveTree(filepath.Join(p.opts.Dir, "logs", name)))...); err != nil {
		p.mu.Lock()
		s.logs = map[string]*logFile{} // closed: a new version has new ones
		p.mu.Unlock()
		return err
	}
	p.mu.Lock()
	delete(p.services, name)
	p.mu.Unlock()
	return nil
}

// awaitEnds ends functions and waits until they have.
func awaitEnds(ctx context.Context, service string, functions []*function) error {
	for _, f := range functions {
		f.drain(true)
	}
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	for _, f := range functions {
		select {
		case <-f.ended:
		case <-timer.C:
			return fmt.Errorf("function %s of service %s: %d instances did not end within %v",
				f.spec.Name, service, f.count(), closeTime)
		case <-ctx.Done():
			return fmt.Errorf("function %s of service %s: %d instances are still ending: %w",
				f.spec.Name, service, f.count(), ctx.Err())
		}
	}
	return nil
}

// service tells about a service.
func (p *Platform) service(name string) (client.Service, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[name]
	if s == nil {
		return client.Service{}, refuse(http.StatusNotFound, "no service is called %q", name)
	}
	return p.describe(s), nil
}

// list describes all services, by name.
func (p *Platform) list() []client.Service {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]client.Service, 0, len(p.services))
	for _, s := range p.services {
		out = append(out, p.describe(s))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Service < out[j].Service })
	return out
}

// describe describes a service. The caller holds p.mu.
func (p *Platform) describe(s *service) client.Service {
	out := client.Service{Service: s.name, Tags: maps.Clone(s.tags),
		Functions: make([]client.Function, 0, len(s.functions))}
	limits := p.Limits()
	for _, f := range s.functions {
		told := client.Function{
			Name: f.spec.Name, Path: f.spec.Path, Method: f.spec.Method,
			URL:         p.GatewayURL() + "/" + s.name + f.basePath(),
			PackageType: f.spec.PackageType, Runtime: f.spec.Runtime, Handler: f.spec.Handler,
			MemoryMB:       f.spec.MemoryMB,
			TimeoutSeconds: f.spec.TimeoutSeconds, LimitsEnforced: limits.Memory && limits.CPU, Instances: f.count(),
			Tags: maps.Clone(f.spec.Tags), LambdaName: f.lambdaName(),
		}
		if f.spec.URL != nil {
			told.FunctionURL = f.functionURL()
		}
		if i := f.image; i != nil {
			told.Image, told.ImageBytes, told.PackageSHA256 = i.Ref, i.Bytes, i.SHA256
			told.LimitsEnforced = !p.opts.NoMemoryLimit // the Engine's business
		} else {
			told.PackageBytes, told.PackageSHA256, told.RuntimeVersion = f.pkg.bytes, f.pkg.sha256, f.launch.version
		}
		out.Functions = append(out.Functions, told)
	}
	return out
}

// function finds a deployed function and its log.
func (p *Platform) function(service, name string) (*function, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[service]
	if s == nil {
		return nil, refuse(http.StatusNotFound, "no service is called %q", service)
	}
	for _, f := range s.functions {
		if f.spec.Name == name {
			return f, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "service %q has no function called %q", service, name)
}
