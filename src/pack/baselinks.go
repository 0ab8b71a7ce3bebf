package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// containerSettles is how long a container may appear whose creation was not seen to its end.
const containerSettles = 2 * time.Second

// hasLinks reports whether a folder that layers from here go to is a symbolic link in a user's base image, or lies
// below one. A layer would replace the link by a folder, and hide what it leads to; the Engine's builder follows it.
// The image is looked at through a container that is never started.
func (m *images) hasLinks(ctx context.Context, base string) (bool, error) {
	m.mu.Lock() // one at a time: two sub-experiments may have the same base
	defer m.mu.Unlock()
	if is, known := m.links[base]; known {
		return is, nil
	}
	sum := sha256.Sum256([]byte(base))
	name := containersOf(m.r.ID) + hex.EncodeToString(sum[:6])
	res, err := m.r.Journal.Intend(KindContainer, name, nil)
	if err != nil {
		return false, err
	}
	made, err := m.engine.ContainerCreate(ctx, &container.Config{Image: base, Cmd: []string{"none"},
		Labels: map[string]string{dockerengine.LabelRun: m.r.ID}}, nil, nil, nil, name)
	if err == nil {
		err = m.r.Journal.Created(res, nil)
	}
	if err != nil {
		return false, fmt.Errorf("look into the base image %s: %w", base, err)
	}
	is, err := m.linkIn(ctx, made.ID)
	err = errors.Join(err, m.engine.ContainerRemove(ctx, made.ID, container.RemoveOptions{RemoveVolumes: true}))
	if err != nil {
		return false, fmt.Errorf("look into the base image %s: %w", base, err)
	}
	if m.links == nil {
		m.links = map[string]bool{}
	}
	m.links[base] = is
	return is, m.r.Journal.Removed(res)
}

// linkIn reports whether a container has a link among the folders of the function's code and of the loop.
func (m *images) linkIn(ctx context.Context, id string) (bool, error) {
	for _, dir := range []string{path.Dir(taskRoot), taskRoot, path.Dir(loopRoot), loopRoot} {
		info, err := m.engine.ContainerStatPath(ctx, id, dir)
		switch {
		case errdefs.IsNotFound(err):
		case err != nil:
			return false, err
		case info.Mode&os.ModeSymlink != 0:
			return true, nil
		}
	}
	return false, nil
}

// containersOf is how the names of a run's containers begin.
func containersOf(id string) string { return "stellar-" + strings.ToLower(id) + "-base-" }

// RemoveContainer is the undo of KindContainer. A container that does not exist is a success. If its creation was not
// confirmed, the Engine may still work on it: then it is waited for.
func RemoveContainer(ctx context.Context, getenv func(string) string, res run.Resource, confirmed bool) error {
	c, err := dockerengine.Open(ctx, getenv)
	if err != nil {
		return fail.With(fail.CodeFailed, "%w", err)
	}
	defer c.Close()
	end := time.Now()
	if !confirmed {
		end = end.Add(containerSettles)
	}
	for {
		err := c.ContainerRemove(ctx, res.Name, container.RemoveOptions{RemoveVolumes: true, Force: true})
		switch {
		case err == nil:
			return nil
		case !errdefs.IsNotFound(err):
			return fmt.Errorf("remove container %s: %w", res.Name, err)
		case !time.Now().Before(end):
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
