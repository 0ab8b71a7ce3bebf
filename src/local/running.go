package local

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/container"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// running is an instance once it has started: a process or a container.
type running interface {
	Kill() // it may have ended already
	// Exited is closed when it runs no more.
	Exited() <-chan struct{}
	// Verdict says, once it has exited, how it ended, in Lambda's words, and whether it was out of memory.
	Verdict() (how string, outOfMemory bool)
	cpuLimiter
	// Peak is the largest memory use, in bytes, 0 if it is not known.
	Peak() int64
	// Release removes, once it has exited, everything that it used. After an error it is called again.
	Release() error
}

// cpuLimiter limits processor time, from the end of an instance's init on.
type cpuLimiter interface {
	// LimitCPU gives it so much processor time in every period.
	LimitCPU(quota, period time.Duration) error
}

var (
	_ running = watchedProcess{}
	_ running = (*container.Container)(nil)
)

const (
	memoryPerCPU = 1769             // MB of function memory that buy one CPU on Lambda
	cpuPeriod    = sandbox.Period   // of the CPU quota
	leastQuota   = time.Millisecond // the kernel takes no less
)

// limitCPU gives an instance the share of a CPU that the function's memory has on Lambda.
func (f *function) limitCPU(l cpuLimiter) error {
	quota := (cpuPeriod * time.Duration(f.spec.MemoryMB) / memoryPerCPU).Truncate(time.Microsecond)
	return l.LimitCPU(max(quota, leastQuota), cpuPeriod)
}

// watchedProcess is an instance's process that the watcher knows.
type watchedProcess struct {
	*sandbox.Process
	watch *watch
}

// Release removes the process's cell and tells the watcher that the process has ended.
func (p watchedProcess) Release() error {
	p.watch.remove(p.PID())
	return p.Process.Release()
}

// startProcess starts the function's program in a cell; the caller reads its output to the end.
func (in *instance) startProcess() (body running, output io.ReadCloser, err error) {
	defer close(in.spawned)
	p := in.fn.platform
	cell, err := p.sandboxes.Acquire()
	if err != nil {
		return nil, nil, err
	}
	in.cell.Store(cell)
	if err := cell.LimitMemory(in.fn.spec.MemoryMB); err != nil {
		_ = cell.Discard()
		return nil, nil, fmt.Errorf("limit memory: %w", err)
	}
	in.tmp, in.api = cell.Tmp(), in.newAPI(cell.Listener())
	path, args := in.fn.launch.command(in.fn.pkg.dir, in.fn.spec.Handler)
	proc := &sandbox.Process{
		Path: path, Args: args, Dir: in.fn.pkg.dir, Env: in.environment(in.api.address()), Marker: in.marker(),
		View: in.fn.view,
	}
	if cell.HasPrivateTmp() {
		proc.Env = append(proc.Env, "TMPDIR="+sandbox.PrivateTmp)
	} else {
		proc.Env = append(proc.Env, "TMPDIR="+in.tmp)
		p.noteSharedTmp()
	}
	read, err := cell.Start(proc)
	if err != nil {
		return nil, nil, err
	}
	fail.Go(p.defect, in.api.serve) // what connects before waits
	in.pid.Store(int64(proc.PID()))
	p.watch.add(proc.PID())
	return watchedProcess{proc, p.watch}, read, nil
}

// limiter limits the instance's CPU, also while its start has not returned yet.
func (in *instance) limiter() cpuLimiter {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.body == nil {
		return unstarted{in}
	}
	return in.body
}

// unstarted stands for an instance that asks for work before its start has returned.
type unstarted struct{ in *instance }

// LimitCPU limits the instance's cell, if it has one by now.
func (u unstarted) LimitCPU(quota, period time.Duration) error {
	if cell := u.in.cell.Load(); cell != nil {
		return cell.LimitCPU(quota, period)
	}
	return nil
}

// containersMark is a file in a platform's folder: it means that the platform has used the Engine, so containers may be
// left.
const containersMark = "containers"

// engine is the platform's use of the Docker Engine, not connected yet.
func (p *Platform) engine() *container.Engine {
	opts := containerOptions(p.opts.Dir, p.opts.Getenv)
	opts.RunHelper, opts.Defect = p.opts.runHelper, p.defect
	opts.Opened = func() error {
		if err := os.MkdirAll(opts.Intents, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(p.opts.Dir, containersMark), nil, 0o600); err != nil {
			return err
		}
		p.watch.containers()
		return nil
	}
	return container.New(opts)
}

// containerOptions find the containers of the platform with that state folder.
func containerOptions(dir string, getenv func(string) string) container.Options {
	return container.Options{Platform: dir, Getenv: getenv, RemoveTree: sandbox.RemoveTree,
		Intents: filepath.Join(dir, "creating")}
}

// openImage finds a function's image and checks that this machine can run it. The caller must release it.
func (p *Platform) openImage(ctx context.Context, spec *client.FunctionSpec) (*container.Image, error) {
	if err := p.containers.Open(ctx); err != nil {
		if hint := fail.Hint(err); hint != "" {
			return nil, refuse(http.StatusUnprocessableEntity, "%v: %s", err, hint)
		}
		return nil, refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	if spec.ColdPull && !container.InRegistry(spec.Image) {
		return nil, refuse(http.StatusBadRequest,
			"image %s is in no registry, so a cold start cannot pull it", spec.Image)
	}
	image, err := p.containers.Image(ctx, spec.Image, spec.ColdPull)
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	return image, nil
}

// containerTime is how long the Engine may take to make and start a container, besides the function's init.
const containerTime = 30 * time.Second

// startContainer makes and starts a container of the function's image, both within the request.
func (in *instance) startContainer() (body running, output io.ReadCloser, err error) {
	in.tmp = in.tmpDir()
	if err := os.MkdirAll(in.tmp, 0o700); err != nil {
		return nil, nil, err
	}
	api := ""
	if in.fn.spec.ImageContract != client.ContractHTTP {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		in.api = in.newAPI(listener)
		fail.Go(in.fn.platform.defect, in.api.serve)
		api = in.api.address()
	}
	ctx, cancel := context.WithTimeout(context.Background(), in.fn.platform.opts.InitTimeout+containerTime)
	defer cancel()
	var c *container.Container
	c, output, in.pull, err = in.fn.image.Start(ctx, in.containerSpec(api), in.fn.log.printf)
	if err != nil {
		return nil, nil, err
	}
	if in.fn.spec.ImageContract == client.ContractHTTP {
		fail.Go(in.fn.platform.defect, func() { in.converse(server{c.Addr(), c.Exited()}) })
	}
	return c, output, nil
}

// containerSpec is the container of an instance: exactly what a platform gives a function.
func (in *instance) containerSpec(api string) container.Spec {
	spec, opts := &in.fn.spec, &in.fn.platform.opts
	out := container.Spec{
		Hostname: in.id[:12], Run: spec.Tags["stellar-run"], Tmp: in.tmp,
		Server:   spec.ImageContract == client.ContractHTTP,
		LimitCPU: opts.CPU == CPUQuota,
	}
	if !opts.NoMemoryLimit {
		out.Memory = int64(spec.MemoryMB) << 20
	}
	for k, v := range spec.Environment {
		out.Env = append(out.Env, k+"="+v)
	}
	out.Env = append(out.Env, "LAMBDA_TASK_ROOT="+container.TaskRoot, "TMPDIR=/tmp")
	if !out.Server {
		out.Env = append(out.Env, in.lambda(container.FromInside(api))...)
		return out
	}
	// As on Cloud Run; the memory size is told because the measurement function reports it.
	out.Env = append(out.Env, "PORT="+container.Port, "K_SERVICE="+spec.Name, "K_REVISION="+spec.Name+"-1",
		"K_CONFIGURATION="+spec.Name, fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", spec.MemoryMB))
	return out
}

// notReady says what was waited for when an instance was not ready in time and, for a server, what it listens on.
func (in *instance) notReady() string {
	in.mu.Lock()
	body := in.body
	in.mu.Unlock()
	c, ok := body.(*container.Container)
	if !ok || in.fn.spec.ImageContract != client.ContractHTTP {
		return "it has not asked the Runtime API ($AWS_LAMBDA_RUNTIME_API) for work"
	}
	return c.Missing()
}
