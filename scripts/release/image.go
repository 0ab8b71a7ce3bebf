package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// home is the folder in an image that anybody may write into.
const home = "/work"

// saved is an image in the list by which Engines before version 25, which read no OCI layout, load a tar archive.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// images writes an image for both architectures: the binary and CA certificates, and nothing else. Its form is an OCI
// layout in a tar archive, which `docker load` and `skopeo copy oci-archive:` read.
func (r release) images() error {
	certs, err := os.ReadFile(r.certs)
	if err != nil {
		return fmt.Errorf("CA certificates (-certs names another file): %w", err)
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var list []saved
	for _, arch := range []string{"amd64", "arm64"} {
		t := target{"linux", arch}
		if _, err := os.Stat(r.binary(t)); errors.Is(err, fs.ErrNotExist) {
			if err := r.build(t); err != nil {
				return err
			}
		}
		image, err := r.image(t, certs)
		if err != nil {
			return err
		}
		one, err := save(image, "stellar:"+r.version+map[string]string{"arm64": "-arm64"}[arch])
		if err != nil {
			return err
		}
		list = append(list, one)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: t.os, Architecture: t.arch}}})
	}
	// One image of the name stellar for all architectures: the layout's index names the index of the image.
	named := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{
			"org.opencontainers.image.ref.name": r.version, "io.containerd.image.name": "stellar:" + r.version}}})
	dir := filepath.Join(r.work, "image")
	if _, err := layout.Write(dir, named); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o644); err != nil {
		return err
	}
	return r.packLayout(dir)
}

// save describes an image of the layout for older Engines.
func save(image v1.Image, tag string) (saved, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return saved{}, err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	one := saved{Config: blob(manifest.Config.Digest), RepoTags: []string{tag}}
	for _, l := range manifest.Layers {
		one.Layers = append(one.Layers, blob(l.Digest))
	}
	return one, nil
}

// image is the image for one architecture.
func (r release) image(t target, certs []byte) (v1.Image, error) {
	entries := []entry{{name: "etc/", mode: 0o755}, {name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", text: certs, mode: 0o644},
		{name: "stellar", path: r.binary(t), mode: 0o755},
		{name: "tmp/", mode: 0o1777}, {name: home[1:] + "/", mode: 0o1777}}
	var files bytes.Buffer
	if err := r.writeTar(&files, entries); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{Layer: layer,
		History: v1.History{CreatedBy: "stellar " + r.version, Created: v1.Time{Time: r.when}}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = t.os, t.arch, v1.Time{Time: r.when}
	config.Config = v1.Config{Entrypoint: []string{"/stellar"}, WorkingDir: home, User: "65532:65532",
		Env: []string{"PATH=/", "HOME=" + home}, Labels: map[string]string{
			"org.opencontainers.image.source":  "https://github.com/vhive-serverless/STeLLAR",
			"org.opencontainers.image.version": r.version}}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigMediaType(image, types.OCIConfigJSON), nil
}

// packLayout writes the files of an OCI layout into one tar archive.
func (r release) packLayout(dir string) error {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			entries = append(entries, entry{name: filepath.ToSlash(rel) + "/", mode: 0o755})
		default:
			entries = append(entries, entry{name: filepath.ToSlash(rel), path: path, mode: 0o644})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	f, err := os.Create(filepath.Join(r.out, fmt.Sprintf("stellar_%s_image.tar", r.version)))
	if err != nil {
		return err
	}
	return errors.Join(r.writeTar(f, entries), f.Close())
}
