package storage_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
)

// TestAStoreOfARun: a store that a process has as its own ends with it and leaves nothing, however either of them ends.
// A later process finds the folder of one that was killed, and waits for one that is alive.
func TestAStoreOfARun(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	spawn := func(name string) *embedded.Child {
		t.Helper()
		c, err := embedded.Spawn(t.Context(), lab.Binary(t), embedded.Options{Dir: embedded.RunDir(root, name),
			Keys: embedded.NewKeys()}, func(line string) { t.Log(line) })
		if err != nil {
			t.Fatal(err)
		}
		b, err := objectstore.Open(objectstore.Place{Endpoint: c.URL, Region: embedded.Region, Bucket: "payloads"},
			objectstore.Keys{ID: c.Keys.ID, Secret: c.Keys.Secret}, nil)
		if err == nil {
			err = b.Make(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	gone := func(what string, c *embedded.Child) {
		t.Helper()
		if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: folder %s is left: %v", what, c.Dir, err)
		}
		if err := syscall.Kill(c.PID, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s: process %d is left: %v", what, c.PID, err)
		}
	}
	closed := spawn("closed")
	etag(t, closed)
	if err := closed.Died(); err != nil {
		t.Errorf("died while it runs: %v", err)
	}
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(closed.PID), file))
		if err == nil && strings.Contains(string(text), closed.Keys.Secret) { // without /proc, nobody reads it there
			t.Errorf("%s shows the secret: %q", file, text)
		}
	}
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Error(err)
	}
	gone("closed", closed)

	killed := spawn("killed")
	if err := syscall.Kill(killed.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-killed.Done()
	if err := killed.Died(); err == nil || fail.Code(err) != fail.CodeFailed {
		t.Errorf("killed, and said to have died of %v", err)
	}
	if err := embedded.RemoveDead(t.Context(), killed.Dir); err != nil { // as `clean` does
		t.Error(err)
	}
	gone("killed", killed)

	// A store that is alive is waited for, and ends when its owner does.
	alive := spawn("alive")
	removed := make(chan error, 1)
	fail.Go(func(err error) { removed <- err }, func() { removed <- embedded.RemoveDead(t.Context(), alive.Dir) })
	select {
	case err := <-removed:
		t.Errorf("a store that is alive was removed: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
	gone("alive", alive)
	if _, err := embedded.Spawn(t.Context(), "/bin/false", embedded.Options{Dir: embedded.RunDir(root, "false"),
		Keys: embedded.NewKeys()}, nil); err == nil {
		t.Error("a program that is none was started")
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// etag checks that the store does without the MD5 of objects, and that ETags tell contents apart all the same.
func etag(t *testing.T, c *embedded.Child) {
	t.Helper()
	b, err := objectstore.Open(objectstore.Place{Endpoint: c.URL, Region: embedded.Region, Bucket: "payloads"},
		objectstore.Keys{ID: c.Keys.ID, Secret: c.Keys.Secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.Presign("run/1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, content := range []string{"a", "b", "a"} {
		if err := put(t.Context(), o, strings.NewReader(content), len(content)); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.GetURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		seen = append(seen, resp.Header.Get("ETag"))
	}
	if seen[0] == "" || seen[0] == seen[1] || seen[0] != seen[2] || !strings.Contains(seen[0], "XXHASH128") {
		t.Errorf("ETags of a, b and a: %v", seen)
	}
}
