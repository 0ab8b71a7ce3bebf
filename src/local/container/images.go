package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
)

// releaseTime bounds the removal of an image.
const releaseTime = 10 * time.Second

// Image is the image of one version of a function.
type Image struct {
	Ref    string
	SHA256 string // of the manifest where the reference names it, else of the image; hex
	Bytes  int64  // as the Engine counts it: its layers unpacked

	engine   *Engine
	id       string // of the image that instances run
	pulled   bool   // by this platform, which removes it again
	coldPull bool   // each cold start pulls it

	pulling sync.Mutex
}

// InRegistry reports whether a reference names a registry, or a repository of one, from which an image can be pulled.
func InRegistry(ref string) bool { return strings.Contains(ref, "/") }

// Image finds an image, pulls it where the Engine lacks it, and checks that this machine can run it. With coldPull each
// cold start pulls it again. The Engine must be open; the caller must release the image.
func (e *Engine) Image(ctx context.Context, ref string, coldPull bool) (*Image, error) {
	i := &Image{Ref: ref, engine: e, coldPull: coldPull}
	info, err := e.client.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		if err = i.pullNow(ctx, nil); err == nil {
			i.pulled = true
			info, err = e.client.ImageInspect(ctx, ref)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	if info.Architecture != "" && info.Architecture != runtime.GOARCH || info.Os != "" && info.Os != "linux" {
		return nil, errors.Join(fmt.Errorf("image %s is for %s/%s, this machine runs linux/%s",
			ref, info.Os, info.Architecture, runtime.GOARCH), i.Release(ctx))
	}
	i.id, i.Bytes, i.SHA256 = info.ID, info.Size, strings.TrimPrefix(info.ID, "sha256:")
	if _, digest, ok := strings.Cut(ref, "@sha256:"); ok {
		i.SHA256 = digest
	}
	return i, nil
}

// Release removes an image that was pulled for the function.
func (i *Image) Release(ctx context.Context) error {
	if !i.pulled {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if _, err := i.engine.client.ImageRemove(ctx, i.Ref,
		image.RemoveOptions{Force: true, PruneChildren: true}); err != nil && !isDeleted(err) {
		return fmt.Errorf("remove image %s: %w", i.Ref, err)
	}
	return nil
}

// pullNow pulls the image; the Engine's errors are in its stream.
func (i *Image) pullNow(ctx context.Context, logf func(format string, args ...any)) error {
	auth, err := dockerengine.Auth(ctx, i.engine.opts.Getenv, i.engine.opts.RunHelper, dockerengine.Host(i.Ref))
	if err != nil {
		return err
	}
	var opts image.PullOptions
	if !auth.None() {
		opts.RegistryAuth = auth.Header()
	}
	stream, err := i.engine.client.ImagePull(ctx, i.Ref, opts)
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
		if logf != nil && strings.HasPrefix(said.Status, "Pull complete") {
			logf("Pull %s: %s", said.ID, said.Status)
		}
	}
}

// acquire counts a container of the image and, if each cold start is to pull, drops the Engine's copy and pulls it
// again. While another container of the image lives, the copy cannot be dropped, as on a node that has it; cold starts
// that arrive together wait for one pull. It returns the duration of the pull, 0 if there was none.
func (i *Image) acquire(ctx context.Context, logf func(format string, args ...any)) (time.Duration, error) {
	if i.coldPull {
		i.pulling.Lock()
		defer i.pulling.Unlock()
	}
	if only := i.engine.countUser(i.id); !i.coldPull || !only {
		return 0, nil
	}
	begun := time.Now()
	_, err := i.engine.client.ImageRemove(ctx, i.id, image.RemoveOptions{Force: true, PruneChildren: true})
	if err == nil || isDeleted(err) {
		err = i.pullNow(ctx, logf)
	}
	if err != nil {
		i.engine.uncountUser(i.id)
		return 0, err
	}
	i.pulled = true
	return time.Since(begun), nil
}
