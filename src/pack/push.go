package pack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	registrytypes "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// push uploads an image and reads from the registry its digest, by which it is deployed, and its size. It returns the
// journal's attributes of it.
func (m *images) push(ctx context.Context, p *run.Package) (run.Resource, error) {
	host := dockerengine.Host(p.Image)
	auth, err := dockerengine.Auth(ctx, m.getenv, m.Runner, host)
	if err != nil {
		return run.Resource{}, err
	}
	repository, tag, _ := cutTag(p.Image)
	attrs := map[string]string{attrRepository: repository, attrTag: tag,
		attrPlain: strconv.FormatBool(plainHTTP(ctx, m.engine, host))}
	res, err := m.r.Journal.Intend(KindPushed, p.Image, attrs)
	if err != nil {
		return run.Resource{}, err
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
		return run.Resource{}, ctx.Err()
	case err != nil:
		if nothingPushed(err) {
			err = errors.Join(err, m.r.Journal.Removed(res))
		}
		return run.Resource{}, pushError(host, auth, err)
	case digest == "":
		return run.Resource{}, fail.With(fail.CodeFailed, "push to %s: the Engine reported no digest", host)
	}
	res.Attrs = maps.Clone(attrs)
	res.Attrs[attrDigest] = digest
	if err := m.r.Journal.Created(res, map[string]string{attrDigest: digest}); err != nil {
		return run.Resource{}, err
	}
	if p.Bytes, err = registryOf(res, auth).size(ctx, digest); err != nil {
		return run.Resource{}, err
	}
	p.Image, p.SHA256 = repository+"@"+digest, strings.TrimPrefix(digest, "sha256:")
	return res, nil
}

// Attributes of a KindPushed.
const (
	attrRepository = "repository" // with the registry's host
	attrTag        = "tag"
	attrDigest     = "digest"     // once pushed
	attrPlain      = "plain http" // true: the Engine is told that this registry does without TLS
)

func registryOf(res run.Resource, auth dockerengine.Credentials) registry {
	repository := res.Attrs[attrRepository]
	host := dockerengine.Host(repository)
	return registry{host: host, repository: strings.TrimPrefix(repository, host+"/"), auth: auth,
		plain: res.Attrs[attrPlain] == "true"}
}

// plainHTTP reports whether the Engine's insecure-registries name a host. If the Engine does not answer, the answer is
// no: TLS.
func plainHTTP(ctx context.Context, c *client.Client, host string) bool {
	info, err := c.Info(ctx)
	if err != nil || info.RegistryConfig == nil {
		return false
	}
	if index, ok := info.RegistryConfig.IndexConfigs[host]; ok {
		return !index.Secure
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return ip != nil && slices.ContainsFunc(info.RegistryConfig.InsecureRegistryCIDRs,
		func(n *registrytypes.NetIPNet) bool {
			return (*net.IPNet)(n).Contains(ip)
		})
}

// nothingPushed reports that a push failed at its first contact with the registry, so that there is nothing to remove
// and no way to look.
func nothingPushed(err error) bool {
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc(append(refusals(), "connection refused", "no such host", "no route to host"),
		func(word string) bool { return strings.Contains(text, word) })
}

// refusals matches the messages with which registries refuse a user.
func refusals() []string {
	return []string{"denied", "unauthorized", "no basic auth", "authentication required", "forbidden"}
}

func pushError(host string, auth dockerengine.Credentials, err error) error {
	e := fail.Input("push to %s: %w", host, err)
	text := strings.ToLower(err.Error())
	for _, refusal := range refusals() {
		if !strings.Contains(text, refusal) {
			continue
		}
		if auth.None() {
			return e.WithHint("log in with `docker login %s`, or set STELLAR_REGISTRY_USER and "+
				"STELLAR_REGISTRY_PASSWORD", host)
		}
		return e.WithHint("the registry refuses user %s: check the password, and the right to push there", auth.User)
	}
	return e.WithHint("check that the registry is reachable and the repository exists")
}

// cutTag splits repository:tag; the colon before a port does not begin a tag.
func cutTag(reference string) (repository, tag string, ok bool) {
	at := strings.LastIndexByte(reference, ':')
	if at < 0 || strings.Contains(reference[at:], "/") {
		return reference, "", false
	}
	return reference[:at], reference[at+1:], true
}

// removeTag removes an image that has the wrong size. If this fails, the journal's undo tries again.
func (m *images) removeTag(ctx context.Context, tag string) {
	_, _ = m.engine.ImageRemove(ctx, tag, image.RemoveOptions{Force: true, PruneChildren: true})
}

// RemoveImage is the undo of KindImage: it removes the tag, the layers that only it has, and the unnamed images that an
// interrupted build of the same run left. An image that does not exist is a success. If its creation was not confirmed,
// the Engine may still work on it: then it is waited for.
func RemoveImage(ctx context.Context, getenv func(string) string, res run.Resource, confirmed bool) error {
	c, err := dockerengine.Open(ctx, getenv)
	if err != nil {
		return fail.With(fail.CodeFailed, "%w", err)
	}
	defer c.Close()
	if _, err := removeName(ctx, c, res.Name); err != nil {
		return err
	}
	if _, err := c.ImageInspect(ctx, res.Name); !errdefs.IsNotFound(err) {
		return errors.Join(fmt.Errorf("image %s is still there", res.Name), err)
	}
	if res.Attrs[attrRun] == "" {
		return nil
	}
	quiet := time.Duration(0)
	if !confirmed {
		quiet = settles(res)
	}
	return removeLate(ctx, c, res, quiet)
}

// removeName removes an image's name, and its layers if it has no other. It reports whether there was such a name.
func removeName(ctx context.Context, c *client.Client, name string) (bool, error) {
	_, err := c.ImageRemove(ctx, name, image.RemoveOptions{Force: true, PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove image: %w", err)
	}
	return true, nil
}

// What an interrupted image of a run takes the Engine to end.
const (
	buildSettles = 2 * time.Second // since the last image of a build appeared: builds end with their step
	loadSpeed    = 50 << 20        // bytes of layers in a second, at least
	loadMost     = 2 * time.Minute
)

// settles is how long no image may appear until an interrupted build, or a load, counts as ended. The Engine notices
// only at the end of a build's step that its client has disconnected, and finishes a load that it has received.
func settles(res run.Resource) time.Duration {
	size, err := strconv.ParseInt(res.Attrs[attrLoad], 10, 64)
	if err != nil || size < 0 {
		return buildSettles
	}
	return min(buildSettles+time.Duration(float64(size)/loadSpeed*float64(time.Second)), loadMost)
}

// removeLate removes the unnamed images of a run, and the image itself if it appears late, until none has appeared for
// a time.
func removeLate(ctx context.Context, c *client.Client, res run.Resource, quiet time.Duration) error {
	ours := filters.NewArgs(filters.Arg("label", dockerengine.LabelRun+"="+res.Attrs[attrRun]),
		filters.Arg("dangling", "true"))
	for since := time.Now(); ; {
		if quiet > 0 {
			late, err := removeName(ctx, c, res.Name)
			if err != nil {
				return err
			}
			if late {
				quiet = 0 // its name is the last thing that it gets
			}
		}
		left, err := c.ImageList(ctx, image.ListOptions{Filters: ours})
		if err != nil {
			return fmt.Errorf("look for what builds left: %w", err)
		}
		for _, i := range left {
			_, err := c.ImageRemove(ctx, i.ID, image.RemoveOptions{PruneChildren: true})
			building := quiet > 0 && errdefs.IsConflict(err) // the next step of the build uses it
			if err != nil && !errdefs.IsNotFound(err) && !building {
				return fmt.Errorf("remove image: %w", err)
			}
		}
		if len(left) > 0 {
			since = time.Now()
		}
		if time.Since(since) >= quiet {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// RemovePushed is the undo of KindPushed: it deletes the manifest from its registry, by digest. A manifest that does
// not exist is a success.
func RemovePushed(ctx context.Context, getenv func(string) string, runner shell.Runner, res run.Resource) error {
	host := dockerengine.Host(res.Attrs[attrRepository])
	auth, err := dockerengine.Auth(ctx, getenv, runner, host)
	if err != nil {
		return err
	}
	at := registryOf(res, auth)
	digest := res.Attrs[attrDigest]
	if digest == "" { // the end of the push was not seen
		if digest, err = at.digest(ctx, res.Attrs[attrTag]); err != nil || digest == "" {
			return err
		}
	}
	if strings.Contains(host, ".dkr.ecr.") {
		return removeFromECR(ctx, runner, at, digest)
	}
	err = at.remove(ctx, digest)
	if errors.Is(err, errTagged) {
		if err = at.untag(ctx, res.Attrs[attrTag]); err == nil {
			err = at.remove(ctx, digest)
		}
	}
	return err
}

// removeFromECR uses the AWS CLI: ECR does not support deletion in the registry's own protocol.
func removeFromECR(ctx context.Context, runner shell.Runner, at registry, digest string) error {
	account, rest, _ := strings.Cut(at.host, ".")
	region, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, "dkr.ecr-fips."), "dkr.ecr."), ".")
	if runner == nil {
		runner = shell.Run
	}
	res, err := runner(ctx, shell.Command{Name: "aws", Args: []string{"ecr", "batch-delete-image", "--registry-id",
		account, "--region", region,
		"--repository-name", at.repository, "--image-ids", "imageDigest=" + digest, "--output", "json"}})
	if strings.Contains(res.Stderr, "RepositoryNotFoundException") {
		return nil // deleted with its images
	}
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
