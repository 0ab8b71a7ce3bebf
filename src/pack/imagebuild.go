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

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// message is a line of the Engine's streams for builds, pulls and pushes. Errors arrive in it, after an HTTP status of
// success.
type message struct {
	Stream string
	Status string
	Error  string
	Aux    json.RawMessage
}

// follow reads a stream to its end and passes each message to tell. The error is the one in the stream, if any.
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

// order is one image to build.
type order struct {
	from         *buildContext
	dockerfile   string // its name in the context
	own          bool   // it is the user's
	tag          string
	architecture string
}

// build lets the Engine build an image. If a step of a Dockerfile fails, its output is in the error.
//
// The images of a generated Dockerfile's steps have the run's label from the first step on, so that those of an
// interrupted build can be found. They do not use the Engine's cache, which would tie them to another run that removes
// its own images. A user's Dockerfile is built unchanged, with the cache, because its steps may take minutes.
func (m *images) build(ctx context.Context, o order) error {
	res, err := m.r.Journal.Intend(KindImage, o.tag, map[string]string{attrRun: m.r.ID})
	if err != nil {
		return err
	}
	opts := build.ImageBuildOptions{Version: build.BuilderV1, Dockerfile: o.dockerfile, Tags: []string{o.tag},
		Platform: "linux/" + o.architecture, NoCache: !o.own || m.Rebuild, Remove: true, ForceRemove: true}
	if o.own {
		opts.Labels = map[string]string{dockerengine.LabelRun: m.r.ID}
	} else {
		o.from.label(o.dockerfile, fmt.Sprintf("LABEL %s=%q\n", dockerengine.LabelRun, m.r.ID))
	}
	stream := o.from.reader(ctx)
	defer stream.Close()
	answer, err := m.engine.ImageBuild(ctx, stream, opts)
	if err != nil {
		return buildError(ctx, "", nil, err)
	}
	defer answer.Body.Close()
	steps := progress{tell: func(line string) { m.r.Log.Debugf("%s: %s", o.tag, line) }}
	err = follow(answer.Body, func(msg message) {
		for line := range strings.Lines(msg.Stream) {
			steps.line(strings.TrimRight(line, "\r\n"))
		}
	})
	m.dropIntermediates(steps.made) // these are the stages that no other stage is built on
	if err != nil {
		return buildError(ctx, steps.step, steps.last, err)
	}
	return m.r.Journal.Created(res, nil)
}

// progress is the builder's output so far.
type progress struct {
	tell func(line string)
	step string   // the current one, e.g. Step 3/5 : RUN make
	last []string // its last lines
	made []string // ids of the images that steps have made; an empty one says that the next came from the cache
}

var (
	intermediate = regexp.MustCompile(`^ ---> ([0-9a-f]{12})$`)
	fromStep     = regexp.MustCompile(`(?i)^Step \d+/\d+ : FROM `)
)

func (p *progress) line(line string) {
	if line == "" {
		return
	}
	if strings.HasPrefix(line, "Step ") {
		p.step, p.last = line, nil
		p.tell(line)
		return
	}
	if id := intermediate.FindStringSubmatch(line); id != nil && !fromStep.MatchString(p.step) {
		p.made = append(p.made, id[1])
	}
	if strings.HasPrefix(line, " ---> Using cache") {
		p.made = append(p.made, "")
	}
	const most = 20
	if p.last = append(p.last, line); len(p.last) > most {
		p.last = p.last[1:]
	}
}

// dropIntermediates removes the images of steps that no named image is built on, the last one first, because no later
// command would find them. The Engine refuses to remove those that are needed. An empty id means that the next one came
// from the cache and is not ours.
func (m *images) dropIntermediates(made []string) {
	// the build may have failed because its own context ended
	ctx, cancel := context.WithTimeout(context.Background(), registryTimeout)
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
			m.r.Log.Debugf("image %s of a step stays for now: %v", made[i], err)
		}
	}
}

var needsBuildKit = regexp.MustCompile(`the --\w+ option requires BuildKit|Unknown flag|unknown instruction: (<<|EOF)`)

// buildError says which step failed; the step's output is the error's output.
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
		e.Hint = "the Dockerfile needs BuildKit, but stellar uses the Engine's own builder: leave " +
			"BuildKit's options out"
	case step != "":
		e.Hint = "correct that step of the Dockerfile; `docker build` in the function's folder shows the same"
	}
	return e
}

// addFolder adds a user's folder as docker build would send it: without files that .dockerignore names, links as links.
func (c *buildContext) addFolder(dir, dockerfile string) error {
	ignore, err := ignored(dir)
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if name == dir {
			return err
		}
		rel, rerr := filepath.Rel(dir, name)
		if rerr != nil {
			return rerr
		}
		rel = filepath.ToSlash(rel)
		// An ignored folder may contain files that a later line includes again (!name), so it is walked as well.
		if skip, merr := ignore.MatchesOrParentMatches(rel); merr != nil || skip && rel != dockerfile {
			return merr
		}
		if err != nil {
			return unreadable(rel, err)
		}
		info, err := d.Info()
		if err != nil {
			return fail.Input("%s: %w", rel, err)
		}
		p := part{name: rel, path: name, exec: info.Mode().Perm()&0o111 != 0, size: info.Size()}
		switch {
		case d.IsDir():
			p = part{name: rel + "/"}
		case info.Mode()&fs.ModeSymlink != 0:
			p = part{name: rel}
			if p.link, err = os.Readlink(name); err != nil {
				return err
			}
		case !info.Mode().IsRegular():
			return fail.Input("%s is not a file, folder or link, so a build context cannot contain it", rel).
				WithHint("name it in .dockerignore")
		default:
			if err := readable(name); err != nil {
				return unreadable(rel, err)
			}
		}
		c.parts = append(c.parts, p)
		return nil
	})
}

func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

func unreadable(rel string, err error) error {
	return fail.Input("%s cannot be read: %w", rel, err).
		WithHint("make it readable (chmod), or name it in .dockerignore")
}

func ignored(dir string) (*patternmatcher.PatternMatcher, error) {
	text, err := wholefile.ReadFile(filepath.Join(dir, ".dockerignore"))
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
