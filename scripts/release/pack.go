package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// name is the name of a file of the release for a system, such as stellar_v1.2.3_linux_amd64.tar.gz.
func (r release) name(t target, ending string) string {
	return fmt.Sprintf("stellar_%s_%s_%s%s", r.version, t.os, t.arch, ending)
}

// entry is a file or, where its name ends in a slash, a folder of a tar archive.
type entry struct {
	name string
	path string // of its content; empty: it is text
	text []byte
	mode int64
}

// pack writes the archive for a system, and gives its SHA-256.
func (r release) pack(t target, docs map[string][]byte) (sum string, err error) {
	folder := strings.TrimSuffix(r.name(t, "/"), "/")
	entries := []entry{{name: folder + "/stellar", path: r.binary(t), mode: 0o755}}
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		entries = append(entries, entry{name: folder + "/" + name, text: docs[name], mode: 0o644})
	}
	path := filepath.Join(r.out, r.name(t, ".tar.gz"))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	zipped := gzip.NewWriter(f) // without a name and a time
	if err := errors.Join(r.writeTar(zipped, entries), zipped.Close(), f.Close()); err != nil {
		return "", err
	}
	return hashFile(path)
}

// writeTar writes entries that belong to root and have the release's time.
func (r release) writeTar(to io.Writer, entries []entry) error {
	out := tar.NewWriter(to)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), ModTime: r.when,
			Format: tar.FormatUSTAR, Typeflag: tar.TypeReg}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		var in io.Reader = strings.NewReader(string(e.text))
		if e.path != "" {
			f, err := os.Open(e.path)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // only read from
			info, err := f.Stat()
			if err != nil {
				return err
			}
			in, header.Size = f, info.Size()
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	return out.Close()
}

// formula fills the template of the Homebrew formula in.
func (r release) formula(hashes map[target]string) error {
	text, err := os.ReadFile("scripts/homebrew/stellar.rb.in")
	if err != nil {
		return err
	}
	filled := strings.ReplaceAll(string(text), "@VERSION@", strings.TrimPrefix(r.version, "v"))
	for t, sum := range hashes {
		filled = strings.ReplaceAll(filled, "@SHA256_"+strings.ToUpper(t.os+"_"+t.arch)+"@", sum)
	}
	if at := strings.Index(filled, "@"); at >= 0 {
		return fmt.Errorf("the formula's template has a place that nothing fills: %.30q", filled[at:])
	}
	return os.WriteFile(filepath.Join(r.out, "stellar.rb"), []byte(filled), 0o644)
}
