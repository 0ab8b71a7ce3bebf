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
	"strings"
	"sync"

	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"stellar/src/engine"
	"stellar/src/fail"
	"stellar/src/run"
)

// Kinds of resources in the journal.
const (
	KindImage  = "image"          // a tag in the Engine
	KindPushed = "registry image" // a manifest in a registry
)

const imagesAtOnce = 2 // the Engine's disk is the bound, not the processors

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
	hash  string // of its build context
	tag   string // in the Engine
	bytes int64  // sum of its compressed layers
}

// runImages makes all images, and pushes them where there is a registry.
func (s *Stage) runImages(ctx context.Context, r *run.Run, packages []*run.Package) error {
	c, err := engine.Open(ctx, s.getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	m := &images{Stage: s, r: r, engine: c, registry: s.registryOf(r), codes: map[string]*codeImage{}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for _, p := range packages {
		group.Go(func() error {
			if err := m.one(ctx, p); err != nil {
				return fmt.Errorf("image %s: %w", p.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// registryOf is where images are pushed to; empty: they stay in the Engine.
func (s *Stage) registryOf(r *run.Run) string {
	return strings.TrimSuffix(cmp.Or(r.Experiment.Registry, s.getenv("STELLAR_REGISTRY")), "/")
}

// tagOf names an image of this run: the run, the package, the hash of its content. Names are never shared between runs,
// so that a removal touches nobody else's.
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
	if p.TargetBytes > 0 {
		if err := m.pad(ctx, p, code); err != nil {
			return err
		}
	}
	info, err := m.engine.ImageInspect(ctx, p.Image)
	if err != nil {
		return err
	}
	p.SHA256 = strings.TrimPrefix(info.ID, "sha256:")
	if m.registry != "" {
		if err := m.push(ctx, p); err != nil {
			return err
		}
	}
	m.r.Log.Infof("image %s: %s in compressed layers, %s of it code", p.Image, mib(p.Bytes), mib(p.CodeBytes))
	return nil
}

// code builds the image with code and no filler, once for all packages that share it.
func (m *images) code(ctx context.Context, p *run.Package) (*codeImage, error) {
	key := fmt.Sprintf("%p %q %q %q", p.Source, p.BaseImage, p.Contract, p.Pattern)
	m.mu.Lock()
	c := m.codes[key]
	if c == nil {
		c = &codeImage{kind: imageKind{language: p.Source.Language, runtime: p.Source.Runtime, contract: p.Contract, base: p.BaseImage,
			handler: p.Source.Handler, generated: p.Source.Generated}}
		m.codes[key] = c
	}
	m.mu.Unlock()
	c.once.Do(func() { c.err = m.makeCode(ctx, p, c) })
	return c, c.err
}

func (m *images) makeCode(ctx context.Context, p *run.Package, c *codeImage) error {
	var from buildContext
	dockerfile := dockerfileName
	if p.Source.Dockerfile != "" {
		if err := from.addFolder(p.Source.Dir); err != nil {
			return err
		}
		dockerfile = "Dockerfile"
	} else {
		if err := m.generated(p, c, &from); err != nil {
			return err
		}
		if err := m.ensureBase(ctx, c.kind, p.Source.Architecture); err != nil {
			return err
		}
	}
	hash := sha256.New()
	if err := from.writeTo(ctx, hash); err != nil {
		return err
	}
	c.hash = hex.EncodeToString(hash.Sum(nil))
	c.tag = m.tagOf(p.Source.Key+"-"+cmp.Or(p.Contract, runtimeAPI), c.hash)
	if err := m.build(ctx, &from, dockerfile, c.tag, p.Source.Architecture); err != nil {
		return err
	}
	var err error
	c.bytes, err = m.sizes.measure(ctx, m.engine, c.tag)
	return err
}

// dockerfileName is where a generated Dockerfile stands in its context, out of the way of the function's files.
const dockerfileName = "stellar.Dockerfile"

// generated lays out the context of a generated Dockerfile, and writes the Dockerfile beside serverless.yml for readers.
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

// pad builds the image with filler, measures it, and corrects the filler by what it is off, at most twice.
func (m *images) pad(ctx context.Context, p *run.Package, c *codeImage) error {
	gap := p.TargetBytes - c.bytes
	if gap < 0 {
		return fail.Input("the image without filler is %s, more than the %s asked for", both(c.bytes), both(p.TargetBytes)).
			WithHint("set FunctionImageSizeMB to 0 (as built) or at least %.2f", float64(c.bytes)/(1<<20)+0.01)
	}
	if least, err := fillerLayer(1); err != nil || gap < least {
		return err // nearer than a layer with one byte could be
	}
	want, last := gap, ""
	for range 3 {
		tag, err := m.padded(ctx, p, c, want)
		if err != nil {
			return err
		}
		if last != "" && last != tag {
			m.removeTag(ctx, last)
		}
		last = tag
		if p.Bytes, err = m.sizes.measure(ctx, m.engine, tag); err != nil {
			return err
		}
		p.Image = tag
		off := p.TargetBytes - p.Bytes
		if off > -tolerance && off < tolerance {
			return nil
		}
		want += off
	}
	const header = 512
	if off := p.TargetBytes - p.Bytes; off < -header || off > header {
		return fmt.Errorf("the image has %d bytes in compressed layers, %d were asked for", p.Bytes, p.TargetBytes)
	}
	return nil
}

// padded builds an image whose filler has the wanted compressed size, and gives its tag.
func (m *images) padded(ctx context.Context, p *run.Package, c *codeImage, want int64) (string, error) {
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
	return tag, m.build(ctx, &from, dockerfileName, tag, p.Source.Architecture)
}

// fillerSplit is how many bytes of filler lie in the layer before the code and in the one after it.
type fillerSplit struct{ front, back int64 }

// fillerParts splits a compressed size by placement: back after the code, front before it, spread half and half.
func fillerParts(placement string, want int64) (fillerSplit, error) {
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
