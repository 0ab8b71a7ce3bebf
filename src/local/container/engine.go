// Package container runs instances of the local platform as containers of the Docker Engine: it pulls and checks a
// function's image (Image), and starts, limits, watches and removes its containers (Container). Besides pack and
// dockerengine it is the only package that sees Docker.
package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// callTime limits one call of the Engine.
const callTime = 30 * time.Second

// Engine is a platform's use of the Docker Engine. Nothing is contacted before Open.
type Engine struct {
	opts Options

	mu     sync.Mutex
	client *client.Client
	users  map[string]int // containers by image id
}

// Options are what an Engine needs from its platform.
type Options struct {
	Platform   string                  // value of the label that marks the platform's containers
	Getenv     func(string) string     // where the Engine and its registries are found
	RunHelper  shell.Runner            // runs a credential helper
	Opened     func() error            // called once connected: from here on containers may be left
	Intents    string                  // folder with the names of containers that are being created; Opened makes it
	RemoveTree func(path string) error // removes a file or a tree with this user's own rights
	Defect     func(error)             // told of a panic of a goroutine
}

// New makes an Engine that is not connected yet.
func New(opts Options) *Engine { return &Engine{opts: opts, users: map[string]int{}} }

// Open connects at the first call that succeeds.
func (e *Engine) Open(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return nil
	}
	c, err := dockerengine.Open(ctx, e.opts.Getenv)
	if err != nil {
		return err
	}
	if err := e.opts.Opened(); err != nil {
		return errors.Join(err, c.Close())
	}
	e.client = c
	return nil
}

// Close ends the connection, if there is one.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil
	}
	return e.client.Close()
}

// countUser counts a container of an image, and reports whether it is the only one.
func (e *Engine) countUser(image string) (only bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[image]++
	return e.users[image] == 1
}

func (e *Engine) uncountUser(image string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[image]--
}

// RemoveAll removes, by force, the containers that the platform with that label value has started, and returns their
// number. It cleans up after a platform that was killed, also in the middle of creating a container.
func RemoveAll(ctx context.Context, opts Options) (int, error) {
	c, err := dockerengine.Open(ctx, opts.Getenv)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	asked := intents(opts.Intents)
	left, err := c.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", dockerengine.LabelPlatform+"="+opts.Platform))})
	if err != nil {
		return 0, fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	for _, one := range left {
		_ = c.ContainerKill(ctx, one.ID, "KILL") // one that has ended is what is wanted
		if err := remove(ctx, c, one.ID, TmpOf(one.Mounts), opts.RemoveTree); err != nil {
			errs = append(errs, fmt.Errorf("remove container %.12s: %w", one.ID, err))
		}
	}
	late := slices.DeleteFunc(asked, func(name string) bool {
		return slices.ContainsFunc(left, func(s container.Summary) bool { return slices.Contains(s.Names, "/"+name) })
	})
	errs = append(errs, removeLate(ctx, c, late, lateTime, opts.RemoveTree))
	return len(left), errors.Join(errs...)
}

// remove removes a container that has ended, and what its user has left in the folder that is its /tmp.
func remove(ctx context.Context, c *client.Client, id, tmp string, removeTree func(string) error) error {
	if err := EmptyTmp(ctx, c, id, tmp, removeTree); err != nil && !isDeleted(err) {
		return fmt.Errorf("empty its /tmp (%s): %w", tmp, err)
	}
	err := c.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !isDeleted(err) {
		return err
	}
	return nil
}

// isDeleted reports whether an error of the Engine means that the thing does not exist, or is being deleted.
func isDeleted(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")
}
