package cloud

import (
	"context"
	"encoding/json"
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
