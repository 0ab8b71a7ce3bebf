package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"stellar/src/dockerengine"
	"stellar/src/fail"
)

// Contracts of images: how a function is asked.
const (
	ContractRuntimeAPI = "runtime-api" // it asks the Runtime API, as on AWS Lambda
	ContractHTTP       = "http"        // it is a server on $PORT, as on Cloud Run and Knative
)

// containersMark is a file in a platform's folder: the platform has used the Engine, so containers may be left of it.
const containersMark = "containers"

// docker is the platform's use of the Engine: nothing of it is touched before the first image is deployed.
type docker struct {
	mu     sync.Mutex
	client *client.Client
	users  map[string]int // containers by image id
}

// open connects at the first call, and leaves word of it for those who clean up.
func (d *docker) open(ctx context.Context, p *Platform) (*client.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil {
		return d.client, nil
	}
	c, err := dockerengine.Open(ctx, p.opts.Getenv)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(p.opts.Dir, containersMark), nil, 0o600); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	p.watch.containers()
	d.client, d.users = c, map[string]int{}
	return c, nil
}

func (d *docker) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client == nil {
		return nil
	}
	return d.client.Close()
}

// RemoveContainers removes, by force, the containers that the platform with that state folder has started, and says how many
// there were. It is for those who clean up after a platform that was killed.
func RemoveContainers(ctx context.Context, getenv func(string) string, dir string) (int, error) {
	c, err := dockerengine.Open(ctx, getenv)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	left, err := c.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", dockerengine.LabelPlatform+"="+dir))})
	if err != nil {
		return 0, fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	for _, one := range left {
		_ = c.ContainerKill(ctx, one.ID, "KILL") // one that has ended is what is wanted
		if err := removeContainer(ctx, c, one.ID, tmpOf(one.Mounts)); err != nil {
			errs = append(errs, fmt.Errorf("remove container %.12s: %w", one.ID, err))
		}
	}
	return len(left), errors.Join(errs...)
}

// gone says that an error of the Engine means that the thing is not there, or about to be.
func gone(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")
}

// functionImage is the image of one version of a function.
type functionImage struct {
	docker *docker
	client *client.Client
	opts   *Options
	ref    string
	id     string // of the image that instances run
	sha256 string // of the manifest where the reference names it, else of the image; hex
	bytes  int64  // as the Engine counts it: its layers unpacked
	pulled bool   // by this platform, which removes it again
	cold   bool   // each cold start pulls it

	pulling sync.Mutex
}

// openImage finds a function's image, pulls it where the Engine lacks it, and checks that this machine can run it. The
// caller must release it.
func (p *Platform) openImage(ctx context.Context, spec *FunctionSpec) (*functionImage, error) {
	c, err := p.docker.open(ctx, p)
	if err != nil {
		if hint := fail.Hint(err); hint != "" {
			return nil, refuse(http.StatusUnprocessableEntity, "%v: %s", err, hint)
		}
		return nil, refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	i := &functionImage{docker: &p.docker, client: c, opts: &p.opts, ref: spec.Image, cold: spec.ColdPull}
	if spec.ColdPull && !strings.Contains(spec.Image, "/") {
		return nil, refuse(http.StatusBadRequest, "image %s is in no registry: there is nothing that a cold start could pull", spec.Image)
	}
	info, err := c.ImageInspect(ctx, spec.Image)
	if errdefs.IsNotFound(err) {
		if err = i.pullNow(ctx, nil); err == nil {
			i.pulled = true
			info, err = c.ImageInspect(ctx, spec.Image)
		}
	}
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "image %s: %v", spec.Image, err)
	}
	if info.Architecture != "" && info.Architecture != architecture || info.Os != "" && info.Os != "linux" {
		return nil, errors.Join(refuse(http.StatusUnprocessableEntity, "image %s is for %s/%s, this machine runs linux/%s",
			spec.Image, info.Os, info.Architecture, architecture), i.release(ctx))
	}
	i.id, i.bytes, i.sha256 = info.ID, info.Size, strings.TrimPrefix(info.ID, "sha256:")
	if _, digest, ok := strings.Cut(spec.Image, "@sha256:"); ok {
		i.sha256 = digest
	}
	return i, nil
}

// release removes an image that was pulled for the function.
func (i *functionImage) release(ctx context.Context) error {
	if !i.pulled {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if _, err := i.client.ImageRemove(ctx, i.ref, image.RemoveOptions{Force: true, PruneChildren: true}); err != nil && !gone(err) {
		return fmt.Errorf("remove image %s: %w", i.ref, err)
	}
	return nil
}

// pullNow pulls the image; the Engine's errors come in its stream.
func (i *functionImage) pullNow(ctx context.Context, log *logFile) error {
	auth, err := dockerengine.Auth(ctx, i.opts.Getenv, i.opts.runHelper, dockerengine.Host(i.ref))
	if err != nil {
		return err
	}
	var opts image.PullOptions
	if !auth.None() {
		opts.RegistryAuth = auth.Header()
	}
	stream, err := i.client.ImagePull(ctx, i.ref, opts)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer stream.Close()
	in := json.NewDecoder(stream)
	for {
		var said struct{ Status, Error, ID string }
		err := in.Decode(&said)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("pull: %w", err)
		case said.Error != "":
			return fmt.Errorf("pull: %s", said.Error)
		}
		if log != nil && strings.HasPrefix(said.Status, "Pull complete") {
			log.printf("Pull %s: %s", said.ID, said.Status)
		}
	}
}

// acquire counts a container of the image and, where each cold start is to pull, drops the Engine's copy and pulls it
// anew. While another container of the image lives the copy cannot be dropped, as on a node that has it; cold starts that
// come together wait for one pull. It gives what the pull took, 0 where there was none.
func (i *functionImage) acquire(ctx context.Context, log *logFile) (time.Duration, error) {
	if i.cold {
		i.pulling.Lock()
		defer i.pulling.Unlock()
	}
	i.docker.mu.Lock()
	i.docker.users[i.id]++
	first := i.docker.users[i.id] == 1
	i.docker.mu.Unlock()
	if !i.cold || !first {
		return 0, nil
	}
	begun := time.Now()
	_, err := i.client.ImageRemove(ctx, i.id, image.RemoveOptions{Force: true, PruneChildren: true})
	if err == nil || gone(err) {
		err = i.pullNow(ctx, log)
	}
	if err != nil {
		i.giveUp()
		return 0, err
	}
	i.pulled = true
	return time.Since(begun), nil
}

// giveUp uncounts a container.
func (i *functionImage) giveUp() {
	i.docker.mu.Lock()
	defer i.docker.mu.Unlock()
	i.docker.users[i.id]--
}
