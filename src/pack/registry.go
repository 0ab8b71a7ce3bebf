package pack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// registry is a repository in a registry that speaks the OCI distribution protocol
// (github.com/opencontainers/distribution-spec).
type registry struct {
	host       string
	repository string
	auth       dockerengine.Credentials
	plain      bool // the Engine's insecure-registries name the host: plain HTTP is allowed
}

// registryTimeout bounds one operation: finding out how to log in, the token, and the request.
const registryTimeout = 2 * time.Minute

// mayBePlain reports whether the registry may be asked over plain HTTP if it does not support TLS. The rule is the
// Docker Engine's: its insecure-registries, and every registry on this machine.
func (r registry) mayBePlain() bool {
	host, _, err := net.SplitHostPort(r.host)
	if err != nil {
		host = r.host
	}
	ip := net.ParseIP(host)
	return r.plain || host == "localhost" || ip != nil && ip.IsLoopback()
}

// repo is the repository in the form of the client library.
func (r registry) repo() (name.Repository, error) {
	opts := []name.Option{name.WeakValidation}
	if r.mayBePlain() {
		opts = append(opts, name.Insecure)
	}
	host, err := name.NewRegistry(r.host, opts...)
	if err != nil {
		return name.Repository{}, fail.Input("registry %s: %w", r.host, err)
	}
	return host.Repo(r.repository), nil
}

// reference names a manifest by its digest or its tag.
func (r registry) reference(text string) (name.Reference, error) {
	repo, err := r.repo()
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, ":") { // a tag has no colon
		return repo.Digest(text), nil
	}
	return repo.Tag(text), nil
}

// options are the options of every request. Only throttled requests are repeated.
func (r registry) options(ctx context.Context) []remote.Option {
	var base http.RoundTripper = remote.DefaultTransport
	if !r.mayBePlain() {
		base = tlsOnly{base}
	}
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuth(r.auth.Authenticator()),
		remote.WithTransport(base),
		remote.WithRetryStatusCodes(http.StatusTooManyRequests),
		remote.WithRetryPredicate(func(err error) bool { return hasStatus(err, http.StatusTooManyRequests) }),
	}
}

// tlsOnly refuses plain HTTP. The client library would fall back to it for registries at private addresses and for
// names below .localhost, which would send credentials in the clear.
type tlsOnly struct{ next http.RoundTripper }

var _ http.RoundTripper = tlsOnly{}

func (t tlsOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, fmt.Errorf("plain HTTP is refused: the Docker Engine's insecure-registries do not name %s",
			req.URL.Host)
	}
	return t.next.RoundTrip(req)
}

// hasStatus reports whether a registry answered with one of the HTTP status codes.
func hasStatus(err error, codes ...int) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && slices.Contains(codes, answer.StatusCode)
}

// size is the sum of the compressed layers of an image.
func (r registry) size(ctx context.Context, digest string) (bytesize.Size, error) {
	ref, err := r.reference(digest)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	got, err := remote.Get(ref, r.options(ctx)...)
	if err != nil {
		return 0, r.failed("manifest of "+digest, err)
	}
	manifest, err := v1.ParseManifest(strings.NewReader(string(got.Manifest)))
	if err != nil {
		return 0, fmt.Errorf("manifest of %s at %s: %w", digest, r.host, err)
	}
	var sum bytesize.Size
	for _, l := range manifest.Layers {
		sum += bytesize.Size(l.Size)
	}
	if sum == 0 {
		return 0, fmt.Errorf("the manifest of %s at %s has no layers", digest, r.host)
	}
	return sum, nil
}

// digest is the digest of the manifest that a tag or a digest names; empty if the registry has none.
func (r registry) digest(ctx context.Context, tag string) (string, error) {
	ref, err := r.reference(tag)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	var unreachable *url.Error
	head, err := remote.Head(ref, r.options(ctx)...)
	switch {
	case err == nil:
		return head.Digest.String(), nil
	case hasStatus(err, http.StatusNotFound):
		return "", nil
	case errors.As(err, &unreachable):
		return "", r.failed("tag "+tag, err)
	}
	// Some registries leave out headers that the answer to HEAD needs; then only GET reports what is wrong.
	got, err := remote.Get(ref, r.options(ctx)...)
	switch {
	case err == nil:
		return got.Digest.String(), nil
	case hasStatus(err, http.StatusNotFound):
		return "", nil
	}
	return "", r.failed("tag "+tag, err)
}

// danglingTag is the code with which Google's registries refuse to delete a manifest that has a tag. Other registries
// delete both.
const danglingTag transport.ErrorCode = "GOOGLE_MANIFEST_DANGLING_TAG"

var errTagged = errors.New("the image has a tag")

// untag deletes a tag and keeps its manifest, as Google's registries do.
func (r registry) untag(ctx context.Context, tag string) error {
	if err := r.delete(ctx, tag); err != nil {
		return r.failed("deletion of tag "+tag, err)
	}
	return nil
}

// remove deletes a manifest and verifies that it no longer exists.
func (r registry) remove(ctx context.Context, digest string) error {
	err := r.delete(ctx, digest)
	switch {
	case hasStatus(err, http.StatusMethodNotAllowed):
		return fail.With(fail.CodeFailed, "%s does not allow images to be deleted (405)", r.host).
			WithHint("enable deletion (REGISTRY_STORAGE_DELETE_ENABLED=true for docker-registry), or delete %s@%s "+
				"there by hand",
				r.repository, digest)
	case isTagged(err):
		return errors.Join(errTagged, r.failed("deletion of "+digest, err))
	case err != nil:
		return r.failed("deletion of "+digest, err)
	}
	if left, err := r.digest(ctx, digest); err != nil || left != "" {
		return fmt.Errorf("%s/%s@%s is still there (%v)", r.host, r.repository, digest, err)
	}
	return nil
}

// delete deletes a manifest or a tag. It is no error if the registry does not have it.
func (r registry) delete(ctx context.Context, text string) error {
	ref, err := r.reference(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	err = remote.Delete(ref, r.options(ctx)...)
	if hasStatus(err, http.StatusNotFound, http.StatusNoContent) { // the library treats 204 as an error
		return nil
	}
	return err
}

func isTagged(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) &&
		slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool { return d.Code == danglingTag })
}

const answerBytes = 500 // of a registry's answer in an error

// failed describes a request that failed: no token, an error as the answer, or no answer.
func (r registry) failed(what string, err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		// the rest of its text is the body that was sent instead
		if strings.Contains(err.Error(), "no token in bearer response") {
			return fail.With(fail.CodeFailed, "registry %s: %s: the token service's answer has no token", r.host, what)
		}
		if strings.Contains(err.Error(), "is a private or link-local address") { // the library's words on the realm
			return fail.With(fail.CodeFailed, "registry %s: %s: its token service at a private IP "+
				"address is not trusted with credentials: %w", r.host, what, err).
				WithHint("name the token service by a host name that this machine resolves, in the registry's own " +
					"configuration (auth.token.realm; external_url on GitLab), or at the registry's own host and port")
		}
		return fmt.Errorf("registry %s: %s: %w", r.host, what, err)
	}
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if at := answer.Request; at != nil && at.URL.Path != "/v2/" && !strings.Contains(at.URL.Path, "/manifests/") {
		realm := url.URL{Scheme: at.URL.Scheme, Host: at.URL.Host, Path: at.URL.Path}
		return fail.With(fail.CodeFailed, "registry %s: no token from %s (%s)", r.host, realm.String(), status)
	}
	body := *answer
	body.Request = nil // else its text begins with the address
	text := strings.TrimLeft(strings.TrimPrefix(body.Error(), "unexpected status code "+status), ": ")
	text = strings.TrimSpace(text[:min(len(text), answerBytes)])
	return fail.With(fail.CodeFailed, "registry %s: %s: answered %s: %s", r.host, what, status, text)
}
