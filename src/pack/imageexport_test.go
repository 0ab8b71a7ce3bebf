package pack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// exporter stands in for an Engine that exports images.
type exporter struct {
	images  map[string][][]byte      // layers by name
	sizes   map[string]bytesize.Size // what the Engine says of an image's size, where it is not that of its layers
	exports [][]string               // the names in each export
}

func diffID(layer []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(layer)) }

func (e *exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/images/get") {
		e.inspect(w, r)
		return
	}
	names := r.URL.Query()["names"]
	e.exports = append(e.exports, names)
	seen, out := map[string]bool{}, tar.NewWriter(w)
	defer out.Close()
	for _, name := range names {
		for _, layer := range e.images[name] {
			id := strings.TrimPrefix(diffID(layer), "sha256:")
			if seen[id] {
				continue
			}
			seen[id] = true
			err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: id + "/layer.tar", Size: int64(len(layer))})
			if _, werr := out.Write(layer); errors.Join(err, werr) != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}
}

func (e *exporter) inspect(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	name := parts[len(parts)-2]
	var ids []string
	var size bytesize.Size
	for _, layer := range e.images[name] {
		ids = append(ids, diffID(layer))
		size += bytesize.Size(len(layer))
	}
	if told, ok := e.sizes[name]; ok {
		size = told
	}
	answer := map[string]any{"Id": "sha256:00", "Size": size, "RootFS": map[string]any{"Type": "layers", "Layers": ids}}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// client connects to the stand-in.
func (e *exporter) client(t *testing.T) *client.Client { return engineThat(t, e.ServeHTTP) }

// engineThat connects to a stand-in for an Engine.
func engineThat(t *testing.T, answers http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	c, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()),
		client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestMeasureTogether holds that images with a common base are exported at once, also where layers have the same
// length, and that what is known is not exported again.
func TestMeasureTogether(t *testing.T) {
	base, first := []byte(programLike(1<<20+1000)), []byte(programLike(50_000))
	second := bytes.Clone(first)
	second[0]++
	var alone layerSizes
	for _, layer := range [][]byte{base, first, second} {
		if err := alone.one(bytes.NewReader(layer), bytesize.Size(len(layer)), false); err != nil {
			t.Fatal(err)
		}
	}
	e := &exporter{images: map[string][][]byte{"a": {base, first}, "b": {base, second}, "c": {base, first}}}
	c := e.client(t)
	var s layerSizes
	for range 2 {
		sums, err := s.measure(t.Context(), c, []string{"b", "a", "c", "a"})
		if err != nil {
			t.Fatal(err)
		}
		for name, layers := range e.images {
			if want, _ := alone.sum([]string{diffID(layers[0]), diffID(layers[1])}); sums[name] != want || want == 0 {
				t.Errorf("image %s: %d bytes, want %d", name, sums[name], want)
			}
		}
	}
	if len(e.exports) != 1 || !slices.Equal(e.exports[0], []string{"a", "b", "c"}) {
		t.Errorf("exports of %v, want one of all three images", e.exports)
	}
}

// TestMeasureLargeApart holds that an export has only as many large images as the Engine's disk is expected to hold,
// and that a large one is exported alone.
func TestMeasureLargeApart(t *testing.T) {
	layer := func(n int) [][]byte { return [][]byte{[]byte(programLike(n))} }
	e := &exporter{images: map[string][][]byte{"a": layer(1000), "b": layer(2000), "c": layer(3000), "d": layer(4000)},
		sizes: map[string]bytesize.Size{"a": exportLimit + 1, "b": exportLimit / 2, "c": exportLimit / 2, "d": 1}}
	var s layerSizes
	if _, err := s.measure(t.Context(), e.client(t), []string{"a", "b", "c", "d"}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(e.exports); got != "[[a] [b c] [d]]" {
		t.Errorf("exports of %s", got)
	}
}

// TestMeasureOtherLayers holds that an image whose export lacks a layer that it names is an error after two exports.
func TestMeasureOtherLayers(t *testing.T) {
	e := &exporter{images: map[string][][]byte{"a": {[]byte(programLike(1000))}}}
	c := e.client(t)
	var s layerSizes
	waiting := &unmeasured{name: "a", layers: []string{"sha256:11"}}
	if _, err := s.measureAll(t.Context(), c, []*unmeasured{waiting}); err == nil ||
		!strings.Contains(err.Error(), "has not the layers that it names") || len(e.exports) != 2 {
		t.Errorf("%v after %d exports", err, len(e.exports))
	}
}

// Of images with code, the Engine is asked for those whose size nobody else reports.
func TestMeasureCodesAsksForWhatIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		registry string
		composed bool
		targets  []bytesize.Size
		asked    []string
	}{
		"pushed as they are":        {registry: "r", targets: []bytesize.Size{0, 0}},
		"one of them gets filler":   {registry: "r", targets: []bytesize.Size{0, 1 << 20}, asked: []string{"b"}},
		"they stay in the Engine":   {targets: []bytesize.Size{0, 0}, asked: []string{"a", "b"}},
		"one image of two packages": {targets: []bytesize.Size{0, 0, 1 << 20}, asked: []string{"a", "b"}},
		"put together here":         {composed: true, targets: []bytesize.Size{0, 1 << 20}, asked: []string{"base"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			engine := engineThat(t, func(w http.ResponseWriter, r *http.Request) {
				_, rest, _ := strings.Cut(r.URL.Path, "/images/")
				asked = append(asked, strings.TrimSuffix(rest, "/json"))
				fmt.Fprint(w, `{"Id": "sha256:0", "RootFS": {"Type": "layers", "Layers": ["sha256:1"]}}`)
			})
			m := &images{engine: engine, registry: c.registry}
			m.sizes.put("sha256:1", layerSize{plain: 20, packed: 10})
			var jobs []*imageJob
			for i, target := range c.targets {
				code := &codeImage{tag: string(rune('a' + i%2))}
				if c.composed {
					code.composed = &composition{base: &baseImage{name: "base"}}
				}
				jobs = append(jobs, &imageJob{pkg: &run.Package{TargetBytes: target}, code: code})
			}
			if err := m.measureCodes(t.Context(), jobs); err != nil || !slices.Equal(asked, c.asked) {
				t.Errorf("asked for %q, want %q; %v", asked, c.asked, err)
			}
		})
	}
}
