package pack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// exportLimit bounds the layers of one export that are not known yet, in bytes: the Engine writes an export to its disk
// before it sends it. A single image may be larger.
const exportLimit bytesize.Size = 1 << 30

// smallLayer is the size up to which a layer of an export is compressed even if it may be known: that costs less than
// the second export that is needed if it is not.
const smallLayer bytesize.Size = 1 << 20

// unmeasured is an image whose compressed layers are not all known.
type unmeasured struct {
	name    string
	layers  []string      // diff ids
	plain   bytesize.Size // of all layers, about
	exports int           // so far
}

// measure returns the sum of the compressed layers of each image. Images are exported several at a time, so that the
// Engine reads and sends layers that they share once.
func (s *layerSizes) measure(ctx context.Context, c *client.Client, images []string) (map[string]bytesize.Size, error) {
	var waiting []*unmeasured
	for _, name := range slices.Compact(slices.Sorted(slices.Values(images))) {
		info, err := c.ImageInspect(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look at image %s: %w", name, err)
		}
		waiting = append(waiting, &unmeasured{name: name, layers: info.RootFS.Layers, plain: bytesize.Size(info.Size)})
	}
	return s.measureAll(ctx, c, waiting)
}

func (s *layerSizes) measureAll(ctx context.Context, c *client.Client, waiting []*unmeasured) (
	map[string]bytesize.Size, error,
) {
	sums := map[string]bytesize.Size{}
	for {
		var left []*unmeasured
		for _, u := range waiting {
			if sum, ok := s.sum(u.layers); ok {
				sums[u.name] = sum
				continue
			}
			if u.exports == 2 { // the second time those are compressed that only had the length of a known layer
				return nil, fmt.Errorf("image %s as exported has not the layers that it names", u.name)
			}
			left = append(left, u)
		}
		if waiting = left; len(waiting) == 0 {
			return sums, nil
		}
		if err := s.export(ctx, c, s.batch(waiting)); err != nil {
			return nil, err
		}
	}
}

// batch chooses the images of the next export: the first one, and those that fit.
func (s *layerSizes) batch(waiting []*unmeasured) []string {
	var names []string
	var total bytesize.Size
	for _, u := range waiting {
		unknown := u.plain
		for _, id := range u.layers {
			if l, ok := s.get(id); ok {
				unknown -= l.plain
			}
		}
		total += max(unknown, 0)
		if total > exportLimit && len(names) > 0 {
			break
		}
		u.exports++
		names = append(names, u.name)
	}
	return names
}

// export reads the layers of images and compresses the new ones. Both forms of an export contain them: as layer.tar in
// a folder each, or as blobs named by their hash.
func (s *layerSizes) export(ctx context.Context, c *client.Client, images []string) error {
	stream, err := c.ImageSave(ctx, images)
	if err != nil {
		return fmt.Errorf("export %s: %w", strings.Join(images, " "), err)
	}
	defer stream.Close()
	in := tar.NewReader(stream)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("export %s: %w", strings.Join(images, " "), err)
		}
		if h.Typeflag != tar.TypeReg || !(strings.HasSuffix(h.Name, "layer.tar") ||
			strings.HasPrefix(h.Name, "blobs/sha256/")) {
			continue
		}
		size := bytesize.Size(h.Size)
		if err := s.one(in, size, size > smallLayer && s.plainKnown(size)); err != nil {
			return fmt.Errorf("export %s: %w", strings.Join(images, " "), err)
		}
	}
}
