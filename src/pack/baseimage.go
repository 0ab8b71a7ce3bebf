package pack

import (
	"bufio"
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// noBaseImage is the name that a Dockerfile gives to an empty base.
const noBaseImage = "scratch"

// ensureBase pulls the base image if the Engine does not have it; it is removed again with the run.
func (m *images) ensureBase(ctx context.Context, base, language, architecture string) error {
	if base == noBaseImage {
		return nil
	}
	m.mu.Lock() // one pull at a time: two sub-experiments may need the same base
	defer m.mu.Unlock()
	if _, err := m.engine.ImageInspect(ctx, base); err == nil {
		return nil
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	auth, err := dockerengine.Auth(ctx, m.getenv, m.Runner, dockerengine.Host(base))
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
		return noBase(base, language, err)
	}
	return m.r.Journal.Created(res, nil)
}

func noBase(base, language string, err error) error {
	if language == run.LanguageDocker {
		return fail.Input("cannot pull image %s, the base of the Dockerfile: %w", base, err).
			WithHint("correct its name, run docker login, or name in FROM an image that this machine has " +
				"(`docker images`)")
	}
	return fail.Input("cannot pull the base image %s: %w", base, err).
		WithHint(`name an image that this machine has: "BaseImage": "<image with %s>"; `+
			`scripts/base-image.sh makes one from Debian packages`, language)
}

var (
	argLine  = regexp.MustCompile(`(?i)^\s*ARG\s+(\w+)=(\S+)`)
	fromLine = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
	copyLine = regexp.MustCompile(`(?i)^\s*COPY\s+(?:--\S+\s+)*?--from=(\S+)\s`)
)

// basesOf are the images that a user's Dockerfile starts from or copies from. They are pulled before it is built, with
// the user's credentials, and so that the run knows which images it has added. A name that cannot be read from the text
// is left out: the Engine's builder finds it, or reports why not.
func basesOf(dockerfile string) ([]string, error) {
	f, err := os.Open(dockerfile)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	defer f.Close()
	args, stages := map[string]string{}, map[string]bool{noBaseImage: true}
	var bases []string
	add := func(name string) {
		unknown := false
		name = os.Expand(strings.Trim(name, `"'`), func(arg string) string {
			value, ok := args[arg]
			unknown = unknown || !ok
			return value
		})
		_, number := strconv.Atoi(name) // COPY --from=0 is the first stage
		if name != "" && !unknown && number != nil && !stages[strings.ToLower(name)] && !slices.Contains(bases, name) {
			bases = append(bases, name)
		}
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := argLine.FindStringSubmatch(line); m != nil && len(stages) == 1 && len(bases) == 0 { // those before FROM
			args[m[1]] = strings.Trim(m[2], `"'`)
		}
		if m := fromLine.FindStringSubmatch(line); m != nil {
			add(m[1])
			if m[2] != "" {
				stages[strings.ToLower(m[2])] = true
			}
		}
		if m := copyLine.FindStringSubmatch(line); m != nil {
			add(m[1])
		}
	}
	return bases, lines.Err()
}
