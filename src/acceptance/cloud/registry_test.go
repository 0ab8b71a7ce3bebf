package cloud

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
)

// startRegistry starts Debian's docker-registry for the rows of providers that take images, and tells its address. When
// they have ended it must hold nothing, nor must the Engine hold images of theirs.
func startRegistry(t *testing.T) string {
	t.Helper()
	address, stop, err := lab.Registry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		registryIsEmpty(t, address)
		engineIsEmpty(t, address)
		stop()
	})
	return address
}

// importBase gives the Engine an image of one small file, and tells its name.
func importBase(t *testing.T) string {
	t.Helper()
	c, err := dockerengine.Open(t.Context(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	name := "stellar-test-faults:" + rand.Text()
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	err = w.WriteHeader(&tar.Header{Name: "main", Mode: 0o755, Size: int64(len(name))})
	_, werr := w.Write([]byte(name))
	if err := errors.Join(err, werr, w.Close()); err != nil {
		t.Fatal(err)
	}
	answer, err := c.ImageImport(t.Context(), image.ImportSource{Source: &files, SourceName: "-"}, name,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/main"]`}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if said, err := io.ReadAll(answer); err != nil || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("import %s: %v %s", name, err, said)
	}
	t.Cleanup(func() {
		if _, err := c.ImageRemove(context.Background(), name, image.RemoveOptions{}); err != nil {
			t.Error(err)
		}
		c.Close()
	})
	return name
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
	left, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("reference",
		address+"/*"))})
	if err != nil || len(left) > 0 {
		t.Errorf("left in the Engine: %d images, %v", len(left), err)
	}
}
