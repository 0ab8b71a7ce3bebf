package pack

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// TestLayerForms has layers in the forms that Engines export: plain, and as in a registry.
func TestLayerForms(t *testing.T) {
	plain := []byte(programLike(100_000))
	var gzipped, fast, zstandard bytes.Buffer
	g := gzip.NewWriter(&gzipped)
	f, err := gzip.NewWriterLevel(&fast, gzip.HuffmanOnly)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(&zstandard)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, f, z} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		layer []byte
		want  int
	}{
		"plain": {plain, gzipped.Len()}, "gzip": {gzipped.Bytes(), gzipped.Len()},
		"gzip in another way": {fast.Bytes(), fast.Len()},
		"zstd":                {zstandard.Bytes(), zstandard.Len()},
	} {
		var sizes layerSizes
		if err := sizes.one(bytes.NewReader(c.layer), bytesize.Size(len(c.layer)), false); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n, ok := sizes.sum([]string{fmt.Sprintf("sha256:%x", sha256.Sum256(plain))}); !ok ||
			n != bytesize.Size(c.want) {
			t.Errorf("%s: %d bytes, want %d", name, n, c.want)
		}
	}
}

// TestFillerLayer compares the arithmetic of a filler's layer with the compressor.
func TestFillerLayer(t *testing.T) {
	for _, n := range []bytesize.Size{0, 1, 511, 512, 16383, 16384, 16385, 200_000, 3_000_001} {
		want, err := packedLayer(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fillerLayer(n); err != nil || !near(got, want) {
			t.Errorf("%d bytes: a layer of %d, %v; really %d", n, got, err, want)
		}
	}
}
