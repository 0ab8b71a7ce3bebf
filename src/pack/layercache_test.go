package pack

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// TestLayerCache holds that the size of a base image's layer outlives the run, that of any other layer does not, and
// that a damaged entry is none.
func TestLayerCache(t *testing.T) {
	cache := layerCache{filepath.Join(t.TempDir(), "layers")}
	base, code := []byte(programLike(50_000)), []byte(programLike(60_000))
	id := func(layer []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(layer)) }
	first := layerSizes{cache: cache, shared: map[string]bool{id(base): true}}
	for _, layer := range [][]byte{base, code} {
		if err := first.one(bytes.NewReader(layer), bytesize.Size(len(layer)), false); err != nil {
			t.Fatal(err)
		}
	}
	want, ok := first.sum([]string{id(base)})
	if !ok || want <= 0 || want >= bytesize.Size(len(base)) {
		t.Fatalf("the layer has %d compressed bytes, known: %t", want, ok)
	}

	later := layerSizes{cache: cache}
	if _, ok := later.sum([]string{id(code), id(base)}); ok {
		t.Error("a layer of code is in the cache")
	}
	if !later.plainKnown(bytesize.Size(len(base))) {
		t.Error("the base's layer would be compressed again: not all layers were looked for")
	}
	if got, ok := later.sum([]string{id(base)}); !ok || got != want {
		t.Errorf("from the cache: %d bytes, %t; want %d", got, ok, want)
	}
	if left, _ := filepath.Glob(filepath.Join(cache.dir, "*")); len(left) != 1 {
		t.Errorf("the cache holds %v, want one entry", left)
	}

	for _, damaged := range []string{"", "50000", "50000 -1\n", "0 7\n", "many few\n"} {
		if err := os.WriteFile(cache.path(id(base)), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := layerSizes{cache: cache}
		if got, ok := fresh.sum([]string{id(base)}); ok {
			t.Errorf("entry %q is taken for %d bytes", damaged, got)
		}
	}
}

// TestLayerCacheUnwritable holds that a cache that cannot be written costs no run anything but time.
func TestLayerCacheUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cache := layerCache{filepath.Join(file, "layers")}
	cache.put("sha256:00", layerSize{2, 1})
	if l, ok := cache.get("sha256:00"); ok {
		t.Errorf("found %+v", l)
	}
}

// TestLayersOfOneLength holds that a layer with the length of a known one is compressed at the second export, and that
// the known one is compressed no more.
func TestLayersOfOneLength(t *testing.T) {
	base, first := []byte(programLike(90_000)), []byte(programLike(40_000))
	second := bytes.Clone(first)
	second[0]++
	export := func(s *layerSizes, layers ...[]byte) {
		t.Helper()
		for _, layer := range layers {
			n := bytesize.Size(len(layer))
			if err := s.one(bytes.NewReader(layer), n, s.plainKnown(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	id := func(layer []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(layer)) }
	var s layerSizes
	export(&s, base, first)
	export(&s, base, second)
	if _, ok := s.sum([]string{id(second)}); ok {
		t.Fatal("the layer was compressed although one of its length is known")
	}
	if !s.plainKnown(bytesize.Size(len(base))) || s.plainKnown(bytesize.Size(len(second))) {
		t.Error("the second export compresses the base, or does not compress what is new")
	}
	export(&s, base, second)
	if n, ok := s.sum([]string{id(base), id(second)}); !ok || n <= 0 {
		t.Errorf("%d bytes, known: %t", n, ok)
	}
}
