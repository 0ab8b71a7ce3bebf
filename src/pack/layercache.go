package pack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/docker/docker/client"
)

// layerCache keeps the compressed sizes of base images' layers in a folder that runs share: compressing a base of some
// hundred MiB takes longer than everything else that makes an image. A layer is named by the hash of its content
// (diff id), so an entry never becomes wrong. The zero value keeps nothing.
type layerCache struct{ dir string }

// newLayerCache is the cache below a folder. Compressed sizes depend on Go's compress/gzip, hence on Go's version, and
// on the Engine's storage driver: some keep layers compressed in their own way. An Engine that does not name its driver
// has no cache.
func newLayerCache(driver, cacheDir string) layerCache {
	if driver == "" || cacheDir == "" {
		return layerCache{}
	}
	return layerCache{filepath.Join(cacheDir, "layers", runtime.Version(), driver)}
}

func (c layerCache) path(diffID string) string {
	return filepath.Join(c.dir, strings.TrimPrefix(diffID, "sha256:"))
}

// get reads an entry. One that cannot be read is none: the layer is compressed again.
func (c layerCache) get(diffID string) (l layerSize, ok bool) {
	if c.dir == "" {
		return layerSize{}, false
	}
	text, err := os.ReadFile(c.path(diffID))
	if err != nil {
		return layerSize{}, false
	}
	n, err := fmt.Sscanf(string(text), "%d %d\n", &l.plain, &l.packed)
	return l, err == nil && n == 2 && l.plain > 0 && l.packed > 0
}

// put writes an entry. The cache only saves time: an entry that cannot be written is left out.
func (c layerCache) put(diffID string, l layerSize) {
	if c.dir == "" || os.MkdirAll(c.dir, 0o755) != nil {
		return
	}
	f, err := os.CreateTemp(c.dir, ".new-")
	if err != nil {
		return
	}
	_, err = fmt.Fprintf(f, "%d %d\n", l.plain, l.packed)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(diffID))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// baseLayers notes the layers of a base image: their sizes enter the cache.
func (s *layerSizes) baseLayers(ctx context.Context, c *client.Client, base string) {
	if base == noBaseImage || s.cache.dir == "" {
		return
	}
	info, err := c.ImageInspect(ctx, base)
	if err != nil {
		return // the build says what is wrong with it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		s.shared = map[string]bool{}
	}
	for _, id := range info.RootFS.Layers {
		s.shared[id] = true
	}
}
