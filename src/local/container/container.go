package local

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
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"

	"stellar/src/dockerengine"
	"stellar/src/fail"
)

const (
	containerPort = "8080" // $PORT of functions that are servers
	containerPIDs = 1024   // Lambda's limit of processes and threads
	taskRoot      = "/var/task"
	engineTime    = 30 * time.Second // one call of the Engine
)

// inContainer is a container of the Engine.
type inContainer struct {
	client *client.Client
	image  *functionImage
	id     string
	tmp    string // this machine's folder that is /tmp in it; empty: none
	ended  chan struct{}
	once   sync.Once
	peakAt string // file with the most memory it has used; empty: not known
	addr   string // where its server answers, for the contract http; empty: it ended before it could be asked
	quota  bool   // its CPU is to be limited
	defect func(error)

	state *container.State // once it has ended
}

var _ running = (*inContainer)(nil)

// startContainer makes and starts a container of the function's image, both within the request: a cold start is all of it.
func (in *instance) startContainer(api string) (body running, output io.ReadCloser, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), in.fn.platform.opts.InitTimeout+engineTime)
	defer cancel()
	i := in.fn.image
	if in.pull, err = i.acquire(ctx, in.fn.log); err != nil {
		return nil, nil, fmt.Errorf("image %s: %w", i.ref, err)
	}
	c := &inContainer{client: i.client, image: i, ended: make(chan struct{}), quota: in.fn.platform.opts.CPU == CPUQuota,
		defect: in.fn.platform.defect}
	if output, err = c.start(ctx, in, api); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("image %s: %w", i.ref, err), c.release())
	}
	if in.fn.spec.ImageContract == ContractHTTP {
		fail.Go(c.defect, func() { in.converse(c) })
	}
	return c, output, nil
}

func (c *inContainer) start(ctx context.Context, in *instance, api string) (io.ReadCloser, error) {
	if in.fn.spec.ImageContract != ContractHTTP {
		// Whoever the container's user is: without capabilities root, too, has the rights of others in a folder of ours.
		if err := os.Chmod(in.tmp, 0o777|os.ModeSticky); err != nil {
			return nil, err
		}
		c.tmp = in.tmp
	}
	config, host := in.containerConfig(api)
	made, err := c.client.ContainerCreate(ctx, config, host, nil, nil, "")
	if err != nil {
		return nil, err
	}
	c.id = made.ID
	attached, err := c.client.ContainerAttach(ctx, c.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, err
	}
	if err := c.client.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		attached.Close()
		return nil, err
	}
	c.peakAt = peakFile(c.id)
	if in.fn.spec.ImageContract == ContractHTTP {
		if c.addr, err = c.address(ctx); err != nil {
			attached.Close()
			return nil, err
		}
	}
	fail.Go(c.defect, c.await, func() { close(c.ended) })
	read, write := io.Pipe()
	fail.Go(c.defect, func() { // the Engine sends both streams in one, in frames
		_, err := stdcopy.StdCopy(write, write, attached.Reader)
		_ = write.CloseWithError(err)
	}, attached.Close)
	return read, nil
}

// containerConfig is the container of an instance: what a platform gives a function, and no more.
func (in *instance) containerConfig(api string) (*container.Config, *container.HostConfig) {
	spec, opts := &in.fn.spec, &in.fn.platform.opts
	config := &container.Config{Image: in.fn.image.id, Labels: map[string]string{dockerengine.LabelPlatform: opts.Dir},
		Hostname: in.id[:12], AttachStdout: true, AttachStderr: true}
	if id := spec.Tags["stellar-run"]; id != "" {
		config.Labels[dockerengine.LabelRun] = id
	}
	pids := int64(containerPIDs)
	host := &container.HostConfig{
		LogConfig:   container.LogConfig{Type: "none"}, // what it prints goes into the function's log
		CapDrop:     []string{"ALL"},
		SecurityOpt: []string{"no-new-privileges"},
		Resources:   container.Resources{PidsLimit: &pids},
	}
	if !opts.NoMemoryLimit {
		host.Memory, host.MemorySwap = int64(spec.MemoryMB)<<20, int64(spec.MemoryMB)<<20
	}
	for k, v := range spec.Environment {
		config.Env = append(config.Env, k+"="+v)
	}
	config.Env = append(config.Env, "LAMBDA_TASK_ROOT="+taskRoot, "TMPDIR=/tmp")
	if spec.ImageContract == ContractHTTP {
		// As on Cloud Run; the memory size is told because the measurement function reports it.
		config.Env = append(config.Env, "PORT="+containerPort, "K_SERVICE="+spec.Name, "K_REVISION="+spec.Name+"-1", "K_CONFIGURATION="+spec.Name,
			fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", spec.MemoryMB))
		if runtime.GOOS != "linux" { // elsewhere containers have addresses of a machine of the Engine's own
			host.PortBindings = nat.PortMap{containerPort + "/tcp": {{HostIP: "127.0.0.1"}}}
			config.ExposedPorts = nat.PortSet{containerPort + "/tcp": {}}
		}
		return config, host
	}
	host.ReadonlyRootfs = true // all but /tmp, as on Lambda
	host.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: in.tmp, Target: "/tmp"}}
	if runtime.GOOS == "linux" {
		host.NetworkMode = "host" // its Runtime API is on this machine's loopback; it listens on nothing itself
		config.Hostname = ""
	} else {
		_, port, _ := strings.Cut(api, ":")
		api = "host.docker.internal:" + port
	}
	config.Env = append(config.Env, in.lambda(api)...)
	return config, host
}

// address is where the container's server is reached: its own address, so that a refused connection means that it does not
// listen yet. One that has ended already has none; how it ended is told as for any other.
func (c *inContainer) address(ctx context.Context) (string, error) {
	info, err := c.client.ContainerInspect(ctx, c.id)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "linux" {
		if bound := info.NetworkSettings.Ports[containerPort+"/tcp"]; len(bound) > 0 {
			return "127.0.0.1:" + bound[0].HostPort, nil
		}
	}
	for _, n := range info.NetworkSettings.Networks {
		if n.IPAddress != "" {
			return n.IPAddress + ":" + containerPort, nil
		}
	}
	if info.State != nil && !info.State.Running {
		return "", nil
	}
	return "", errors.New("the container has no address")
}

// await waits for the container's end and looks how it ended.
func (c *inContainer) await() {
	wait, failed := c.client.ContainerWait(context.Background(), c.id, container.WaitConditionNotRunning)
	select {
	case <-wait:
	case <-failed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	if info, err := c.client.ContainerInspect(ctx, c.id); err == nil {
		c.state = info.State
	}
}

func (c *inContainer) exited() <-chan struct{} { return c.ended }

// kill ends the container at once.
func (c *inContainer) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	_ = c.client.ContainerKill(ctx, c.id, "KILL") // one that has ended is what was wanted
}

func (c *inContainer) verdict() (how string, outOfMemory bool) {
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

// limitCPU changes the running container. It is done beside the first request: the Engine takes some milliseconds, which
// are not the function's.
func (c *inContainer) limitCPU(memoryMB int) error {
	const period = 20_000 // µs, as for processes
	if !c.quota {
		return nil
	}
	fail.Go(c.defect, func() {
		ctx, cancel := context.WithTimeout(context.Background(), engineTime)
		defer cancel()
		_, _ = c.client.ContainerUpdate(ctx, c.id, container.UpdateConfig{Resources: container.Resources{
			CPUPeriod: period, CPUQuota: max(1000, period*int64(memoryMB)/memoryPerCPU)}})
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

func (c *inContainer) peak() int64 {
	text, err := os.ReadFile(c.peakAt)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// release removes the container, and gives the image up.
func (c *inContainer) release() error {
	c.once.Do(c.image.giveUp)
	if c.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	return removeContainer(ctx, c.client, c.id, c.tmp)
}

// removeContainer removes a container that has ended, and what its user has left in the folder that is its /tmp.
func removeContainer(ctx context.Context, c *client.Client, id, tmp string) error {
	if err := emptyTmp(ctx, c, id, tmp, removeTree); err != nil && !gone(err) {
		return fmt.Errorf("empty its /tmp (%s): %w", tmp, err)
	}
	err := c.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !gone(err) {
		return err
	}
	return nil
}
