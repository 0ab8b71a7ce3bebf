package pack

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// layer is one layer of an image: files, named by their paths in the image without the first slash, and the folders
// that they are in. The same files and the same time of folders make the same bytes.
type layer struct {
	buildContext
	folders time.Time // when the folders were made
}

// all are the parts of the layer with its folders. An entry for each folder is needed: without one, its mode would
// hide that of the image below.
func (l layer) all() []part {
	seen, all := map[string]bool{}, slices.Clone(l.parts)
	for _, p := range l.parts {
		for dir := path.Dir(p.name); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			all = append(all, part{name: dir + "/"})
		}
	}
	return all
}

// header has the form of those in the layers of the Engine's builder: the mode contains the type, and the owner has a
// name. So one calculation of a filler's size is right for both.
func (l layer) header(p part) tar.Header {
	const folder, file = 0o40000, 0o100000
	h := p.header()
	h.Uname, h.Gname = "root", "root"
	if h.Typeflag == tar.TypeDir {
		h.Mode |= folder
		h.ModTime = l.folders
	} else {
		h.Mode |= file
	}
	return h
}

// writeTo writes the layer as a tar archive.
func (l layer) writeTo(ctx context.Context, w io.Writer) error {
	return writeParts(ctx, w, l.all(), l.header)
}

// sealedLayer is a layer with what an image's configuration and size need to know of it.
type sealedLayer struct {
	layer
	diffID string // hash of its content
	size   layerSize
}

// seal reads the layer once, to hash and to compress it as a push does.
func (l layer) seal(ctx context.Context) (*sealedLayer, error) {
	var plain, packed counter
	hash, z := sha256.New(), gzip.NewWriter(&packed)
	if err := l.writeTo(ctx, io.MultiWriter(hash, &plain, z)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return &sealedLayer{layer: l, diffID: "sha256:" + hex.EncodeToString(hash.Sum(nil)),
		size: layerSize{bytesize.Size(plain), bytesize.Size(packed)}}, nil
}
