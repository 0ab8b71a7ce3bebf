package pack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Kinds of resources in the journal.
const (
	KindImage     = "image"             // a tag in the Engine
	KindPushed    = "registry image"    // a manifest in a registry
	KindContainer = "image's container" // one in the Engine that is never started, through which an image is looked at
)

// attrRun is the attribute of a KindImage with the run whose label its steps carry.
const attrRun = "run"

const imagesAtOnce = 2 // the Engine's disk is the limit, not the processors

// images makes the images of one run.
type images struct {
	*Stage
	r        *run.Run
	engine   *client.Client
	loads    bool   // the Engine loads images that are put together here
	registry string // host[:port][/path]; empty: images stay in the Engine
	sizes    layerSizes
	mu       sync.Mutex
	codes    map[string]*codeImage // by what decides them
	links    map[string]bool       // of base images: hasLinks
}

// codeImage is an image with code and no filler.
type codeImage struct {
	once  sync.Once
	err   error
	kind  imageKind
	files []source
	loop  []source
	hash  string        // of its build context
	tag   string        // in the Engine
	bytes bytesize.Size // sum of its compressed layers, as measured here

	composed *composition // it is put together here, and loaded where it is deployed without filler; nil: it is built
	loading  sync.Once
	loadErr  error
}

// imageJob is one image to make: its code with a filler.
type imageJob struct {
	pkg  *run.Package
	code *codeImage
	want bytesize.Size // compressed size of the filler's layer
}

// runImages makes all images, and pushes them if there is a registry. Images of users' Dockerfiles are built, measured,
// and built again with filler. They are measured together: an Engine exports what several images share only once. The
// others are put together here and loaded, where the Engine can do that.
func (s *Stage) runImages(ctx context.Context, r *run.Run, packages []*run.Package) error {
	c, err := dockerengine.Open(ctx, s.getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	m := &images{Stage: s, r: r, engine: c, registry: s.registryOf(r), codes: map[string]*codeImage{}}
	if info, err := c.Info(ctx); err == nil {
		m.loads = info.Driver == loadingDriver && !s.builds
		m.sizes.cache = newLayerCache(info.Driver, r.CacheDir)
	}
	jobs := make([]*imageJob, len(packages))
	for i, p := range packages {
		jobs[i] = &imageJob{pkg: p}
	}
	if err := m.each(ctx, jobs, m.buildCode); err != nil {
		return err
	}
	if err := m.measureCodes(ctx, jobs); err != nil {
		return err
	}
	if err := m.pad(ctx, jobs); err != nil {
		return err
	}
	if err := m.each(ctx, jobs, m.finish); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Functions, func(f *run.Function) bool { return f.ColdPull }) {
		m.dropLocal(ctx)
	}
	return nil
}

// each calls do for all jobs, some at a time. The first error ends the others.
func (m *images) each(ctx context.Context, jobs []*imageJob, do func(context.Context, *imageJob) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for _, j := range jobs {
		group.Go(fail.Trying(func() error {
			if err := do(ctx, j); err != nil {
				return fmt.Errorf("image %s: %w", j.pkg.Name, err)
			}
			return nil
		}))
	}
	return group.Wait()
}

// dropLocal removes the Engine's copies of pushed images, so that the first cold start with a pull pulls everything
// except the base. The journal's undo then finds them absent.
func (m *images) dropLocal(ctx context.Context) {
	for _, res := range m.r.Journal.Pending() {
		if res.Kind == KindImage && strings.Contains(res.Name, strings.ToLower(m.r.ID)) {
			m.removeTag(ctx, res.Name)
		}
	}
}

// registryOf is where images are pushed to; empty: they stay in the Engine.
func (s *Stage) registryOf(r *run.Run) string {
	return strings.TrimSuffix(cmp.Or(r.Experiment.Registry, s.getenv("STELLAR_REGISTRY")), "/")
}

// tagOf names an image of this run: the run, the package, the hash of its content. Runs never share names, so that a
// removal affects no other run.
func (m *images) tagOf(name, hash string) string {
	repository := "stellar"
	if m.registry != "" {
		repository = m.registry
		if !strings.Contains(m.registry, "/") {
			repository += "/stellar"
		}
	}
	tag := strings.ToLower(m.r.ID) + "-" + name
	if most := 128 - 13; len(tag) > most {
		sum := sha256.Sum256([]byte(tag))
		tag = tag[:most-9] + "-" + hex.EncodeToString(sum[:4])
	}
	return repository + ":" + tag + "-" + hash[:12]
}

// finish notes the hash of an image of the right size and pushes it.
func (m *images) finish(ctx context.Context, j *imageJob) error {
	p := j.pkg
	if p.Image == j.code.tag {
		if err := m.loadCode(ctx, j.code); err != nil {
			return err
		}
	}
	info, err := m.engine.ImageInspect(ctx, p.Image)
	if err != nil {
		return err
	}
	p.SHA256 = strings.TrimPrefix(info.ID, "sha256:")
	if m.registry != "" {
		if err := m.pushExactly(ctx, j); err != nil {
			return err
		}
	}
	m.r.Log.Infof("image %s: %s in compressed layers, %s of it code", p.Image, p.Bytes.Fixed(2), p.CodeBytes.Fixed(2))
	return nil
}

// pushExactly pushes an image. A registry may store a base's layers with another compression. Then the filler is
// corrected by the difference, and the image is pushed once more.
func (m *images) pushExactly(ctx context.Context, j *imageJob) error {
	p := j.pkg
	local, measured := p.Image, p.Bytes
	pushed, err := m.push(ctx, p)
	if err != nil {
		return err
	}
	off := p.Bytes - measured
	p.CodeBytes += off
	if p.TargetBytes == 0 || near(p.Bytes, p.TargetBytes) || near(off, 0) {
		return nil // as exact as the layer's form allows
	}
	// By the total difference, including what the measurement here left.
	if j.want += p.TargetBytes - p.Bytes; j.want < 0 {
		return tooSmall(p.CodeBytes, p.TargetBytes)
	}
	if least, err := fillerLayer(1); err != nil || j.want < least {
		return errors.Join(err, exact(p))
	}
	err = RemovePushed(ctx, m.getenv, m.Runner, pushed)
	if err == nil {
		err = m.r.Journal.Removed(pushed)
	}
	if err != nil {
		m.r.Log.Warnf("the first push of %s is deleted only at the end of the run: %v", p.Name, err)
	}
	if p.Image, err = m.padded(ctx, j); err != nil {
		return err
	}
	if p.Image != local {
		m.removeTag(ctx, local)
	}
	if _, err = m.push(ctx, p); err != nil {
		return err
	}
	return exact(p)
}

// buildCode builds the image with code and without filler, once for all packages that share it.
func (m *images) buildCode(ctx context.Context, j *imageJob) error {
	p := j.pkg
	key := fmt.Sprintf("%p %q %q %q", p.Source, p.BaseImage, p.Contract, p.Pattern)
	m.mu.Lock()
	c := m.codes[key]
	if c == nil {
		c = &codeImage{kind: imageKind{language: p.Source.Language, runtime: p.Source.Runtime, contract: p.Contract,
			base:    p.BaseImage,
			handler: p.Source.Handler, generated: p.Source.Generated}}
		m.codes[key] = c
	}
	m.mu.Unlock()
	j.code = c
	c.once.Do(func() { c.err = m.makeCode(ctx, p, c) })
	return c.err
}

// measureCodes measures the images with code that stay in the Engine or get filler; of those that are put together
// here, the base. An image that is pushed as it is has the size that the registry reports, so it is not exported.
func (m *images) measureCodes(ctx context.Context, jobs []*imageJob) error {
	var names []string
	for _, j := range jobs {
		if m.registry != "" && j.pkg.TargetBytes == 0 {
			continue
		}
		if c := j.code.composed; c == nil {
			names = append(names, j.code.tag)
		} else if c.base.name != "" {
			names = append(names, c.base.name)
		}
	}
	sums, err := m.sizes.measure(ctx, m.engine, names)
	for _, c := range m.codes {
		if c.bytes = sums[c.tag]; c.composed != nil {
			c.bytes, _ = m.sizes.sum(c.composed.diffIDs())
		}
	}
	return err
}

func (m *images) makeCode(ctx context.Context, p *run.Package, c *codeImage) error {
	var from buildContext
	o := order{from: &from, dockerfile: dockerfileName, architecture: p.Source.Architecture,
		own: p.Source.Dockerfile != ""}
	var bases []string
	var err error
	if o.own {
		o.dockerfile = filepath.Base(p.Source.Dockerfile)
		bases, err = basesOf(p.Source.Dockerfile)
		err = errors.Join(err, from.addFolder(p.Source.Dir, o.dockerfile))
	} else {
		bases = make([]string, 1)
		bases[0], err = c.kind.baseOf()
		err = errors.Join(err, m.generated(p, c, &from))
	}
	if err != nil {
		return err
	}
	for _, base := range bases {
		if err := m.ensureBase(ctx, base, p.Source.Language, p.Source.Architecture); err != nil {
			return err
		}
		m.sizes.baseLayers(ctx, m.engine, base)
	}
	hash := sha256.New()
	if err := from.writeTo(ctx, hash); err != nil {
		return err
	}
	c.hash = hex.EncodeToString(hash.Sum(nil))
	c.tag = m.tagOf(p.Source.Key+"-"+cmp.Or(p.Contract, runtimeAPI), c.hash)
	if !o.own {
		base, ok, err := m.composable(ctx, bases[0], o.architecture, p.BaseImage != "")
		if err != nil {
			return err
		}
		if ok {
			return m.compose(ctx, c, base, o.architecture)
		}
	}
	o.tag = c.tag
	if err := m.build(ctx, o); err != nil {
		return err
	}
	if o.own {
		return m.nameBuild(ctx, p.Source, c)
	}
	return nil
}

// nameBuild names the result of a user's Dockerfile: by the context, and by the layers, which differ if the base or a
// download of a step differs. Labels, which name the run, are not part of either.
func (m *images) nameBuild(ctx context.Context, src *run.Source, c *codeImage) error {
	info, err := m.engine.ImageInspect(ctx, c.tag)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "image %s %q", c.hash, info.RootFS.Layers))
	m.mu.Lock()
	defer m.mu.Unlock()
	src.Build = hex.EncodeToString(sum[:])
	return nil
}

// dockerfileName is the path of a generated Dockerfile in its context; it differs from all the function's files.
const dockerfileName = "stellar.Dockerfile"

// generated makes the context of a generated Dockerfile, and writes the Dockerfile beside serverless.yml for readers.
func (m *images) generated(p *run.Package, c *codeImage, from *buildContext) (err error) {
	if c.files, err = selectFiles(selectionOf(p), m.r.Log); err != nil {
		return err
	}
	if c.kind.ownLoop() {
		if c.loop, err = list(p.Source.LoopDir); err != nil {
			return err
		}
	}
	text, err := c.kind.dockerfile(false, false)
	if err != nil {
		return err
	}
	from.addText(dockerfileName, text)
	from.addFiles("code", c.files)
	from.addFiles("loop", c.loop)
	if err := os.MkdirAll(m.r.ServiceDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.r.ServiceDir, p.Source.Key+"-"+p.Contract+".Dockerfile"), []byte(text), 0o644)
}
