package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"stellar/src/engine"
	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/run"
)

// lab is a run with images in the real Engine. What the run made is removed by its journal at the end, and the test looks
// whether anything is left.
type lab struct {
	*run.Run
	stage Stage
	env   map[string]string
	c     *client.Client

	before int // untagged images in the Engine
}

// untagged counts the Engine's images without a name: what a build that failed half-way would leave.
func (l *lab) untagged(t *testing.T) int {
	t.Helper()
	images, err := l.c.ImageList(context.Background(), image.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range images {
		if len(i.RepoTags) == 0 || i.RepoTags[0] == "<none>:<none>" {
			n++
		}
	}
	return n
}

func newLab(t *testing.T, packages ...*run.Package) *lab {
	t.Helper()
	env := map[string]string{"HOME": t.TempDir(), "DOCKER_HOST": os.Getenv("DOCKER_HOST")}
	getenv := func(name string) string { return env[name] }
	c, err := engine.Open(t.Context(), getenv)
	if err != nil {
		t.Fatalf("the tests of images need a Docker Engine: %v", err)
	}
	r := newRun(t, packages...)
	r.ID = fmt.Sprintf("20261121T010203Z-local-%d", time.Now().UnixNano()%1e6)
	r.Experiment = &experiment.Experiment{Provider: "local", SubExperiments: make([]experiment.SubExperiment, len(packages))}
	r.ServiceDir = t.TempDir()
	if r.Journal, err = run.OpenJournal(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Functions {
		f.PackageType = typeImage
	}
	l := &lab{Run: r, stage: Stage{Getenv: getenv}, env: env, c: c}
	l.before = l.untagged(t)
	t.Cleanup(func() {
		undo := map[string]run.Undoer{
			KindImage:  func(ctx context.Context, res run.Resource) error { return RemoveImage(ctx, getenv, res) },
			KindPushed: func(ctx context.Context, res run.Resource) error { return RemovePushed(ctx, getenv, nil, res) },
		}
		if err := run.Undo(context.Background(), r.Journal, undo, r.Log); err != nil {
			t.Errorf("removing what the run made: %v", err)
		}
		l.nothingLeft(t)
		c.Close()
	})
	return l
}

func (l *lab) nothingLeft(t *testing.T) {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", engine.LabelRun+"="+l.ID))
	images, err := l.c.ImageList(context.Background(), image.ListOptions{All: true, Filters: ours})
	if err != nil || len(images) > 0 {
		t.Errorf("%d images are left of the run (%v): %+v", len(images), err, images)
	}
	if now := l.untagged(t); now != l.before {
		t.Errorf("%d untagged images, there were %d before", now, l.before)
	}
	left, err := l.c.ContainerList(context.Background(), container.ListOptions{All: true, Filters: ours})
	if err != nil || len(left) > 0 {
		t.Errorf("%d containers are left of the run (%v)", len(left), err)
	}
}

func imagePackage(t *testing.T, name string, target int64, placement string) *run.Package {
	t.Helper()
	src := &run.Source{Key: "measure-go", Language: "go", Runtime: "go", Handler: "bootstrap", Architecture: "amd64", Generated: true,
		BuildDir: folder(t, map[string]string{"bootstrap": programLike(1 << 20)})}
	return &run.Package{Name: name, Type: typeImage, Source: src, Contract: runtimeAPI, TargetBytes: target, Placement: placement, Seed: 7}
}

func TestImageSizes(t *testing.T) {
	var all []*run.Package
	for _, target := range []int64{3 << 20, 5767168, 9 << 20} {
		for _, placement := range []string{"back", "front", "spread"} {
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
			t.Errorf("%s: code of %d bytes, the bare image has %d; image %s, %s", p.Name, p.CodeBytes, bare.Bytes, p.Image, p.SHA256)
		}
		seen[p.SHA256], seen[p.Image] = true, true
		checkLayers(t, l, p)
	}
}

// checkLayers exports the image and measures it anew, with nothing remembered.
func checkLayers(t *testing.T, l *lab, p *run.Package) {
	t.Helper()
	var fresh layerSizes
	if n, err := fresh.measure(t.Context(), l.c, p.Image); err != nil || n != p.Bytes {
		t.Errorf("%s: its layers are %d bytes, %d were told (%v)", p.Name, n, p.Bytes, err)
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
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "the image without filler is") || !strings.Contains(fail.Hint(err), "at least ") {
		t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
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
	src := &run.Source{Key: "own", Dir: dir, BuildDir: dir, Language: run.LanguageDocker, Architecture: "amd64", Dockerfile: filepath.Join(dir, "Dockerfile")}
	return &run.Package{Name: "own", Type: typeImage, Source: src, Contract: runtimeAPI, Placement: "back", Seed: 7}
}

func TestOwnDockerfile(t *testing.T) {
	p := own(t, "FROM scratch\nCOPY . /\nENTRYPOINT [\"/none\"]\n", map[string]string{".dockerignore": "*.secret\nDockerfile\n", "a.secret": "no"})
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
		{"third step", base + "COPY hello.txt /\nRUN echo first words; cat /not/there\n", "Step 3/4 : RUN", "/not/there"},
		{"no such file", base + "COPY nothing.txt /\n", "nothing.txt", ""},
		{"unknown instruction", base + "RUNN x\n", "RUNN", ""},
		{"no base", "FROM stellar-no-such-base:1\n", "stellar-no-such-base", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, own(t, c.dockerfile, nil))
			err := l.stage.Run(t.Context(), l.Run)
			var e *fail.Error
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) || !errors.As(err, &e) || !strings.Contains(e.Output, c.output) {
				t.Errorf("exit code %d: %v", fail.Code(err), err)
			}
		})
	}
}

// testBase is what scripts/base-image.sh makes.
const testBase = "stellar-base:debian"

func TestGeneratedDockerfiles(t *testing.T) {
	for _, c := range []struct {
		kind imageKind
		want []string
	}{
		{imageKind{language: "go", contract: runtimeAPI}, []string{"FROM scratch\n", `ENTRYPOINT ["/var/task/bootstrap"]`}},
		{imageKind{language: "rust", contract: overHTTP, base: "debian:12"}, []string{"FROM debian:12\n", `ENTRYPOINT ["/var/task/bootstrap"]`}},
		{imageKind{language: "python", runtime: "python3.13", contract: runtimeAPI, handler: "main.lambda_handler"},
			[]string{"FROM public.ecr.aws/lambda/python:3.13\n", `CMD ["main.lambda_handler"]`}},
		{imageKind{language: "nodejs", runtime: "nodejs22.x", contract: overHTTP}, []string{"FROM node:22-slim\n", `ENTRYPOINT ["node","main.js"]`}},
		{imageKind{language: "ruby", runtime: "ruby3.4", contract: runtimeAPI, base: "b", handler: "main.handler"},
			[]string{"FROM b\n", "COPY loop/ /opt/stellar/", `ENTRYPOINT ["ruby","/opt/stellar/bootstrap.rb","main.handler"]`}},
		{imageKind{language: "java", runtime: "java21", contract: runtimeAPI, base: "b", handler: "a.B::c"},
			[]string{`"-cp","/var/task:/var/task/lib/*:/opt/stellar","stellar.bootstrap.Bootstrap","a.B::c"]`}},
	} {
		text, err := c.kind.dockerfile(false, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%+v: no %q in\n%s", c.kind, w, text)
			}
		}
		if strings.Contains(text, "loop/") != c.kind.ownLoop() {
			t.Errorf("%+v: the loop:\n%s", c.kind, text)
		}
	}
}

// registryServer is Debian's docker-registry on a free port; users maps names to passwords, nil: open to all.
func registryServer(t *testing.T, deletes bool, htpasswd string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	auth := ""
	if htpasswd != "" {
		auth = fmt.Sprintf("auth:\n  htpasswd:\n    realm: test\n    path: %s\n", filepath.Join(dir, "htpasswd"))
		if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte(htpasswd), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: %t\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n%s",
		deletes, filepath.Join(dir, "data"), address, auth)
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatalf("the tests of pushes need docker-registry: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + address + "/v2/"); err == nil {
			res.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal("docker-registry does not start")
		}
	}
}

func TestPush(t *testing.T) {
	at := registryServer(t, true, "")
	p, q := imagePackage(t, "a", 3<<20, "spread"), imagePackage(t, "b", 4<<20, "back")
	q.Source = p.Source
	l := newLab(t, p, q)
	l.Experiment.Registry = at
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*run.Package{p, q} {
		if !strings.HasPrefix(p.Image, at+"/stellar@sha256:") || !strings.HasSuffix(p.Image, p.SHA256) {
			t.Errorf("deployed as %s, digest %s", p.Image, p.SHA256)
		}
		// The registry's own sum, which is what is promised.
		if off := p.Bytes - p.TargetBytes; off < -tolerance || off > tolerance {
			t.Errorf("%s: the registry has %d bytes, off by %d", p.Name, p.Bytes, off)
		}
		if _, err := l.c.DistributionInspect(t.Context(), p.Image, ""); err != nil {
			t.Errorf("%s is not to be had by its digest: %v", p.Image, err)
		}
	}
	for range 2 { // the second time there is nothing to remove
		for _, res := range l.Journal.Pending() {
			if res.Kind == KindPushed {
				if err := RemovePushed(t.Context(), l.stage.getenv, nil, res); err != nil {
					t.Errorf("remove %s: %v", res, err)
				}
			}
		}
	}
	for _, p := range []*run.Package{p, q} {
		if _, err := l.c.DistributionInspect(t.Context(), p.Image, ""); err == nil {
			t.Errorf("%s is still in the registry", p.Image)
		}
	}
}

// The password of the user tester is secret; the line is what htpasswd -B makes of it.
const testUser = "tester:$2b$05$nnD/W.3MehFA9J9o6d1TKeQEE3x4JQaim0c.sCbCtnI4L0WO5tjQa\n"

func TestPushWithoutRights(t *testing.T) {
	at := registryServer(t, true, testUser)
	for _, c := range []struct{ user, password, want string }{
		{"", "", "log in with `docker login " + at + "`"},
		{"tester", "wrong", "the registry refuses user tester"},
	} {
		l := newLab(t, imagePackage(t, "a", 0, "back"))
		l.Experiment.Registry = at
		l.env["STELLAR_REGISTRY_USER"], l.env["STELLAR_REGISTRY_PASSWORD"] = c.user, c.password
		err := l.stage.Run(t.Context(), l.Run)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "push to "+at) || !strings.Contains(fail.Hint(err), c.want) {
			t.Errorf("user %q: exit code %d: %v, hint %q", c.user, fail.Code(err), err, fail.Hint(err))
		}
		// Nothing was pushed; the journal's undo must be able to see that.
		l.env["STELLAR_REGISTRY_USER"], l.env["STELLAR_REGISTRY_PASSWORD"] = "tester", "secret"
	}
}

func TestDeletionDisabled(t *testing.T) {
	at := registryServer(t, false, "")
	l := newLab(t, imagePackage(t, "a", 0, "back"))
	l.Experiment.Registry = at
	if err := l.stage.Run(t.Context(), l.Run); err != nil {
		t.Fatal(err)
	}
	for _, res := range l.Journal.Pending() {
		if res.Kind != KindPushed {
			continue
		}
		err := RemovePushed(t.Context(), l.stage.getenv, nil, res)
		if err == nil || !strings.Contains(err.Error(), "does not let images be deleted") || !strings.Contains(fail.Hint(err), "REGISTRY_STORAGE_DELETE_ENABLED") {
			t.Errorf("%v, hint %q", err, fail.Hint(err))
		}
		if err := l.Journal.Removed(res); err != nil { // the registry goes with the test
			t.Fatal(err)
		}
	}
}

func TestNoEngine(t *testing.T) {
	r := newRun(t, imagePackage(t, "a", 0, "back"))
	r.Experiment = &experiment.Experiment{Provider: "local", SubExperiments: make([]experiment.SubExperiment, 1)}
	r.Functions[0].PackageType, r.Functions[0].Language = typeImage, "go"
	stage := Stage{Getenv: func(name string) string {
		return map[string]string{"DOCKER_HOST": "unix:///no/such/docker.sock"}[name]
	}}
	err := stage.Check(t.Context(), r)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "no Docker Engine answers at unix:///no/such/docker.sock") || !strings.Contains(fail.Hint(err), "start the Docker Engine") {
		t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
	}
}
