package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stellar/src/dockerengine"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"

	"github.com/containerd/errdefs"
)

// registryServer is Debian's docker-registry on a free port; htpasswd are its users, empty: open to all.
func registryServer(t *testing.T, deletes bool, htpasswd string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	auth := ""
	if htpasswd != "" {
		auth = fmt.Sprintf("auth:\n  htpasswd:\n    realm: test\n    path: %s\n", filepath.Join(dir, "htpasswd"))
		if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte(htpasswd), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: %t\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n%s",
		deletes, filepath.Join(dir, "data"), address, auth)
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatalf("the tests of pushes need docker-registry: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + address + "/v2/"); err == nil {
			res.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal("docker-registry does not start")
		}
	}
}

func TestPush(t *testing.T) {
	at := registryServer(t, true, "")
	p, q := imagePackage(t, "a", 3<<20, "spread"), imagePackage(t, "b", 4<<20, "back")
	q.Source = p.Source
	l := newLab(t, p, q)
	l.Experiment.Registry = at
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*run.Package{p, q} {
		if !strings.HasPrefix(p.Image, at+"/stellar@sha256:") || !strings.HasSuffix(p.Image, p.SHA256) {
			t.Errorf("deployed as %s, digest %s", p.Image, p.SHA256)
		}
		// The registry's own sum, which is what is promised.
		if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
			t.Errorf("%s: the registry has %d bytes, off by %d", p.Name, p.Bytes, off)
		}
		if _, err := l.c.DistributionInspect(t.Context(), p.Image, ""); err != nil {
			t.Errorf("%s is not to be had by its digest: %v", p.Image, err)
		}
	}
	for range 2 { // the second time there is nothing to remove
		for _, res := range l.Journal.Pending() {
			if res.Kind == KindPushed {
				if err := RemovePushed(t.Context(), l.stage.getenv, nil, res); err != nil {
					t.Errorf("remove %s: %v", res, err)
				}
			}
		}
	}
	for _, p := range []*run.Package{p, q} {
		if _, err := l.c.DistributionInspect(t.Context(), p.Image, ""); err == nil {
			t.Errorf("%s is still in the registry", p.Image)
		}
	}
}

// The password of the user tester is secret; the line is what htpasswd -B makes of it.
const testUser = "tester:$2b$05$nnD/W.3MehFA9J9o6d1TKeQEE3x4JQaim0c.sCbCtnI4L0WO5tjQa\n"

func TestPushWithoutRights(t *testing.T) {
	at := registryServer(t, true, testUser)
	for _, c := range []struct{ user, password, want string }{
		{"", "", "log in with `docker login " + at + "`"},
		{"tester", "wrong", "the registry refuses user tester"},
	} {
		l := newLab(t, imagePackage(t, "a", 0, "back"))
		l.Experiment.Registry = at
		l.env["STELLAR_REGISTRY_USER"], l.env["STELLAR_REGISTRY_PASSWORD"] = c.user, c.password
		err := l.stage.Run(t.Context(), l.Run)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "push to "+at) || !strings.Contains(fail.Hint(err), c.want) {
			t.Errorf("user %q: exit code %d: %v, hint %q", c.user, fail.Code(err), err, fail.Hint(err))
		}
		// Nothing was pushed; the journal's undo must be able to see that.
		l.env["STELLAR_REGISTRY_USER"], l.env["STELLAR_REGISTRY_PASSWORD"] = "tester", "secret"
	}
}

func TestDeletionDisabled(t *testing.T) {
	at := registryServer(t, false, "")
	l := newLab(t, imagePackage(t, "a", 0, "back"))
	l.Experiment.Registry = at
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	for _, res := range l.Journal.Pending() {
		if res.Kind != KindPushed {
			continue
		}
		err := RemovePushed(t.Context(), l.stage.getenv, nil, res)
		if err == nil || !strings.Contains(err.Error(), "does not allow images to be deleted") || !strings.Contains(fail.Hint(err), "REGISTRY_STORAGE_DELETE_ENABLED") {
			t.Errorf("%v, hint %q", err, fail.Hint(err))
		}
		if err := l.Journal.Removed(res); err != nil { // the registry goes with the test
			t.Fatal(err)
		}
	}
}

// uploadBase puts an image of one layer into a registry whose layer is compressed better than the Engine does it.
func uploadBase(t *testing.T, at string) string {
	t.Helper()
	var plain, packed bytes.Buffer
	out := tar.NewWriter(&plain)
	text := at + t.TempDir() + programLike(1<<20) // like no layer that the Engine has: such a one it would not fetch
	if err := errors.Join(out.WriteHeader(&tar.Header{Name: "data", Mode: 0o644, Size: int64(len(text))})); err != nil {
		t.Fatal(err)
	}
	_, err := io.WriteString(out, text)
	z, levelErr := gzip.NewWriterLevel(&packed, gzip.HuffmanOnly)
	if err := errors.Join(err, levelErr, out.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(plain.Bytes())
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	digest := func(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]},"history":[{"created":"2026-01-01T00:00:00Z"}]}`, digest(plain.Bytes()))
	const kind = "application/vnd.docker.distribution.manifest.v2+json"
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,
		"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":%q},
		"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":%d,"digest":%q}]}`,
		kind, len(config), digest(config), packed.Len(), digest(packed.Bytes()))
	send := func(method, url, kind string, body []byte) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode >= 300 {
			t.Fatalf("%s %s: %v %v", method, url, res, err)
		}
		res.Body.Close()
		return res
	}
	for _, blob := range [][]byte{packed.Bytes(), config} {
		begun := send(http.MethodPost, "http://"+at+"/v2/base/blobs/uploads/", "", nil)
		send(http.MethodPut, begun.Header.Get("Location")+"&digest="+digest(blob), "application/octet-stream", blob)
	}
	send(http.MethodPut, "http://"+at+"/v2/base/manifests/1", kind, manifest)
	return at + "/base:1"
}

// TestBaseCompressedOtherwise has the Engine mount a base's layer as the registry has it: the sum is another than what is
// measured here, and the filler has to be corrected.
func TestBaseCompressedOtherwise(t *testing.T) {
	at := registryServer(t, true, "")
	base := uploadBase(t, at)
	for _, placement := range []string{"back", "front"} {
		t.Run(placement, func(t *testing.T) {
			t.Cleanup(func() { // after the run's undo
				if _, err := openEngine(t).ImageInspect(context.Background(), base); !errdefs.IsNotFound(err) {
					t.Errorf("the base %s, which the run pulled, is still there (%v)", base, err)
				}
			})
			p := imagePackage(t, "a", 5<<19, placement)
			p.BaseImage = base
			l := newLab(t, p)
			l.Experiment.Registry = at
			if err := l.stage.Run(t.Context(), l.Run); err != nil {
				t.Fatal(err)
			}
			if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
				t.Errorf("the registry has %d bytes, off by %d", p.Bytes, off)
			}
			pushed, bases := 0, 0
			for _, e := range l.Journal.Entries() {
				switch {
				case e.Event == run.EventCreated && e.Resource.Kind == KindPushed:
					pushed++
				case e.Event == run.EventCreated && e.Resource.Name == base:
					bases++
				}
			}
			if pushed != 2 || bases != 1 {
				t.Errorf("%d pushes, this test is to see a correction; %d pulls of the base", pushed, bases)
			}
		})
	}
}

// tokenRegistry is a registry with one image of seven bytes in a/b, whose tokens are the scopes that were asked for. It
// gives one to the user with these credentials, or to everybody where there are none.
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

// TestBearer asks a registry that hands out tokens: to a user, for an identity token, to everybody.
func TestBearer(t *testing.T) {
	for _, auth := range []dockerengine.Credentials{{User: "tester", Password: "secret"}, {User: "tester"}, {Identity: "identity"}, {}} {
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
		if _, err := at.size(t.Context(), s.digest()); err == nil || !strings.Contains(err.Error(), "no token from "+s.URL) ||
			strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v", err)
		}
	}
}

// TestThrottledRequestsAreRepeated has a registry answer 429 once.
func TestThrottledRequestsAreRepeated(t *testing.T) {
	s := startTokenRegistry(t, dockerengine.Credentials{})
	s.throttle.Store(1)
	at := registry{host: s.host(), repository: "a/b"}
	if n, err := at.size(t.Context(), s.digest()); n != 7 || err != nil || s.throttle.Load() >= 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestRegistryErrors says what a registry answered, once, in few words and without secrets.
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
		if want := "registry " + host + ": manifest of sha256:1" + c.want; err == nil || err.Error() != want || asked.Load() != 1 {
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

// TestPlainHTTP allows plain HTTP on this machine and where the Engine is told so, and nowhere else: credentials are never
// sent in the clear.
func TestPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		host  string
		plain bool
		want  bool
	}{
		{"localhost", false, true}, {"localhost:5000", false, true}, {"127.0.0.1:5000", false, true}, {"127.0.0.2", false, true},
		{"[::1]:5000", false, true}, {"r.test:5000", true, true}, {"r.test", false, false}, {"10.1.2.3:5000", false, false},
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
	at := registry{host: "registry.localhost:" + port, repository: "a", auth: dockerengine.Credentials{User: "u", Password: "s3cret"}}
	if _, err := at.size(t.Context(), "sha256:1"); err == nil || asked.Load() || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v; asked over plain HTTP: %t", err, asked.Load())
	}
	if _, err := at.digest(t.Context(), "t"); err == nil || !strings.Contains(err.Error(), "registry.localhost") {
		t.Errorf("%v", err)
	}
}

func TestRemoveFromECR(t *testing.T) {
	res := run.Resource{Kind: KindPushed, Attrs: map[string]string{attrRepository: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b", attrDigest: "sha256:1"}}
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
				return shell.Result{Stderr: "(RepositoryNotFoundException) when calling BatchDeleteImage"}, errors.New("exit 254")
			}
			return shell.Result{Stdout: answer}, nil
		}
		err := RemovePushed(t.Context(), func(string) string { return "" }, runner, res)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
		const call = "aws ecr batch-delete-image --registry-id 123456789012 --region eu-west-1 --repository-name a/b --image-ids imageDigest=sha256:1 --output json"
		if calls[len(calls)-1] != call {
			t.Errorf("%q", calls)
		}
	}
}
