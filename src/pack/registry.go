package pack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"stellar/src/dockerengine"
	"stellar/src/fail"
)

// registry is a repository in a registry that speaks the OCI distribution protocol
// (github.com/opencontainers/distribution-spec).
type registry struct {
	host       string
	repository string
	auth       dockerengine.Credentials
	plain      bool // without TLS, as the Engine is told of it
}

const registryTimeout = 2 * time.Minute

// manifestTypes are the forms of an image's manifest that are asked for.
const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

// base is the address of the protocol. As the Engine has it, a registry on this machine may do without TLS.
func (r registry) base() string {
	host, _, err := net.SplitHostPort(r.host)
	if err != nil {
		host = r.host
	}
	if ip := net.ParseIP(host); r.plain || host == "localhost" || ip != nil && ip.IsLoopback() {
		return "http://" + r.host
	}
	if r.host == "docker.io" {
		return "https://registry-1.docker.io"
	}
	return "https://" + r.host
}

// size is the sum of the compressed layers of an image.
func (r registry) size(ctx context.Context, digest string) (int64, error) {
	res, err := r.do(ctx, http.MethodGet, digest)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, r.unexpected("manifest of "+digest, res)
	}
	var manifest struct{ Layers []struct{ Size int64 } }
	if err := json.NewDecoder(io.LimitReader(res.Body, 8<<20)).Decode(&manifest); err != nil {
		return 0, fmt.Errorf("manifest of %s at %s: %w", digest, r.host, err)
	}
	var sum int64
	for _, l := range manifest.Layers {
		sum += l.Size
	}
	if sum == 0 {
		return 0, fmt.Errorf("manifest of %s at %s names no layers", digest, r.host)
	}
	return sum, nil
}

// digest is what a tag stands for, empty where it is not there.
func (r registry) digest(ctx context.Context, tag string) (string, error) {
	res, err := r.do(ctx, http.MethodHead, tag)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return res.Header.Get("Docker-Content-Digest"), nil
	case http.StatusNotFound:
		return "", nil
	}
	return "", r.unexpected("tag "+tag, res)
}

// danglingTag is the code with which Google's registries refuse to delete a manifest that has a tag; others delete both.
const danglingTag = "GOOGLE_MANIFEST_DANGLING_TAG"

var errTagged = errors.New("the image has a tag")

// untag deletes a tag, as Google's registries take it, and leaves its manifest.
func (r registry) untag(ctx context.Context, tag string) error {
	res, err := r.do(ctx, http.MethodDelete, tag)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound:
		return nil
	}
	return r.unexpected("deletion of tag "+tag, res)
}

// remove deletes a manifest and makes sure that it is gone.
func (r registry) remove(ctx context.Context, digest string) error {
	res, err := r.do(ctx, http.MethodDelete, digest)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound:
	case http.StatusMethodNotAllowed:
		return fail.With(fail.CodeFailed, "%s does not let images be deleted (405)", r.host).
			WithHint("enable deletion (REGISTRY_STORAGE_DELETE_ENABLED=true for docker-registry), or delete %s@%s there by hand", r.repository, digest)
	default:
		err := r.unexpected("deletion of "+digest, res)
		if strings.Contains(err.Error(), danglingTag) {
			err = errors.Join(errTagged, err)
		}
		return err
	}
	if left, err := r.digest(ctx, digest); err != nil || left != "" {
		return fmt.Errorf("%s/%s@%s is still there (%v)", r.host, r.repository, digest, err)
	}
	return nil
}

func (r registry) unexpected(what string, res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
	return fail.With(fail.CodeFailed, "registry %s: %s: answered %s: %s", r.host, what, res.Status, strings.TrimSpace(string(text)))
}

// do asks for a manifest; a registry that wants a token is given one.
func (r registry) do(ctx context.Context, method, reference string) (*http.Response, error) {
	res, err := r.send(ctx, method, reference, "")
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	challenge := res.Header.Get("WWW-Authenticate")
	res.Body.Close()
	authorization, err := r.answer(ctx, challenge, method)
	if err != nil {
		return nil, err
	}
	return r.send(ctx, method, reference, authorization)
}

func (r registry) send(ctx context.Context, method, reference, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base()+"/v2/"+r.repository+"/manifests/"+reference, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", manifestTypes)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return r.client().Do(req)
}

func (r registry) client() *http.Client { return &http.Client{Timeout: registryTimeout} }

var challengeParts = regexp.MustCompile(`(\w+)="([^"]*)"`)

// answer gives the Authorization that a challenge asks for: Basic, or a Bearer token from the service that it names
// (distribution.github.io/distribution/spec/auth/token).
func (r registry) answer(ctx context.Context, challenge, method string) (string, error) {
	basic := func(req *http.Request) {
		if r.auth.User != "" {
			req.SetBasicAuth(r.auth.User, r.auth.Password)
		}
	}
	if !strings.HasPrefix(strings.ToLower(challenge), "bearer ") {
		req := &http.Request{Header: http.Header{}}
		basic(req)
		return req.Header.Get("Authorization"), nil
	}
	asked := map[string]string{}
	for _, m := range challengeParts.FindAllStringSubmatch(challenge, -1) {
		asked[m[1]] = m[2]
	}
	actions := "pull"
	if method == http.MethodDelete {
		actions = "pull,delete"
	}
	query := url.Values{"service": {asked["service"]}, "scope": {"repository:" + r.repository + ":" + actions}}
	req, err := r.tokenRequest(ctx, asked["realm"], query)
	if err != nil {
		return "", err
	}
	if req.Method == http.MethodGet {
		basic(req)
	}
	res, err := r.client().Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var said struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&said); err != nil || res.StatusCode != http.StatusOK {
		return "", fail.With(fail.CodeFailed, "registry %s: no token from %s (%s)", r.host, asked["realm"], res.Status)
	}
	if said.Token == "" {
		said.Token = said.AccessToken
	}
	return "Bearer " + said.Token, nil
}

// tokenRequest asks for a token: with an identity token in the OAuth 2 way (distribution.github.io/distribution/spec/auth/oauth),
// else by GET.
func (r registry) tokenRequest(ctx context.Context, realm string, query url.Values) (*http.Request, error) {
	if r.auth.Identity == "" {
		return http.NewRequestWithContext(ctx, http.MethodGet, realm+"?"+query.Encode(), nil)
	}
	query.Set("grant_type", "refresh_token")
	query.Set("refresh_token", r.auth.Identity)
	query.Set("client_id", "stellar")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm, strings.NewReader(query.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}
