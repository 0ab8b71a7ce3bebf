package pack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// tokenRegistry is a registry with one image of seven bytes in a/b. Its tokens are the requested scopes. It gives a
// token to the user with these credentials, or to everybody if there are none.
type tokenRegistry struct {
	*httptest.Server
	auth     dockerengine.Credentials
	manifest string
	deleted  atomic.Bool
	tokens   atomic.Int32 // that were given
	throttle atomic.Int32 // how many requests for the manifest are still to be answered with 429
}

func startTokenRegistry(t *testing.T, auth dockerengine.Credentials) *tokenRegistry {
	s := &tokenRegistry{auth: auth, manifest: `{"schemaVersion":2,"layers":[{"size":3},{"size":4}]}`}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", s.token)
	mux.HandleFunc("/v2/{$}", s.challenge)
	mux.HandleFunc("/v2/a/b/manifests/", s.serveManifest)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenRegistry) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *tokenRegistry) digest() string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s.manifest)))
}

func (s *tokenRegistry) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != s.auth.User || password != s.auth.Password || r.FormValue("refresh_token") != s.auth.Identity ||
		r.FormValue("service") != "the service" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	s.tokens.Add(1)
	fmt.Fprintf(w, `{"access_token":%q}`, r.FormValue("scope"))
}

func (s *tokenRegistry) challenge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="the service"`, s.URL))
	w.WriteHeader(http.StatusUnauthorized)
}

func (s *tokenRegistry) serveManifest(w http.ResponseWriter, r *http.Request) {
	want := "pull"
	if r.Method == http.MethodDelete {
		want = "delete"
	}
	actions, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer repository:a/b:")
	switch {
	case !ok || !slices.Contains(strings.Split(actions, ","), want) || want == "pull" && actions != want:
		s.challenge(w, r)
	case s.throttle.Add(-1) >= 0:
		w.WriteHeader(http.StatusTooManyRequests)
	case s.deleted.Load():
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		s.deleted.Store(true)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", s.digest())
		fmt.Fprint(w, s.manifest)
	}
}

// TestBearer asks a registry that issues tokens: to a user, for an identity token, to everybody.
func TestBearer(t *testing.T) {
	for _, auth := range []dockerengine.Credentials{{User: "tester", Password: "secret"}, {User: "tester"},
		{Identity: "identity"}, {}} {
		s := startTokenRegistry(t, auth)
		at := registry{host: s.host(), repository: "a/b", auth: auth}
		if n, err := at.size(t.Context(), s.digest()); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if got, err := at.digest(t.Context(), "latest"); got != s.digest() || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		for range 2 {
			if err := at.remove(t.Context(), s.digest()); err != nil {
				t.Error(err)
			}
		}
		if !s.deleted.Load() || s.tokens.Load() == 0 {
			t.Errorf("deleted: %t, with %d tokens", s.deleted.Load(), s.tokens.Load())
		}
		at.auth = dockerengine.Credentials{User: "tester", Password: "wrong"}
		if _, err := at.size(t.Context(), s.digest()); err == nil ||
			!strings.Contains(err.Error(), "no token from "+s.URL) ||
			strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v", err)
		}
	}
}

// TestThrottledRequestsAreRepeated: a registry answers 429 once.
func TestThrottledRequestsAreRepeated(t *testing.T) {
	s := startTokenRegistry(t, dockerengine.Credentials{})
	s.throttle.Store(1)
	at := registry{host: s.host(), repository: "a/b"}
	if n, err := at.size(t.Context(), s.digest()); n != 7 || err != nil || s.throttle.Load() >= 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestRegistryErrors: an error has the registry's answer once, in few words and without secrets.
func TestRegistryErrors(t *testing.T) {
	var status int
	var body string
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		asked.Add(1)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	at := registry{host: host, repository: "a/b", auth: dockerengine.Credentials{User: "u", Password: "s3cret"}}
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{500, "out of order", ": answered 500 Internal Server Error: out of order"},
		{503, strings.Repeat("x", 1000), ": answered 503 Service Unavailable: " + strings.Repeat("x", 500)},
		{403, `{"errors":[{"code":"DENIED","message":"not yours"}]}`, ": answered 403 Forbidden: DENIED: not yours"},
	} {
		status, body = c.status, c.body
		asked.Store(0)
		_, err := at.size(t.Context(), "sha256:1")
		if want := "registry " + host + ": manifest of sha256:1" + c.want; err == nil || err.Error() != want ||
			asked.Load() != 1 {
			t.Errorf("asked %d times: %v; want %s", asked.Load(), err, want)
		}
		_, err = at.digest(t.Context(), "t")
		if want := "registry " + host + ": tag t" + c.want; err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
		err = at.remove(t.Context(), "sha256:1")
		if want := "registry " + host + ": deletion of sha256:1" + c.want; err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
	status, body = http.StatusNoContent, ""
	if err := at.untag(t.Context(), "t"); err != nil {
		t.Error(err)
	}
}

// TestPlainHTTP allows plain HTTP on this machine and for the Engine's insecure-registries, and nowhere else:
// credentials are never sent in the clear.
func TestPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		host  string
		plain bool
		want  bool
	}{
		{"localhost", false, true}, {"localhost:5000", false, true}, {"127.0.0.1:5000", false, true},
		{"127.0.0.2", false, true},
		{"[::1]:5000", false, true}, {"r.test:5000", true, true}, {"r.test", false, false},
		{"10.1.2.3:5000", false, false},
		{"192.168.1.2", false, false}, {"docker.io", false, false},
	} {
		at := registry{host: c.host, repository: "a", plain: c.plain}
		repo, err := at.repo()
		if err != nil || at.mayBePlain() != c.want || c.want && repo.Scheme() != "http" {
			t.Errorf("%s: plain HTTP is allowed: %t, scheme %s, %v", c.host, at.mayBePlain(), repo.Scheme(), err)
		}
	}
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	at := registry{host: "registry.localhost:" + port, repository: "a",
		auth: dockerengine.Credentials{User: "u", Password: "s3cret"}}
	if _, err := at.size(t.Context(), "sha256:1"); err == nil || asked.Load() ||
		strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v; asked over plain HTTP: %t", err, asked.Load())
	}
	if _, err := at.digest(t.Context(), "t"); err == nil || !strings.Contains(err.Error(), "registry.localhost") {
		t.Errorf("%v", err)
	}
}

func TestRemoveFromECR(t *testing.T) {
	res := run.Resource{Kind: KindPushed,
		Attrs: map[string]string{attrRepository: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b",
			attrDigest: "sha256:1"}}
	for answer, want := range map[string]string{
		`{"imageIds":[{}],"failures":[]}`:                                    "",
		`{"failures":[{"failureCode":"ImageNotFound"}]}`:                     "",
		`{"failures":[{"failureCode":"KmsError","failureReason":"no key"}]}`: "no key",
		`nonsense`: "no JSON",
		"":         "",
	} {
		var calls []string
		runner := func(_ context.Context, c shell.Command) (shell.Result, error) {
			calls = append(calls, c.Name+" "+strings.Join(c.Args, " "))
			if c.Args[1] == "get-login-password" {
				return shell.Result{Stdout: "token\n"}, nil
			}
			if answer == "" {
				return shell.Result{Stderr: "(RepositoryNotFoundException) when calling BatchDeleteImage"},
					errors.New("exit 254")
			}
			return shell.Result{Stdout: answer}, nil
		}
		err := RemovePushed(t.Context(), func(string) string { return "" }, runner, res)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
		const call = "aws ecr batch-delete-image --registry-id 123456789012 --region eu-west-1 --repository-name " +
			"a/b --image-ids imageDigest=sha256:1 --output json"
		if calls[len(calls)-1] != call {
			t.Errorf("%q", calls)
		}
	}
}

// TestTokenServiceAtPrivateAddress holds that a token service at a private IP address gets no credentials, and that the
// error says what to do: a registry could otherwise send them to any host of the network.
func TestTokenServiceAtPrivateAddress(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://10.1.2.3:8080/token",service="the service"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	r := registry{host: strings.TrimPrefix(s.URL, "http://"), repository: "a/b",
		auth: dockerengine.Credentials{User: "u", Password: "p"}}
	_, err := r.digest(t.Context(), "latest")
	if err == nil || !strings.Contains(err.Error(), "token service at a private IP address is not trusted") ||
		!strings.Contains(fail.Hint(err), "external_url") || strings.Contains(err.Error(), "u:p") {
		t.Errorf("%v → %s", err, fail.Hint(err))
	}
}
