package pack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"stellar/src/engine"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"
)

// push uploads an image and takes its digest, by which it is deployed, and its size from the registry.
func (m *images) push(ctx context.Context, p *run.Package) error {
	host := engine.Host(p.Image)
	auth, err := engine.Auth(ctx, m.getenv, m.Runner, host)
	if err != nil {
		return err
	}
	repository, tag, _ := cutTag(p.Image)
	res, err := m.r.Journal.Intend(KindPushed, p.Image, map[string]string{"repository": repository, "tag": tag})
	if err != nil {
		return err
	}
	stream, err := m.engine.ImagePush(ctx, p.Image, image.PushOptions{RegistryAuth: auth.Header()})
	var digest string
	if err == nil {
		defer stream.Close()
		err = follow(stream, func(msg message) {
			var aux struct{ Digest string }
			if len(msg.Aux) > 0 && json.Unmarshal(msg.Aux, &aux) == nil && aux.Digest != "" {
				digest = aux.Digest
			}
		})
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return pushError(host, auth, err)
	case digest == "":
		return fail.With(fail.CodeFailed, "push to %s: the Engine told no digest", host)
	}
	if err := m.r.Journal.Created(res, map[string]string{"digest": digest}); err != nil {
		return err
	}
	at := registry{host: host, repository: strings.TrimPrefix(repository, host+"/"), auth: auth}
	if p.Bytes, err = at.size(ctx, digest); err != nil {
		return err
	}
	p.Image, p.SHA256 = repository+"@"+digest, strings.TrimPrefix(digest, "sha256:")
	return nil
}

func pushError(host string, auth engine.Credentials, err error) error {
	e := fail.Input("push to %s: %w", host, err)
	text := strings.ToLower(err.Error())
	for _, refusal := range []string{"denied", "unauthorized", "no basic auth", "authentication required", "401", "403"} {
		if !strings.Contains(text, refusal) {
			continue
		}
		if auth.None() {
			return e.WithHint("log in with `docker login %s`, or set STELLAR_REGISTRY_USER and STELLAR_REGISTRY_PASSWORD", host)
		}
		return e.WithHint("the registry refuses user %s: check the password, and the right to push there", auth.User)
	}
	return e.WithHint("check that the registry is reachable and the repository exists")
}

// cutTag splits repository:tag; the colon of a port is no tag's.
func cutTag(reference string) (repository, tag string, ok bool) {
	at := strings.LastIndexByte(reference, ':')
	if at < 0 || strings.Contains(reference[at:], "/") {
		return reference, "", false
	}
	return reference[:at], reference[at+1:], true
}

// removeTag takes back an image that turned out to be of the wrong size. What fails here the journal's undo tries again.
func (m *images) removeTag(ctx context.Context, tag string) {
	_, _ = m.engine.ImageRemove(ctx, tag, image.RemoveOptions{Force: true, PruneChildren: true})
}

// RemoveImage is the undo of KindImage: the tag goes, with the layers that only it has. One that is not there is success.
func RemoveImage(ctx context.Context, getenv func(string) string, res run.Resource) error {
	c, err := engine.Open(ctx, getenv)
	if err != nil {
		return fail.With(fail.CodeFailed, "%w", err)
	}
	defer c.Close()
	_, err = c.ImageRemove(ctx, res.Name, image.RemoveOptions{Force: true, PruneChildren: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove image: %w", err)
	}
	if _, err := c.ImageInspect(ctx, res.Name); !errdefs.IsNotFound(err) {
		return errors.Join(fmt.Errorf("image %s is still there", res.Name), err)
	}
	return nil
}

// RemovePushed is the undo of KindPushed: the manifest goes from its registry, by digest. One that is not there is success.
func RemovePushed(ctx context.Context, getenv func(string) string, runner shell.Runner, res run.Resource) error {
	repository := res.Attrs["repository"]
	host := engine.Host(repository)
	auth, err := engine.Auth(ctx, getenv, runner, host)
	if err != nil {
		return err
	}
	at := registry{host: host, repository: strings.TrimPrefix(repository, host+"/"), auth: auth}
	digest := res.Attrs["digest"]
	if digest == "" { // the push was not seen to its end
		if digest, err = at.digest(ctx, res.Attrs["tag"]); err != nil || digest == "" {
			return err
		}
	}
	if strings.Contains(host, ".dkr.ecr.") {
		return removeFromECR(ctx, runner, at, digest)
	}
	return at.remove(ctx, digest)
}

// removeFromECR uses the AWS CLI: ECR has no deletion in the registry's own protocol.
func removeFromECR(ctx context.Context, runner shell.Runner, at registry, digest string) error {
	account, rest, _ := strings.Cut(at.host, ".")
	region, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, "dkr.ecr-fips."), "dkr.ecr."), ".")
	if runner == nil {
		runner = shell.Run
	}
	res, err := runner(ctx, shell.Command{Name: "aws", Args: []string{"ecr", "batch-delete-image", "--registry-id", account, "--region", region,
		"--repository-name", at.repository, "--image-ids", "imageDigest=" + digest, "--output", "json"}})
	if err != nil {
		return err
	}
	var said struct {
		Failures []struct{ FailureCode, FailureReason string }
	}
	if err := json.Unmarshal([]byte(res.Stdout), &said); err != nil {
		return fmt.Errorf("aws ecr batch-delete-image gave no JSON: %w", err)
	}
	for _, f := range said.Failures {
		if f.FailureCode != "ImageNotFound" {
			return fmt.Errorf("aws ecr batch-delete-image: %s: %s", f.FailureCode, f.FailureReason)
		}
	}
	return nil
}
