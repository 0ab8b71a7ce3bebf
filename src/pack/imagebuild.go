package pack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"stellar/src/engine"
	"stellar/src/fail"
)

// message is a line of the streams with which the Engine answers builds, pulls and pushes. Errors come in it, after a
// status that promised success.
type message struct {
	Stream string
	Status string
	Error  string
	Aux    json.RawMessage
}

// follow reads a stream to its end; each message goes to tell. The error is the one in the stream, if any.
func follow(stream io.Reader, tell func(message)) error {
	in := json.NewDecoder(bufio.NewReader(stream))
	for {
		var m message
		err := in.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the Engine's answer cannot be read: %w", err)
		}
		tell(m)
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
}

// build has the Engine make an image. What a step of a Dockerfile that fails has said is in the error.
func (m *images) build(ctx context.Context, from *buildContext, dockerfile, tag, architecture string) error {
	res, err := m.r.Journal.Intend(KindImage, tag, nil)
	if err != nil {
		return err
	}
	stream := from.reader(ctx)
	defer stream.Close()
	answer, err := m.engine.ImageBuild(ctx, stream, build.ImageBuildOptions{
		Version: build.BuilderV1, Dockerfile: dockerfile, Tags: []string{tag}, Platform: "linux/" + architecture,
		Labels: map[string]string{engine.LabelRun: m.r.ID}, Remove: true, ForceRemove: true,
	})
	if err != nil {
		return buildError(ctx, "", nil, err)
	}
	defer answer.Body.Close()
	var step string
	var last, made []string
	err = follow(answer.Body, func(msg message) {
		for line := range strings.Lines(msg.Stream) {
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				continue
			}
			if strings.HasPrefix(line, "Step ") {
				step, last = line, nil
				m.r.Log.Debugf("%s: %s", tag, line)
				continue
			}
			if id := intermediate.FindStringSubmatch(line); id != nil && !strings.HasPrefix(step, "Step 1/") {
				made = append(made, id[1])
			}
			if strings.HasPrefix(line, " ---> Using cache") {
				made = append(made, "") // the next one was there before
			}
			if last = append(last, line); len(last) > 20 {
				last = last[1:]
			}
		}
	})
	if err != nil {
		m.dropIntermediates(made)
		return buildError(ctx, step, last, err)
	}
	return m.r.Journal.Created(res, nil)
}

// intermediate is how the builder tells the image that a step has made.
var intermediate = regexp.MustCompile(`^ ---> ([0-9a-f]{12})$`)

// dropIntermediates removes the images of the steps before the one that failed, the last one first: they have no name and
// nobody would find them. An empty id says that the next one came from the cache and is not ours.
func (m *images) dropIntermediates(made []string) {
	ctx, cancel := context.WithTimeout(context.Background(), registryTimeout) // the build may have failed because its own ended
	defer cancel()
	for i := len(made) - 1; i >= 0; i-- {
		if made[i] == "" || i > 0 && made[i-1] == "" {
			continue
		}
		info, err := m.engine.ImageInspect(ctx, made[i])
		if err != nil || len(info.RepoTags) > 0 {
			continue
		}
		if _, err := m.engine.ImageRemove(ctx, made[i], image.RemoveOptions{}); err != nil {
			m.r.Log.Debugf("image %s of a failed build stays: %v", made[i], err)
		}
	}
}

var needsBuildKit = regexp.MustCompile(`the --\w+ option requires BuildKit|Unknown flag|unknown instruction: (<<|EOF)`)

// buildError says which step failed; what it printed is the error's output.
func buildError(ctx context.Context, step string, last []string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := fail.Input("docker build: %w", err)
	if step != "" {
		e = fail.Input("docker build: %s: %w", step, err)
	}
	e.Output = strings.Join(last, "\n")
	switch {
	case needsBuildKit.MatchString(err.Error()):
		e.Hint = "the Dockerfile needs BuildKit, images are built here by the Engine's own builder: leave BuildKit's options out"
	case step != "":
		e.Hint = "mend that step of the Dockerfile; `docker build` in the function's folder shows the same"
	}
	return e
}

// addFolder adds a user's folder as docker build would send it: without what .dockerignore names.
func (c *buildContext) addFolder(dir string) error {
	ignore, err := ignored(dir)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if skip, err := ignore.MatchesOrParentMatches(rel); err != nil || skip && rel != "Dockerfile" {
			return err
		}
		info, err := os.Stat(name)
		if err != nil {
			return fail.Input("%s: %w", rel, err)
		}
		if !info.Mode().IsRegular() {
			return fail.Input("%s is no regular file, which a build context cannot hold here", rel).WithHint("name it in .dockerignore")
		}
		c.parts = append(c.parts, part{name: rel, path: name, exec: info.Mode().Perm()&0o111 != 0, size: info.Size()})
		return nil
	})
}

func ignored(dir string) (*patternmatcher.PatternMatcher, error) {
	text, err := os.ReadFile(filepath.Join(dir, ".dockerignore"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, fail.Input(".dockerignore: %w", err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fail.Input(".dockerignore: %w", err)
	}
	return matcher, nil
}

// ensureBase pulls the base image where the Engine does not have it; it is removed again with the run.
func (m *images) ensureBase(ctx context.Context, kind imageKind, architecture string) error {
	base, err := kind.baseOf()
	if err != nil || base == "scratch" {
		return err
	}
	m.mu.Lock() // one pull at a time: two sub-experiments may want the same base
	defer m.mu.Unlock()
	if _, err := m.engine.ImageInspect(ctx, base); err == nil {
		return nil
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	auth, err := engine.Auth(ctx, m.getenv, m.Runner, engine.Host(base))
	if err != nil {
		return err
	}
	res, err := m.r.Journal.Intend(KindImage, base, nil)
	if err != nil {
		return err
	}
	m.r.Log.Infof("pulling the base image %s", base)
	opts := image.PullOptions{Platform: "linux/" + architecture}
	if !auth.None() {
		opts.RegistryAuth = auth.Header()
	}
	stream, err := m.engine.ImagePull(ctx, base, opts)
	if err == nil {
		defer stream.Close()
		err = follow(stream, func(msg message) { m.r.Log.Debugf("%s: %s", base, msg.Status) })
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return noBase(base, kind.language, err)
	}
	return m.r.Journal.Created(res, nil)
}

func noBase(base, language string, err error) error {
	return fail.Input("the base image %s cannot be had: %w", base, err).
		WithHint(`name one that this machine has: "BaseImage": "<image with %s>"; scripts/base-image.sh makes one from Debian packages`, language)
}
