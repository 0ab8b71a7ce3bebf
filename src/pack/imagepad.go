package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

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

// pad makes the images with a filler of the compressed size that is missing. Those that the Engine builds it measures,
// and corrects the filler by the difference, at most twice.
func (m *images) pad(ctx context.Context, jobs []*imageJob) error {
	var padding, filling []*imageJob
	for _, j := range jobs {
		begun, err := j.begin()
		if err != nil {
			return fmt.Errorf("image %s: %w", j.pkg.Name, err)
		}
		switch {
		case begun && j.code.composed != nil:
			filling = append(filling, j)
		case begun:
			padding = append(padding, j)
		}
	}
	if err := m.each(ctx, filling, m.fill); err != nil {
		return err
	}
	for last := 2; len(padding) > 0; last-- {
		if err := m.each(ctx, padding, m.padOnce); err != nil {
			return err
		}
		tags := make([]string, len(padding))
		for i, j := range padding {
			tags[i] = j.pkg.Image
		}
		sums, err := m.sizes.measure(ctx, m.engine, tags)
		if err != nil {
			return err
		}
		var off []*imageJob
		for _, j := range padding {
			p := j.pkg
			if p.Bytes = sums[p.Image]; near(p.Bytes, p.TargetBytes) {
				continue
			}
			j.want += p.TargetBytes - p.Bytes
			if err := exact(p); err != nil && last == 0 {
				return fmt.Errorf("image %s: %w", p.Name, err)
			}
			if last > 0 {
				off = append(off, j)
			}
		}
		padding = off
	}
	return nil
}

// begin starts with the image as it is without filler, and reports whether it needs one.
func (j *imageJob) begin() (bool, error) {
	p := j.pkg
	p.CodeBytes, p.Bytes, p.Image = j.code.bytes, j.code.bytes, j.code.tag
	j.want = p.TargetBytes - j.code.bytes
	if p.TargetBytes == 0 {
		return false, nil
	}
	if j.want < 0 {
		return false, tooSmall(j.code.bytes, p.TargetBytes)
	}
	least, err := fillerLayer(1)
	return j.want >= least, err // what is smaller is closer than a layer with one byte could be
}

// padOnce builds an image with its filler in place of the one before.
func (m *images) padOnce(ctx context.Context, j *imageJob) error {
	last := j.pkg.Image
	tag, err := m.padded(ctx, j)
	if err != nil {
		return err
	}
	if last != j.code.tag && last != tag {
		m.removeTag(ctx, last)
	}
	j.pkg.Image = tag
	return nil
}

// padded makes an image whose filler has the wanted compressed size, and returns its tag.
func (m *images) padded(ctx context.Context, j *imageJob) (string, error) {
	p, c := j.pkg, j.code
	if c.composed != nil {
		filled, err := m.withFiller(ctx, j)
		if err != nil {
			return "", err
		}
		return m.loadFilled(ctx, j, filled)
	}
	parts, err := fillerParts(p.Placement, j.want)
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
