package pack

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Google's registries do not delete a manifest that has a tag: the tag is deleted first, then the manifest.
func TestTaggedImagesAreUntaggedFirst(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	stand := map[string]bool{"r-1": true, "sha256:ab": true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/v2/" { // the question how to log in
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/v2/p/stellar/manifests/")
		asked = append(asked, r.Method+" "+name)
		switch {
		case !stand[name]:
			w.WriteHeader(http.StatusNotFound)
		case r.Method != http.MethodDelete:
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:ab")
		case name == "sha256:ab" && stand["r-1"]:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":[{"code":"GOOGLE_MANIFEST_DANGLING_TAG","message":"Manifest is still referenced by tag: r-1"}]}`))
		default:
			delete(stand, name)
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	res := run.Resource{Kind: KindPushed, Attrs: map[string]string{attrRepository: host + "/p/stellar", attrTag: "r-1",
		attrDigest: "sha256:ab"}}
	none := func(string) string { return "" }
	for range 2 { // a second removal is no error
		if err := RemovePushed(t.Context(), none, nil, res); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"DELETE sha256:ab", "DELETE r-1", "DELETE sha256:ab", "HEAD sha256:ab"}; len(stand) > 0 ||
		len(asked) < 4 || !slices.Equal(asked[:4], want) {
		t.Errorf("left %v after %v", stand, asked)
	}
}
