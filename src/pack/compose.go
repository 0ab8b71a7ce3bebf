package pack

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
)

// loadingDriver is the storage driver of Engines that load an image without the layers that they have. Others (that of
// containerd's images, Podman) need all layers, as they were compressed, so there the Engine builds the image from the
// generated Dockerfile.
const loadingDriver = "overlay2"

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // of the Engine's builder

// baseImage is what an image that is put together here needs to know of its base.
type baseImage struct {
	name    string   // empty: no base
	layers  []string // diff ids
	variant string   // of the processor
	config  container.Config
}

// composition is an image that is put together here: its base, which the Engine has, and layers that are made here. The
// Engine loads it in about the time that it takes for one step of a Dockerfile, and its size is known before.
type composition struct {
	base         *baseImage
	layers       []*sealedLayer
	architecture string
	config       container.Config
	created      time.Time
}

// composable finds the base of a generated image and reports whether the image can be put together here. It cannot if
// the base has steps of its own for images that are built on it, or another user, to whom its folders may belong, nor
// if folders of it are links. The bases that stellar names itself have none; those that the user names are looked into.
func (m *images) composable(ctx context.Context, name, architecture string, users bool) (*baseImage, bool, error) {
	if !m.loads {
		return nil, false, nil
	}
	if name == noBaseImage {
		return &baseImage{}, true, nil
	}
	info, err := m.engine.ImageInspect(ctx, name)
	if err != nil {
		return nil, false, fmt.Errorf("look at the base image %s: %w", name, err)
	}
	b := &baseImage{name: name, layers: info.RootFS.Layers, variant: info.Variant}
	text, err := json.Marshal(info.Config)
	if err == nil {
		err = json.Unmarshal(text, &b.config)
	}
	if err != nil {
		return nil, false, fmt.Errorf("the configuration of the base image %s: %w", name, err)
	}
	user, _, _ := strings.Cut(b.config.User, ":")
	root := user == "" || user == "root" || user == "0"
	ok := root && len(b.config.OnBuild) == 0 && info.Architecture == architecture
	if ok && users {
		links, err := m.hasLinks(ctx, name)
		return b, !links, err
	}
	return b, ok, nil
}

// configure sets what the lines of a generated Dockerfile set.
func (k imageKind) configure(c *container.Config, runID string) {
	const root = "LAMBDA_TASK_ROOT="
	c.Env = slices.DeleteFunc(slices.Clone(c.Env), func(v string) bool { return strings.HasPrefix(v, root) })
	if !slices.ContainsFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) {
		c.Env = append(c.Env, defaultPath)
	}
	c.Env = append(c.Env, root+taskRoot)
	c.WorkingDir = taskRoot
	entry, arguments := k.command()
	if entry != nil {
		c.Entrypoint = entry
	}
	c.Cmd = arguments
	c.Labels = maps.Clone(c.Labels)
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	c.Labels[dockerengine.LabelRun] = runID
}

// compose starts an image from its base and a layer with the function's code.
func (m *images) compose(ctx context.Context, c *codeImage, base *baseImage, architecture string) error {
	code := layer{folders: m.created()}
	code.addFiles(taskRoot[1:], c.files)
	code.addFiles(loopRoot[1:], c.loop)
	sealed, err := m.seal(ctx, code)
	if err != nil {
		return err
	}
	c.composed = &composition{base: base, layers: []*sealedLayer{sealed}, architecture: architecture,
		config: base.config, created: m.created()}
	c.kind.configure(&c.composed.config, m.r.ID)
	return nil
}

// created is the time of the images that are put together here and of their folders: the start of the run. So all
// layers are new to whoever pulls them, also if an earlier run had the same code and seed.
func (m *images) created() time.Time {
	if m.r.Record == nil {
		return time.Unix(0, 0).UTC()
	}
	return m.r.Record.Started.UTC().Truncate(time.Second)
}

// seal seals a layer and remembers its size.
func (m *images) seal(ctx context.Context, l layer) (*sealedLayer, error) {
	sealed, err := l.seal(ctx)
	if err != nil {
		return nil, err
	}
	m.sizes.put(sealed.diffID, sealed.size)
	return sealed, nil
}

// withFiller is the image with the filler that the job wants: its front part below the code, its back part on top.
func (m *images) withFiller(ctx context.Context, j *imageJob) (*composition, error) {
	parts, err := fillerParts(j.pkg.Placement, j.want)
	if err != nil {
		return nil, err
	}
	filled := *j.code.composed
	filled.layers = slices.Clone(filled.layers)
	name, number := fillerName, uint64(0)
	if parts.front > 0 {
		name, number = fillerStem+"1"+fillerEnding, 1
		front, err := m.fillerLayer(ctx, j, fillerStem+"0"+fillerEnding, 0, parts.front)
		if err != nil {
			return nil, err
		}
		filled.layers = slices.Insert(filled.layers, 0, front)
	}
	if parts.back > 0 || parts.front == 0 {
		back, err := m.fillerLayer(ctx, j, name, number, parts.back)
		if err != nil {
			return nil, err
		}
		filled.layers = append(filled.layers, back)
	}
	return &filled, nil
}

func (m *images) fillerLayer(ctx context.Context, j *imageJob, name string, number uint64, n bytesize.Size) (
	*sealedLayer, error,
) {
	l := layer{folders: m.created()}
	l.addFiller(taskRoot[1:], name, j.pkg.Seed, number, uint64(n))
	return m.seal(ctx, l)
}

// fill puts an image with filler together. The filler is corrected by what the image's size differs, at most twice,
// before the Engine loads the image.
func (m *images) fill(ctx context.Context, j *imageJob) error {
	p := j.pkg
	for last := 2; ; last-- {
		filled, err := m.withFiller(ctx, j)
		if err != nil {
			return err
		}
		p.Bytes, _ = m.sizes.sum(filled.diffIDs())
		if near(p.Bytes, p.TargetBytes) || last == 0 {
			if err := exact(p); err != nil {
				return err
			}
			p.Image, err = m.loadFilled(ctx, j, filled)
			return err
		}
		j.want += p.TargetBytes - p.Bytes
	}
}

// loadFilled lets the Engine load an image with filler, and returns its tag.
func (m *images) loadFilled(ctx context.Context, j *imageJob, filled *composition) (string, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q", j.code.hash, filled.diffIDs()))
	tag := m.tagOf(j.pkg.Name, hex.EncodeToString(sum[:]))
	return tag, m.load(ctx, filled, tag)
}

// loadCode lets the Engine load an image with code and no filler, once for all packages that are deployed as it is.
func (m *images) loadCode(ctx context.Context, c *codeImage) error {
	if c.composed == nil {
		return nil
	}
	c.loading.Do(func() { c.loadErr = m.load(ctx, c.composed, c.tag) })
	return c.loadErr
}

// attrLoad is the attribute of a KindImage that the Engine was asked to load: how many bytes its layers are.
const attrLoad = "loaded bytes"

// load lets the Engine load an image.
func (m *images) load(ctx context.Context, image *composition, tag string) error {
	var size bytesize.Size
	for _, l := range image.layers {
		size += l.size.plain
	}
	res, err := m.r.Journal.Intend(KindImage, tag, map[string]string{attrRun: m.r.ID,
		attrLoad: strconv.FormatInt(int64(size), 10)})
	if err != nil {
		return err
	}
	stream := piped(ctx, func(w io.Writer) error { return image.writeTo(ctx, w, tag) })
	defer stream.Close()
	answer, err := m.engine.ImageLoad(ctx, stream, client.ImageLoadWithQuiet(true))
	if err == nil {
		defer answer.Body.Close()
		err = follow(answer.Body, func(msg message) { m.r.Log.Debugf("%s: %s", tag, strings.TrimSpace(msg.Stream)) })
	}
	if err != nil {
		return cmp.Or(ctx.Err(), fmt.Errorf("docker load: %w", err))
	}
	return m.r.Journal.Created(res, nil)
}

// diffIDs are the hashes of all layers, the base's first.
func (c *composition) diffIDs() []string {
	ids := slices.Clone(c.base.layers)
	for _, l := range c.layers {
		ids = append(ids, l.diffID)
	}
	return ids
}

// configText is the image's configuration as the Engine keeps it. The hash of the text is the image's id.
// Source: https://github.com/moby/docker-image-spec/blob/main/spec.md
func (c *composition) configText() ([]byte, error) {
	type step struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
	type rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	var history []step
	for range c.base.layers {
		history = append(history, step{c.created, "base image " + c.base.name})
	}
	for range c.layers {
		history = append(history, step{c.created, "stellar"})
	}
	return json.Marshal(struct {
		Architecture string           `json:"architecture"`
		Variant      string           `json:"variant,omitempty"`
		OS           string           `json:"os"`
		Created      time.Time        `json:"created"`
		Config       container.Config `json:"config"`
		RootFS       rootFS           `json:"rootfs"`
		History      []step           `json:"history"`
	}{c.architecture, c.base.variant, "linux", c.created, c.config, rootFS{"layers", c.diffIDs()}, history})
}

// writeTo writes the image in the form that `docker load` reads, without the base's layers: the Engine looks for a
// layer by its hash first, and reads a file only if it has no such layer.
func (c *composition) writeTo(ctx context.Context, w io.Writer, tag string) error {
	config, err := c.configText()
	if err != nil {
		return err
	}
	ids := c.diffIDs()
	files := make([]string, len(ids))
	for i, id := range ids {
		files[i] = strings.TrimPrefix(id, "sha256:") + ".tar"
	}
	const configName, manifestName = "config.json", "manifest.json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{tag}, "Layers": files}})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, f := range []part{{name: configName, text: config}, {name: manifestName, text: manifest}} {
		if err := out.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text))}); err != nil {
			return err
		}
		if _, err := out.Write(f.text); err != nil {
			return err
		}
	}
	for i, l := range c.layers {
		name := files[len(c.base.layers)+i]
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(l.size.plain)}); err != nil {
			return err
		}
		if err := l.writeTo(ctx, out); err != nil {
			return err
		}
	}
	return out.Close()
}
