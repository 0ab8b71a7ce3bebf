package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"stellar/src/dockerengine"
)

// startRegistry starts Debian's docker-registry for the rows of providers that take images, and tells its address. When they
// have ended it must hold nothing, nor must the Engine hold images of theirs.
func startRegistry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	must(listener.Close())
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	must(os.WriteFile(file, fmt.Appendf(nil, "version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n",
		filepath.Join(dir, "data"), address), 0o600))
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		registryIsEmpty(t, address)
		engineIsEmpty(t, address)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			must(res.Body.Close())
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("docker-registry does not answer: %v", err)
		}
	}
}

func registryIsEmpty(t *testing.T, address string) {
	res, err := http.Get("http://" + address + "/v2/stellar/tags/list")
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Tags) > 0 {
		t.Errorf("left in the registry: %v, %v", list.Tags, err)
	}
}

func engineIsEmpty(t *testing.T, address string) {
	ctx := context.Background()
	c, err := dockerengine.Open(ctx, os.Getenv)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	left, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("reference", address+"/*"))})
	if err != nil || len(left) > 0 {
		t.Errorf("left in the Engine: %d images, %v", len(left), err)
	}
}
