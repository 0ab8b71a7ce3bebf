package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// lab is a run with images in the real Engine. At the end, the run's journal removes them, and the test checks that
// nothing is left.
type lab struct {
	*run.Run
	stage Stage
	env   map[string]string
	c     *client.Client

	before map[string]bool // unnamed images in the Engine
}

// unnamed are the Engine's images without a name that are not the base of a named one, as a build that failed half-way,
// or one in several stages, would leave.
func (l *lab) unnamed(t *testing.T) map[string]bool {
	t.Helper()
	images, err := l.c.ImageList(context.Background(),
		image.ListOptions{Filters: filters.NewArgs(filters.Arg("dangling", "true"))})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, i := range images {
		ids[i.ID] = true
	}
	return ids
}

func openEngine(t *testing.T) *client.Client {
	t.Helper()
	c, err := dockerengine.Open(context.Background(), func(name string) string {
		return map[string]string{"DOCKER_HOST": os.Getenv("DOCKER_HOST")}[name]
	})
	if err != nil {
		t.Fatalf("the tests of images need a Docker Engine: %v (%s)", err, fail.Hint(err))
	}
	return c
}

func newLab(t *testing.T, packages ...*run.Package) *lab {
	t.Helper()
	env := map[string]string{"HOME": t.TempDir(), "DOCKER_HOST": os.Getenv("DOCKER_HOST")}
	getenv := func(name string) string { return env[name] }
	c := openEngine(t)
	r := newRun(t, packages...)
	r.ID = fmt.Sprintf("20261121T010203Z-local-%d", time.Now().UnixNano()%1e6)
	r.Experiment = &experiment.Experiment{Provider: "local",
		SubExperiments: make([]experiment.SubExperiment, len(packages))}
	r.ServiceDir = t.TempDir()
	journal, err := run.OpenJournal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.Journal = journal
	for _, f := range r.Functions {
		f.PackageType = typeImage
	}
	l := &lab{Run: r, stage: Stage{Local: true, Getenv: getenv}, env: env, c: c}
	l.before = l.unnamed(t)
	t.Cleanup(func() {
		undo := map[string]run.Undoer{
			KindImage: func(ctx context.Context, res run.Resource) error {
				return RemoveImage(ctx, getenv, res, true)
			},
			KindPushed: func(ctx context.Context, res run.Resource) error {
				return RemovePushed(ctx, getenv, nil, res)
			},
		}
		if err := run.Undo(context.Background(), r.Journal, run.Undoing{Undoers: undo, Log: r.Log}); err != nil {
			t.Errorf("removing what the run made: %v", err)
		}
		l.nothingLeft(t)
		c.Close()
	})
	return l
}

func (l *lab) nothingLeft(t *testing.T) {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", dockerengine.LabelRun+"="+l.ID))
	images, err := l.c.ImageList(context.Background(), image.ListOptions{All: true, Filters: ours})
	if err != nil || len(images) > 0 {
		t.Errorf("%d images are left of the run (%v): %+v", len(images), err, images)
	}
	// builds of other tests have some for a moment
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		now := l.unnamed(t)
		maps.DeleteFunc(now, func(id string, _ bool) bool { return l.before[id] })
		if len(now) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("images without a name that were not there before: %v", now)
			break
		}
	}
	left, err := l.c.ContainerList(context.Background(), container.ListOptions{All: true, Filters: ours})
	if err != nil || len(left) > 0 {
		t.Errorf("%d containers are left of the run (%v)", len(left), err)
	}
}

func imagePackage(t *testing.T, name string, target bytesize.Size, placement string) *run.Package {
	t.Helper()
	src := &run.Source{Key: "measure-go", Language: "go", Runtime: "go", Handler: "bootstrap", Architecture: "amd64",
		Generated: true,
		BuildDir:  folder(t, map[string]string{"bootstrap": programLike(1 << 20)})}
	return &run.Package{Name: name, Type: typeImage, Source: src, Contract: runtimeAPI, TargetBytes: target,
		Placement: placement, Seed: 7}
}

func TestImageSizes(t *testing.T) {
	var all []*run.Package
	for target, placements := range map[bytesize.Size][]string{5 << 20: {"back", "front", "spread"},
		21 << 19: {"spread"}} {
		for _, placement := range placements {
			p := imagePackage(t, fmt.Sprintf("p-%d-%s", target, placement), target, placement)
			if len(all) > 0 {
				p.Source = all[0].Source
			}
			all = append(all, p)
		}
	}
	bare := imagePackage(t, "bare", 0, "back")
	bare.Source = all[0].Source
	l := newLab(t, append(all, bare)...)
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range all {
		if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
			t.Errorf("%s: %d bytes, off by %d", p.Name, p.Bytes, off)
		}
		if p.CodeBytes != bare.Bytes || p.SHA256 == "" || seen[p.SHA256] || seen[p.Image] {
			t.Errorf("%s: code of %d bytes, the bare image has %d; image %s, %s", p.Name, p.CodeBytes, bare.Bytes,
				p.Image, p.SHA256)
		}
		seen[p.SHA256], seen[p.Image] = true, true
		checkLayers(t, l, p, p.TargetBytes == 5<<20)
	}
	if built := l.built(); len(built) != len(all)+1 { // each with filler, and the bare one
		t.Errorf("%d images with filler took %d: %v", len(all), len(built), slices.Sorted(maps.Keys(built)))
	}
}

// built returns the names of the images that the run built.
func (l *lab) built() map[string]bool {
	names := map[string]bool{}
	for _, e := range l.Journal.Entries() {
		if e.Resource != nil && e.Resource.Kind == KindImage {
			names[e.Resource.Name] = true
		}
	}
	return names
}

// checkLayers inspects the image's layers, and exports and measures it again without the remembered sizes.
func checkLayers(t *testing.T, l *lab, p *run.Package, measure bool) {
	t.Helper()
	if measure {
		var fresh layerSizes
		n, err := fresh.measure(t.Context(), l.c, []string{p.Image})
		if err != nil || n[p.Image] != p.Bytes {
			t.Errorf("%s: its layers are %d bytes, %d were told (%v)", p.Name, n[p.Image], p.Bytes, err)
		}
	}
	info, err := l.c.ImageInspect(t.Context(), p.Image)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"back": 2, "front": 2, "spread": 3}[p.Placement]
	if got := len(info.RootFS.Layers); got != want || info.Config.Entrypoint[0] != "/var/task/bootstrap" {
		t.Errorf("%s: %d layers, want %d; entry point %v", p.Name, got, want, info.Config.Entrypoint)
	}
}

func TestImageTooSmall(t *testing.T) {
	l := newLab(t, imagePackage(t, "small", 1<<18, "back"))
	err := l.stage.Run(t.Context(), l.Run)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "the image without filler is") ||
		!strings.Contains(fail.Hint(err), "at least ") {
		t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
	}
}

// TestSmallSteps asks for sizes so close to the code's own size that the filler is a few bytes or none.
func TestSmallSteps(t *testing.T) {
	bare := imagePackage(t, "bare", 0, "back")
	if err := newLabRun(t, bare); err != nil {
		t.Fatal(err)
	}
	var all []*run.Package
	for _, more := range []bytesize.Size{tolerance, 100, 1000, 70_000} {
		for _, placement := range []string{"back", "spread"} {
			p := imagePackage(t, fmt.Sprintf("p-%d-%s", more, placement), bare.Bytes+more, placement)
			p.Source = bare.Source
			all = append(all, p)
		}
	}
	if err := newLabRun(t, all...); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if off := p.TargetBytes - p.Bytes; off < -tolerance || off > 512 {
			t.Errorf("%s: off by %d", p.Name, off)
		}
	}
}

func newLabRun(t *testing.T, packages ...*run.Package) error {
	t.Helper()
	l := newLab(t, packages...)
	return l.stage.Run(t.Context(), l.Run)
}

// TestCancel stops a build in the middle of a step.
func TestCancel(t *testing.T) {
	l := newLab(t, own(t, "FROM "+testBase+"\nRUN echo the step; sleep 600\n", nil))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			all, err := l.c.ContainerList(ctx,
				container.ListOptions{Filters: filters.NewArgs(filters.Arg("ancestor", testBase))})
			if err == nil && slices.ContainsFunc(all,
				func(c container.Summary) bool { return strings.Contains(c.Command, "the step") }) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if err := l.stage.Run(ctx, l.Run); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		all, err := l.c.ContainerList(t.Context(),
			container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("ancestor", testBase))})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(all, func(c container.Summary) bool {
			return strings.Contains(c.Command,
				"the step")
		}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the step's container is still there")
		}
	}
}

// TestLinksAndStages has a folder with links and a Dockerfile in stages; no named image contains the first stage.
func TestLinksAndStages(t *testing.T) {
	p := own(t, "FROM "+testBase+" AS make\nCOPY . /src/\nRUN cat /src/sub/link >/made\nFROM scratch\nCOPY "+
		"--from=make /made /made\n", nil)
	if err := errors.Join(os.Mkdir(filepath.Join(p.Source.Dir, "sub"), 0o755),
		os.Symlink("../hello.txt", filepath.Join(p.Source.Dir, "sub", "link"))); err != nil {
		t.Fatal(err)
	}
	if err := newLabRun(t, p); err != nil {
		t.Fatal(err)
	}
}

// own is a function with a Dockerfile of its own.
func own(t *testing.T, dockerfile string, more map[string]string) *run.Package {
	t.Helper()
	files := map[string]string{"Dockerfile": dockerfile, "hello.txt": "hello"}
	for name, text := range more {
		files[name] = text
	}
	dir := folder(t, files)
	src := &run.Source{Key: "own", Dir: dir, BuildDir: dir, Language: run.LanguageDocker, Architecture: "amd64",
		Dockerfile: filepath.Join(dir, "Dockerfile")}
	return &run.Package{Name: "own", Type: typeImage, Source: src, Contract: runtimeAPI, Placement: "back", Seed: 7}
}

func TestOwnDockerfile(t *testing.T) {
	p := own(t, "FROM scratch\nCOPY . /\nENTRYPOINT [\"/none\"]\n",
		map[string]string{".dockerignore": "*.secret\nDockerfile\n", "a.secret": "no"})
	p.TargetBytes = 1 << 20
	l := newLab(t, p)
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
		t.Errorf("%d bytes, off by %d", p.Bytes, off)
	}
	stream, err := l.c.ImageSave(t.Context(), []string{p.Image})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(stream); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text.Bytes(), []byte("hello.txt")) || bytes.Contains(text.Bytes(), []byte("a.secret")) {
		t.Error("the image holds not what .dockerignore leaves")
	}
}

func TestFailingDockerfiles(t *testing.T) {
	base := "FROM " + testBase + "\n"
	for _, c := range []struct{ name, dockerfile, want, output string }{
		{"third step", base + "COPY hello.txt /\nRUN echo first words; cat /not/there\n", "Step 3/4 : RUN",
			"/not/there"},
		{"no such file", base + "COPY nothing.txt /\n", "nothing.txt", ""},
		{"unknown instruction", base + "RUNN x\n", "RUNN", ""},
		{"no base", "FROM stellar-no-such-base:1\n", "stellar-no-such-base", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, own(t, c.dockerfile, nil))
			err := l.stage.Run(t.Context(), l.Run)
			var e *fail.Error
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) || !errors.As(err, &e) ||
				!strings.Contains(e.Output, c.output) {
				t.Errorf("exit code %d: %v", fail.Code(err), err)
			}
		})
	}
}

// testBase is the image that scripts/base-image.sh makes.
const testBase = "stellar-base:debian"
