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
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
	"github.com/vhive-serverless/STeLLAR/src/run"

	"github.com/containerd/errdefs"
)

// registryServer is Debian's docker-registry on a free port; htpasswd has its users, empty: open to all.
func registryServer(t *testing.T, deletes bool, htpasswd string) string {
	t.Helper()
	address, err := relaytest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	auth := ""
	if htpasswd != "" {
		auth = fmt.Sprintf("auth:\n  htpasswd:\n    realm: test\n    path: %s\n", filepath.Join(dir, "htpasswd"))
		if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte(htpasswd), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: %t\n  "+
		"filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n%s",
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
		// The registry's own sum is the documented size.
		if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
			t.Errorf("%s: the registry has %d bytes, off by %d", p.Name, p.Bytes, off)
		}
		if _, err := l.c.DistributionInspect(t.Context(), p.Image, ""); err != nil {
			t.Errorf("cannot get %s by its digest: %v", p.Image, err)
		}
	}
	for range 2 { // the second time, there is nothing to remove
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

// The password of the user tester is secret; the line is the output of htpasswd -B.
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
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "push to "+at) ||
			!strings.Contains(fail.Hint(err), c.want) {
			t.Errorf("user %q: exit code %d: %v, hint %q", c.user, fail.Code(err), err, fail.Hint(err))
		}
		// Nothing was pushed, and the journal's undo must be able to recognise that.
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
		if err == nil || !strings.Contains(err.Error(), "does not allow images to be deleted") ||
			!strings.Contains(fail.Hint(err), "REGISTRY_STORAGE_DELETE_ENABLED") {
			t.Errorf("%v, hint %q", err, fail.Hint(err))
		}
		if err := l.Journal.Removed(res); err != nil { // the registry is removed with the test
			t.Fatal(err)
		}
	}
}

// uploadBase puts an image of one layer into a registry, with a better compression of the layer than the Engine's.
func uploadBase(t *testing.T, at string) string {
	t.Helper()
	var plain, packed bytes.Buffer
	out := tar.NewWriter(&plain)
	text := at + t.TempDir() + programLike(1<<20) // unlike any layer of the Engine, which would not fetch a known one
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
	config := fmt.Appendf(nil,
		`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]},"history":[{"created":"2026-01-01T00:00:00Z"}]}`, digest(plain.Bytes()))
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

// TestBaseCompressedOtherwise: the Engine mounts a base's layer as the registry has it, so the sum differs from the one
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
