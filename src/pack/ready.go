package pack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// askTimeout limits a question to a registry during planning: less than a pull may take.
const askTimeout = 20 * time.Second

// Check reports what images would lack: an Engine that answers, a base image, a registry to push to, readable
// credentials. It is called before anything is built and changes nothing.
func (s Stage) Check(ctx context.Context, r *run.Run) error {
	var images []*run.Function
	for _, fn := range r.Functions {
		if fn.PackageType == typeImage {
			images = append(images, fn)
		}
	}
	if len(images) == 0 {
		return nil
	}
	c, err := dockerengine.Open(ctx, s.getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	var no []error
	told, asked := map[string]bool{}, map[string]error{}
	for _, fn := range images {
		err := s.checkImage(ctx, r, c, fn, asked)
		if err != nil && !told[err.Error()] {
			told[err.Error()] = true
			no = append(no, fmt.Errorf("function %s (sub-experiment %d): %w", fn.Name, fn.Sub, err))
		}
	}
	no = append(no, s.checkRegistry(ctx, r, images))
	err = errors.Join(no...)
	if err == nil {
		return nil
	}
	return fail.Input("%w", err).WithHint("%s", hintOf(no))
}

func hintOf(errs []error) string {
	for _, err := range errs {
		if h := fail.Hint(err); h != "" {
			return h
		}
	}
	return "correct these and try again"
}

// checkImage checks one function's image. asked keeps what a registry answered about a base: hundreds of functions
// share one, and a registry that cannot be reached takes long to fail.
func (s Stage) checkImage(ctx context.Context, r *run.Run, c *client.Client, fn *run.Function,
	asked map[string]error) error {
	sub := &r.Experiment.SubExperiments[fn.Sub]
	if fn.Language == run.LanguageDocker {
		if sub.FunctionImageSizeMB > 0 && sub.FillerPlacement != "" && sub.FillerPlacement != "back" {
			return fail.Input("FillerPlacement %s with your own Dockerfile: its filler can only be the last layer",
				sub.FillerPlacement).
				WithHint(`write "FillerPlacement": "back"`)
		}
		return nil
	}
	kind := imageKind{language: fn.Language, runtime: fn.Runtime, contract: fn.Platform.ImageContract,
		base:    sub.BaseImage,
		handler: fn.Handler, generated: fn.Generated}
	if err := kind.check(); err != nil {
		return err
	}
	base, err := kind.baseOf()
	if err != nil || base == noBaseImage {
		return err
	}
	if err, known := asked[base]; known {
		return err
	}
	asked[base] = s.checkBase(ctx, c, base, fn.Language)
	return asked[base]
}

// checkBase looks for a base image in the Engine, and then in its registry.
func (s Stage) checkBase(ctx context.Context, c *client.Client, base, language string) error {
	if _, err := c.ImageInspect(ctx, base); err == nil {
		return nil
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	auth, err := dockerengine.Auth(ctx, s.getenv, s.Runner, dockerengine.Host(base))
	if err != nil {
		return err
	}
	header := ""
	if !auth.None() {
		header = auth.Header()
	}
	askCtx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := c.DistributionInspect(askCtx, base, header); err != nil {
		return errors.Join(ctx.Err(), noBase(base, language, err))
	}
	return nil
}

// checkRegistry reports what a push lacks, and a missing registry if the provider or ColdPull needs one.
func (s Stage) checkRegistry(ctx context.Context, r *run.Run, images []*run.Function) error {
	at := s.registryOf(r)
	if at != "" {
		_, err := dockerengine.Auth(ctx, s.getenv, s.Runner, dockerengine.Host(at+"/x"))
		return err
	}
	if kind := r.Experiment.ProviderKind(); !s.Local {
		return fail.Input("images for %s must be pushed to a registry, and none is named", kind).
			WithHint(`write "Registry": "<host>/<repository>" at the top of the file, or set STELLAR_REGISTRY`)
	}
	for _, fn := range images {
		if fn.ColdPull {
			return fail.Input("ColdPull needs a registry to pull from, and none is named").
				WithHint(`write "Registry": "<host:port>" at the top of the file (docker-registry, or the image ` +
					`registry:2, serves one on this machine), or set STELLAR_REGISTRY`)
		}
	}
	return nil
}
