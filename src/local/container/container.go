package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/resident"
)

const (
	// Port is $PORT of functions that are servers.
	Port = "8080"
	// TaskRoot is where an image has the function's code.
	TaskRoot = "/var/task"

	mostPIDs = 1024 // Lambda's limit of processes and threads
)

// Spec is the container of one instance: exactly what a platform gives a function.
type Spec struct {
	Hostname string
	Run      string // id of the run that it belongs to; empty: of none
	Env      []string
	Memory   int64  // bytes, swap included; 0: not limited
	Tmp      string // this machine's folder that is its /tmp; not of servers
	Server   bool   // it is a server on Port, else it asks the Runtime API
	LimitCPU bool   // its processor time may be limited
}

// Container is a container of the Engine that has been started.
type Container struct {
	image  *Image
	client *client.Client
	id     string
	tmp    string // this machine's folder that is /tmp in it; empty: none
	ended  chan struct{}
	once   sync.Once
	peakAt string // file with the most memory it has been charged; empty: not known
	meter  *resident.Meter
	addr   string      // where its server answers; empty: it is none, or ended before it could be asked
	quota  bool        // its CPU is to be limited
	memory int64       // its limit in bytes; 0: none
	killed atomic.Bool // by Kill

	state *container.State // once it has ended
}

// Start makes and starts a container of the image, after a pull if each cold start pulls: all of it is part of the cold
// start. output is what the container prints and is to be read to its end; pull is the duration of the pull, also if
// Start fails.
func (i *Image) Start(ctx context.Context, spec Spec, logf func(format string, args ...any)) (c *Container,
	output io.ReadCloser, pull time.Duration, err error) {
	if pull, err = i.acquire(ctx, logf); err != nil {
		return nil, nil, pull, fmt.Errorf("image %s: %w", i.Ref, err)
	}
	c = &Container{image: i, client: i.engine.client, ended: make(chan struct{}), quota: spec.LimitCPU,
		memory: spec.Memory}
	if output, err = c.start(ctx, spec); err != nil {
		return nil, nil, pull, errors.Join(fmt.Errorf("image %s: %w", i.Ref, err), c.Release())
	}
	return c, output, pull, nil
}

func (c *Container) start(ctx context.Context, spec Spec) (io.ReadCloser, error) {
	if !spec.Server {
		// Whoever the container's user is: without capabilities root, too, has the rights of others in a folder of
		// ours.
		if err := os.Chmod(spec.Tmp, 0o777|os.ModeSticky); err != nil {
			return nil, err
		}
		c.tmp = spec.Tmp
	}
	config, host := spec.config(c.image.id, c.image.engine.opts.Platform)
	var err error
	if c.id, err = c.image.engine.create(ctx, config, host); err != nil {
		return nil, err
	}
	attached, err := c.client.ContainerAttach(ctx, c.id,
		container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, err
	}
	if err := c.client.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		attached.Close()
		return nil, err
	}
	c.peakAt = peakFile(c.id)
	c.meter = resident.Group(filepath.Join(filepath.Dir(c.peakAt), "cgroup.procs"))
	if spec.Server {
		if c.addr, err = c.address(ctx); err != nil {
			attached.Close()
			return nil, err
		}
	}
	fail.Go(c.image.engine.opts.Defect, c.await, func() { close(c.ended) })
	read, write := io.Pipe()
	fail.Go(c.image.engine.opts.Defect, func() { // the Engine sends both streams in one, in frames
		_, err := stdcopy.StdCopy(write, write, attached.Reader)
		_ = write.CloseWithError(err)
	}, attached.Close)
	return read, nil
}

// config is the container in the Engine's form.
func (s *Spec) config(image, platform string) (*container.Config, *container.HostConfig) {
	config := &container.Config{Image: image, Labels: map[string]string{dockerengine.LabelPlatform: platform},
		Hostname: s.Hostname, Env: s.Env, AttachStdout: true, AttachStderr: true}
	if s.Run != "" {
		config.Labels[dockerengine.LabelRun] = s.Run
	}
	pids := int64(mostPIDs)
	host := &container.HostConfig{
		LogConfig:   container.LogConfig{Type: "none"}, // what it prints goes into the function's log
		CapDrop:     []string{"ALL"},
		SecurityOpt: []string{"no-new-privileges"},
		Resources:   container.Resources{PidsLimit: &pids, Memory: s.Memory, MemorySwap: s.Memory},
	}
	if s.Server {
		if runtime.GOOS != "linux" { // elsewhere containers have addresses of a machine of the Engine's own
			host.PortBindings = nat.PortMap{Port + "/tcp": {{HostIP: "127.0.0.1"}}}
			config.ExposedPorts = nat.PortSet{Port + "/tcp": {}}
		}
		return config, host
	}
	host.ReadonlyRootfs = true // all but /tmp, as on Lambda
	host.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: s.Tmp, Target: "/tmp"}}
	if runtime.GOOS == "linux" {
		host.NetworkMode = "host" // its Runtime API is on this machine's loopback; it listens on nothing itself
		config.Hostname = ""
	}
	return config, host
}

// FromInside is an address of this machine's loopback as a container reaches it.
func FromInside(addr string) string {
	if runtime.GOOS == "linux" {
		return addr
	}
	_, port, _ := strings.Cut(addr, ":")
	return "host.docker.internal:" + port
}

// Addr is the address of the container's server; empty if it ended before it could be asked.
func (c *Container) Addr() string { return c.addr }

// address is where the container's server is reached: its own address, so that a refused connection means that it does
// not listen yet. One that has ended already has none; how it ended is told as for any other.
func (c *Container) address(ctx context.Context) (string, error) {
	info, err := c.client.ContainerInspect(ctx, c.id)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "linux" {
		if bound := info.NetworkSettings.Ports[Port+"/tcp"]; len(bound) > 0 {
			return "127.0.0.1:" + bound[0].HostPort, nil
		}
	}
	for _, n := range info.NetworkSettings.Networks {
		if n.IPAddress != "" {
			return n.IPAddress + ":" + Port, nil
		}
	}
	if info.State != nil && !info.State.Running {
		return "", nil
	}
	return "", errors.New("the container has no address")
}

// An Engine can learn that a container was out of memory after it has learned of its end: both are events on ways of
// their own (https://github.com/containerd/containerd/issues/12372). It is asked this often again, for a second in
// all.
const (
	oomLooks = 50
	oomPause = 20 * time.Millisecond
)

// await waits for the container's end and reads how it ended.
func (c *Container) await() {
	wait, failed := c.client.ContainerWait(context.Background(), c.id, container.WaitConditionNotRunning)
	select {
	case <-wait:
	case <-failed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	for looks := 0; ; looks++ {
		info, err := c.client.ContainerInspect(ctx, c.id)
		if err != nil {
			return
		}
		c.state = info.State
		if looks == oomLooks || !c.killedByOthers() {
			return
		}
		time.Sleep(oomPause)
	}
}

// killedByOthers reports whether the container was killed, as far as is known neither by Kill nor because it was out of
// memory, although it could have been.
func (c *Container) killedByOthers() bool {
	s := c.state
	return s != nil && s.ExitCode == 128+int(syscall.SIGKILL) && !s.OOMKilled && c.memory > 0 && !c.killed.Load()
}

// Exited is closed when the container has ended.
func (c *Container) Exited() <-chan struct{} { return c.ended }

// Kill ends the container at once.
func (c *Container) Kill() {
	c.killed.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	_ = c.client.ContainerKill(ctx, c.id, "KILL") // one that has ended is what was wanted
}

// Verdict says, once it has exited, how it ended, in Lambda's words, and whether it was out of memory.
func (c *Container) Verdict() (how string, outOfMemory bool) {
	switch s := c.state; {
	case s == nil:
		return "without providing a reason", false
	case s.OOMKilled:
		return "signal: killed (out of memory)", true
	case s.Error != "":
		return s.Error, false
	case s.ExitCode > 128 && s.ExitCode < 165:
		return fmt.Sprintf("signal %d", s.ExitCode-128), false
	case s.ExitCode != 0:
		return fmt.Sprintf("exit status %d", s.ExitCode), false
	}
	return "without providing a reason", false
}

// LimitCPU allows the running container the given processor time in every period. It runs beside the first request: the
// Engine takes some milliseconds, which are not the function's.
func (c *Container) LimitCPU(quota, period time.Duration) error {
	if !c.quota {
		return nil
	}
	fail.Go(c.image.engine.opts.Defect, func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTime)
		defer cancel()
		_, _ = c.client.ContainerUpdate(ctx, c.id, container.UpdateConfig{Resources: container.Resources{
			CPUPeriod: period.Microseconds(), CPUQuota: quota.Microseconds()}})
	})
	return nil
}

// peakFile is the control group's file for a container's peak memory, wherever the Engine's driver has put it.
func peakFile(id string) string {
	for _, pattern := range []string{
		"/sys/fs/cgroup/memory/docker/" + id + "/memory.max_usage_in_bytes",
		"/sys/fs/cgroup/memory/system.slice/docker-" + id + ".scope/memory.max_usage_in_bytes",
		"/sys/fs/cgroup/system.slice/docker-" + id + ".scope/memory.peak",
		"/sys/fs/cgroup/docker/" + id + "/memory.peak",
		"/sys/fs/cgroup/user.slice/*/*/*/docker-" + id + ".scope/memory.peak", // an Engine without root
	} {
		if found, _ := filepath.Glob(pattern); len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// Peak is the most memory that its processes had resident, in bytes, 0 where that is not known. Of an ended container
// it is at least the most that its control group was charged, as long as the kernel has the group.
func (c *Container) Peak() int64 {
	seen := c.meter.Peak()
	select {
	case <-c.ended:
	default:
		if seen > 0 {
			return seen
		}
	}
	text, err := os.ReadFile(c.peakAt)
	if err != nil {
		return seen
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return max(seen, n)
}

// Release removes the container, and releases the image. After an error, it is called again.
func (c *Container) Release() error {
	c.once.Do(func() { c.image.engine.uncountUser(c.image.id) })
	if c.meter != nil {
		c.meter.Close()
	}
	if c.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	return remove(ctx, c.client, c.id, c.tmp, c.image.engine.opts.RemoveTree)
}
