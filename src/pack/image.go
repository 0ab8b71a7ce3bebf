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

	"stellar/src/bytesize"
	"stellar/src/dockerengine"
	"stellar/src/fail"
	"stellar/src/run"
)

// Kinds of resources in the journal.
const (
	KindImage  = "image"          // a tag in the Engine
	KindPushed = "registry image" // a manifest in a registry
)

// attrRun is the attribute of a KindImage with the run whose label its steps carry.
const attrRun = "run"

const imagesAtOnce = 2 // the Engine's disk is the limit, not the processors

// images makes the images of one run.
type images struct {
	*Stage
	r        *run.Run
	engine   *client.Client
	registry string // host[:port][/path]; empty: images stay in the Engine
	sizes    layerSizes
	mu       sync.Mutex
	codes    map[string]*codeImage // by what decides them
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
}

// runImages makes all images, and pushes them if there is a registry.
func (s *Stage) runImages(ctx context.Context, r *run.Run, packages []*run.Package) error {
	c, err := dockerengine.Open(ctx, s.getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	m := &images{Stage: s, r: r, engine: c, registry: s.registryOf(r), codes: map[string]*codeImage{}}
	m.sizes.cache = newLayerCache(ctx, c, r.CacheDir)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for _, p := range packages {
		group.Go(fail.Trying(func() error {
			if err := m.one(ctx, p); err != nil {
				return fmt.Errorf("image %s: %w", p.Name, err)
			}
			return nil
		}))
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Functions, func(f *run.Function) bool { return f.ColdPull }) {
		m.dropLocal(ctx)
	}
	return nil
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

func (m *images) one(ctx context.Context, p *run.Package) error {
	code, err := m.code(ctx, p)
	if err != nil {
		return err
	}
	p.CodeBytes, p.Bytes, p.Image = code.bytes, code.bytes, code.tag
	want := p.TargetBytes - code.bytes // of the filler
	if p.TargetBytes > 0 {
		if want, err = m.pad(ctx, p, code, want); err != nil {
			return err
		}
	}
	info, err := m.engine.ImageInspect(ctx, p.Image)
	if err != nil {
		return err
	}
	p.SHA256 = strings.TrimPrefix(info.ID, "sha256:")
	if m.registry != "" {
		if err := m.pushExactly(ctx, p, code, want); err != nil {
			return err
		}
	}
	m.r.Log.Infof("image %s: %s in compressed layers, %s of it code", p.Image, p.Bytes.Fixed(2), p.CodeBytes.Fixed(2))
	return nil
}

// pushExactly pushes an image. A registry may store a base's layers with another compression. Then the filler is
// corrected by the difference, and the image is pushed once more.
func (m *images) pushExactly(ctx context.Context, p *run.Package, code *codeImage, want bytesize.Size) error {
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
	if want += p.TargetBytes - p.Bytes; want < 0 { // by the total difference, including what the measurement here left
		return tooSmall(p.CodeBytes, p.TargetBytes)
	}
	if least, err := fillerLayer(1); err != nil || want < least {
		return errors.Join(err, exact(p))
	}
	err = RemovePushed(ctx, m.getenv, m.Runner, pushed)
	if err == nil {
		err = m.r.Journal.Removed(pushed)
	}
	if err != nil {
		m.r.Log.Warnf("the first push of %s is deleted only at the end of the run: %v", p.Name, err)
	}
	if p.Image, err = m.padded(ctx, p, code, want); err != nil {
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

// code builds the image with code and without filler, once for all packages that share it.
func (m *images) code(ctx context.Context, p *run.Package) (*codeImage, error) {
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
	c.once.Do(func() { c.err = m.makeCode(ctx, p, c) })
	return c, c.err
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
	o.tag = c.tag
	if err := m.build(ctx, o); err != nil {
		return err
	}
	if o.own {
		if err := m.nameBuild(ctx, p.Source, c); err != nil {
			return err
		}
	}
	c.bytes, err = m.sizes.measure(ctx, m.engine, c.tag)
	return err
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

// tolerance is how far a padded image may be from its size: less than the header of one compressed layer.
const tolerance = 16

func near(a, b bytesize.Size) bool { return a-b > -tolerance && a-b < tolerance }

func tooSmall(code, target bytesize.Size) error {
	return fail.Input("the image without filler is %s, more than the %s asked for", code.Exact(), target.Exact()).
		WithHint("set FunctionImageSizeMB to 0 (as built) or at least %.2f", code.MiB()+0.01)
}

// exact reports an image whose size differs by more than the header of a layer.
func exact(p *run.Package) error {
	const header = 512
	if off := p.TargetBytes - p.Bytes; off < -header || off > header {
		return fmt.Errorf("the image has %d bytes in compressed layers; %d were asked for", p.Bytes, p.TargetBytes)
	}
	return nil
}

// pad builds the image with a filler of the given compressed size, measures it, and corrects the filler by the
// difference, at most twice. It returns the wanted size of the last filler.
func (m *images) pad(ctx context.Context, p *run.Package, c *codeImage, want bytesize.Size) (bytesize.Size, error) {
	if want < 0 {
		return 0, tooSmall(c.bytes, p.TargetBytes)
	}
	if least, err := fillerLayer(1); err != nil || want < least {
		return want, err // closer than a layer with one byte could be
	}
	last := ""
	for range 3 {
		tag, err := m.padded(ctx, p, c, want)
		if err != nil {
			return 0, err
		}
		if last != "" && last != tag {
			m.removeTag(ctx, last)
		}
		last = tag
		if p.Bytes, err = m.sizes.measure(ctx, m.engine, tag); err != nil {
			return 0, err
		}
		p.Image = tag
		if near(p.Bytes, p.TargetBytes) {
			return want, nil
		}
		want += p.TargetBytes - p.Bytes
	}
	return want, exact(p)
}

// padded builds an image whose filler has the wanted compressed size, and returns its tag.
func (m *images) padded(ctx context.Context, p *run.Package, c *codeImage, want bytesize.Size) (string, error) {
	parts, err := fillerParts(p.Placement, want)
	if err != nil {
		return "", err
	}
	var from buildContext
	dockerfile := fmt.Sprintf("FROM %s\nCOPY back/ %s/\n", c.tag, taskRoot)
	if p.Source.Dockerfile != "" || parts.front == 0 {
		from.addFiller("back", fillerName, p.Seed, 0, uint64(parts.back))
	} else {
		if dockerfile, err = c.kind.dockerfile(true, parts.back > 0); err != nil {
			return "", err
		}
		from.addFiles("code", c.files)
		from.addFiles("loop", c.loop)
		from.addFiller("front", fillerStem+"0"+fillerEnding, p.Seed, 0, uint64(parts.front))
		if parts.back > 0 {
			from.addFiller("back", fillerStem+"1"+fillerEnding, p.Seed, 1, uint64(parts.back))
		}
	}
	from.addText(dockerfileName, dockerfile)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %d %d", c.hash, dockerfile, p.Seed, parts.front, parts.back))
	tag := m.tagOf(p.Name, hex.EncodeToString(sum[:]))
	return tag, m.build(ctx, order{from: &from, dockerfile: dockerfileName, tag: tag,
		architecture: p.Source.Architecture})
}

// fillerSplit is the number of filler bytes in the layer before the code and in the one after it.
type fillerSplit struct{ front, back bytesize.Size }

// fillerParts splits a compressed size by placement: back after the code, front before it, spread half and half.
func fillerParts(placement string, want bytesize.Size) (fillerSplit, error) {
	switch placement {
	case "front":
		n, err := fillerFor(want)
		return fillerSplit{front: n}, err
	case "spread":
		front, err := fillerFor(want / 2)
		if errors.Is(err, errTooSmall) {
			break // too little for two layers
		}
		if err != nil {
			return fillerSplit{}, err
		}
		first, err := fillerLayer(front)
		if err != nil {
			return fillerSplit{}, err
		}
		back, err := fillerFor(want - first)
		return fillerSplit{front, back}, err
	}
	n, err := fillerFor(want)
	return fillerSplit{back: n}, err
}
