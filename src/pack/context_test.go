package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The context of a user's Dockerfile contains links as links, also those to nothing, like the context of docker build.
// Files that .dockerignore names are not even opened. The folder itself may be a link.
func TestContextKeepsLinks(t *testing.T) {
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "pipe\nskipped\n",
		"a.txt": "a"})
	err := errors.Join(os.Symlink("missing", filepath.Join(dir, "dead")),
		os.Symlink("user@host.1", filepath.Join(dir, ".#a.txt")),
		os.Symlink("loop", filepath.Join(dir, "loop")), os.Symlink("missing", filepath.Join(dir, "skipped")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	by := filepath.Join(t.TempDir(), "link")
	if err = errors.Join(err, os.Symlink(dir, by)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, by} {
		var c buildContext
		var stream bytes.Buffer
		if err := errors.Join(c.addFolder(at, "Dockerfile"), c.writeTo(t.Context(), &stream)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for in := tar.NewReader(&stream); ; {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.Name+" "+h.Linkname)
		}
		if want := []string{".#a.txt user@host.1", ".dockerignore ", "Dockerfile ", "a.txt ", "dead missing",
			"loop loop"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
	if err := os.Remove(filepath.Join(dir, ".dockerignore")); err != nil {
		t.Fatal(err)
	}
	var c buildContext
	if err := c.addFolder(dir, "Dockerfile"); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "pipe") || !strings.Contains(fail.Hint(err), ".dockerignore") {
		t.Errorf("%v, hint %q", err, fail.Hint(err))
	}
}

// keepInCache builds an image until the test's end, so that the Engine's cache has its steps: without it, that of the
// first run is removed with the images of its stages.
func keepInCache(t *testing.T, dockerfile string) {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))})
	if err == nil {
		_, err = w.Write([]byte(dockerfile))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	c, tag := openEngine(t), fmt.Sprintf("stellar-test-cache:%d", os.Getpid())
	answer, err := c.ImageBuild(t.Context(), &text, build.ImageBuildOptions{Version: build.BuilderV1,
		Tags: []string{tag}, Remove: true, ForceRemove: true})
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || !bytes.Contains(said, []byte("Successfully tagged")) {
		t.Fatalf("%v: %s", err, said)
	}
	t.Cleanup(func() {
		if _, err := c.ImageRemove(context.Background(), tag, image.RemoveOptions{PruneChildren: true}); err != nil {
			t.Error(err)
		}
	})
}

// The result of a user's Dockerfile is named by its context and its layers: the same in another run, but different if a
// repeated step brings something else. Only then may functions of an earlier run be used for it.
func TestOwnDockerfileIsNamedByItsContent(t *testing.T) {
	maker := "FROM " + testBase + " AS maker\nRUN cat /proc/sys/kernel/random/uuid >/made\n"
	keepInCache(t, maker)
	dockerfile := maker +
		"FROM scratch\nCOPY --from=maker /made /made\n" // a small image: each run compresses it to know its size
	p := own(t, dockerfile, nil)
	name := func(rebuild bool) string {
		src := *p.Source
		src.Build = ""
		one := *p
		one.Source = &src
		l := newLab(t, &one)
		l.stage.Rebuild = rebuild
		if err := l.stage.Run(t.Context(), l.Run); err != nil {
			t.Fatal(err)
		}
		return src.Build
	}
	first := name(false)
	if again := name(false); first == "" || again != first {
		t.Errorf("the same in another run: %q after %q", again, first)
	}
	if anew := name(true); anew == first {
		t.Error("with Rebuild the step was taken from the Engine's cache")
	}
	if err := os.WriteFile(filepath.Join(p.Source.Dir, "hello.txt"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if changed := name(false); changed == first {
		t.Error("a change of the context is not seen")
	}
}
