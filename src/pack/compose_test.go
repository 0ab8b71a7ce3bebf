package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// inspected stands in for an Engine that has one image, base:1.
func inspected(t *testing.T, answer string) *images {
	t.Helper()
	return &images{engine: engineThat(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }),
		loads: true, r: &run.Run{ID: "20261121T010203Z-local-abcd"}}
}

func TestComposable(t *testing.T) {
	const image = `{"Architecture": %q, "RootFS": {"Type": "layers", "Layers": ["sha256:1"]}, "Config": {%s}}`
	for name, c := range map[string]struct {
		architecture, config string
		want                 bool
	}{
		"plain":                            {"amd64", `"Env": ["A=b"]`, true},
		"root by number":                   {"amd64", `"User": "0:0"`, true},
		"another processor":                {"arm64", ``, false},
		"a user whose folders it may have": {"amd64", `"User": "app"`, false},
		"steps for what is built on it":    {"amd64", `"OnBuild": ["RUN true"]`, false},
	} {
		m := inspected(t, fmt.Sprintf(image, c.architecture, c.config))
		base, ok, err := m.composable(t.Context(), "base:1", "amd64", false)
		if err != nil || ok != c.want || !slices.Equal(base.layers, []string{"sha256:1"}) {
			t.Errorf("%s: %t, %+v, %v", name, ok, base, err)
		}
		m.loads = false
		if _, ok, err := m.composable(t.Context(), noBaseImage, "amd64", false); ok || err != nil {
			t.Errorf("an Engine that loads nothing: %t, %v", ok, err)
		}
	}
}

// TestConfigure compares with what the Engine's builder makes of the generated Dockerfile.
func TestConfigure(t *testing.T) {
	base := container.Config{Env: []string{"PATH=/bin", "LAMBDA_TASK_ROOT=/x"}, Entrypoint: []string{"/of-base"},
		Cmd: []string{"old"}, Labels: map[string]string{"by": "base"}, StopSignal: "SIGINT"}
	for name, c := range map[string]struct {
		kind       imageKind
		entry, cmd string
	}{
		"AWS's own loop": {imageKind{language: "python", contract: runtimeAPI, handler: "main.f"},
			"[/of-base]", "[main.f]"},
		"a server": {imageKind{language: "python", contract: overHTTP}, "[python3 -u main.py]", "[]"},
	} {
		config := base
		c.kind.configure(&config, "the-run")
		got := fmt.Sprint(config.Env, config.WorkingDir, config.Entrypoint, config.Cmd, config.Labels,
			config.StopSignal)
		want := fmt.Sprintf("[PATH=/bin LAMBDA_TASK_ROOT=/var/task]/var/task%s%smap[by:base %s:the-run]SIGINT",
			c.entry, c.cmd, dockerengine.LabelRun)
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if len(base.Labels) != 1 || base.Env[1] != "LAMBDA_TASK_ROOT=/x" {
			t.Fatalf("%s: the base's own configuration was changed: %+v", name, base)
		}
	}
	var empty container.Config
	imageKind{language: "go"}.configure(&empty, "r")
	if want := []string{defaultPath, "LAMBDA_TASK_ROOT=/var/task"}; !slices.Equal(empty.Env, want) {
		t.Errorf("without a base: %q", empty.Env)
	}
}

// TestComposition reads an image as the Engine does.
func TestComposition(t *testing.T) {
	m := &images{r: &run.Run{Record: &run.Record{Started: time.Unix(1_700_000_000, 5)}}}
	code := layer{folders: m.created()}
	code.addFiles("var/task", []source{{name: "lib/x", path: "compose_test.go", size: 100, exec: true}})
	sealed, err := m.seal(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	j := &imageJob{want: 90_000, pkg: &run.Package{Placement: "spread", Seed: 7}, code: &codeImage{
		composed: &composition{base: &baseImage{name: "b:1", layers: []string{"sha256:base"}}, architecture: "arm64",
			layers: []*sealedLayer{sealed}, created: m.created(), config: container.Config{WorkingDir: "/w"}}}}
	filled, err := m.withFiller(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	var archive, again bytes.Buffer
	err = errors.Join(filled.writeTo(t.Context(), &archive, "r:t"), filled.writeTo(t.Context(), &again, "r:t"))
	if err != nil || !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Fatalf("the image is not the same twice: %v", err)
	}
	files := tarFiles(t, &archive)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	var config struct {
		Architecture, OS string
		Config           struct{ WorkingDir string }
		RootFS           struct {
			DiffIDs []string `json:"diff_ids"`
		}
		History []any
	}
	if err := errors.Join(json.Unmarshal(files["manifest.json"], &manifest),
		json.Unmarshal(files[manifest[0].Config], &config)); err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.OS != "linux" || config.Config.WorkingDir != "/w" ||
		len(config.History) != 4 || manifest[0].RepoTags[0] != "r:t" {
		t.Errorf("configuration %+v, manifest %+v", config, manifest)
	}
	want := []string{"", "stellar-filler-0.bin", "lib/x", "stellar-filler-1.bin"} // from the base on
	var packed bytesize.Size
	for i, name := range manifest[0].Layers {
		text, there := files[name]
		if i == 0 {
			if there {
				t.Errorf("the archive has the base's layer, which the Engine has")
			}
			continue
		}
		in := tarFiles(t, bytes.NewReader(text))
		if diffID(text) != config.RootFS.DiffIDs[i] || in["var/task/"+want[i]] == nil || in["var/"] == nil {
			t.Errorf("layer %d: %s, want %s, with %v", i, config.RootFS.DiffIDs[i], diffID(text), in)
		}
		size, known := m.sizes.get(diffID(text))
		if packed += size.packed; !known {
			t.Errorf("layer %d has no size", i)
		}
	}
	if off := packed - sealed.size.packed - j.want; !near(off, 0) {
		t.Errorf("the filler is off by %d bytes", off)
	}
}

// tarFiles reads an archive. Folders have the time of the run's start, and rights to be entered.
func tarFiles(t *testing.T, from io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for in := tar.NewReader(from); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir && (h.ModTime.Unix() != 1_700_000_000 || h.Mode&0o777 != 0o755) {
			t.Errorf("folder %s of %s, mode %o", h.Name, h.ModTime, h.Mode)
		}
	}
}

// TestImagesBuiltByTheEngine has the Engine build the generated Dockerfiles, as one does that cannot load images
// without their base.
func TestImagesBuiltByTheEngine(t *testing.T) {
	p := imagePackage(t, "built", 5<<20, "spread")
	l := newLab(t, p)
	l.stage.builds = true
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	if !near(p.Bytes, p.TargetBytes) {
		t.Errorf("%d bytes, off by %d", p.Bytes, p.Bytes-p.TargetBytes)
	}
	checkLayers(t, l, p, false)
}

// TestLateImage holds that an image is removed that the Engine finishes after its run has been removed, and that
// nothing is waited for once it has appeared.
func TestLateImage(t *testing.T) {
	asked, removed := 0, 0
	c := engineThat(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete && asked == 2:
			removed++
			asked++
			fmt.Fprint(w, "[]")
		case r.Method == http.MethodDelete:
			asked++
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message": "No such image"}`)
		default:
			fmt.Fprint(w, "[]")
		}
	})
	res := run.Resource{Kind: KindImage, Name: "stellar:x", Attrs: map[string]string{attrRun: "r"}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := removeLate(ctx, c, res, time.Hour); err != nil || removed != 1 || asked != 3 {
		t.Errorf("%v: removed %d times, asked %d times", err, removed, asked)
	}
}

func TestSettles(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 2 * time.Second, "x": 2 * time.Second, "-1": 2 * time.Second,
		"524288000": 12 * time.Second, "99999999999999": 2 * time.Minute} {
		if got := settles(run.Resource{Attrs: map[string]string{attrLoad: text}}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
