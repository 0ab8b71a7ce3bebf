package pack

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"time"
)

// part is one file of a build context.
type part struct {
	name   string // slash separated
	path   string // of the file; empty: text or filler
	text   []byte
	filler *filler
	exec   bool
	size   int64
}

// buildContext is what the Engine gets to build from. The same parts make the same bytes.
type buildContext struct{ parts []part }

func (c *buildContext) addText(name, text string) {
	c.parts = append(c.parts, part{name: name, text: []byte(text), size: int64(len(text))})
}

func (c *buildContext) addFiles(dir string, files []source) {
	for _, f := range files {
		c.parts = append(c.parts, part{name: path.Join(dir, f.name), path: f.path, exec: f.exec, size: f.size})
	}
}

// addFiller adds a file of filler; one of no bytes is left out.
func (c *buildContext) addFiller(dir, name string, seed int64, number, size uint64) {
	c.parts = append(c.parts, part{name: path.Join(dir, name), filler: &filler{seed, number, size}, size: int64(size)})
}

// writeTo streams the context as a tar archive, with fixed times and owners.
func (c *buildContext) writeTo(ctx context.Context, w io.Writer) error {
	parts := append([]part(nil), c.parts...)
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].name < parts[j].name })
	out := tar.NewWriter(w)
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		mode := int64(0o644)
		if p.exec {
			mode = 0o755
		}
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.name, Mode: mode, Size: p.size, ModTime: time.Unix(0, 0).UTC()}); err != nil {
			return err
		}
		if err := p.copyTo(out); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return out.Close()
}

func (p part) copyTo(w io.Writer) error {
	switch {
	case p.filler != nil:
		return p.filler.copyTo(w)
	case p.path == "":
		_, err := w.Write(p.text)
		return err
	}
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(w, io.LimitReader(f, p.size))
	if err == nil && n < p.size {
		return fmt.Errorf("changed while it was read")
	}
	return err
}

// copyTo writes the filler's bytes, a piece at a time.
func (f filler) copyTo(w io.Writer) error {
	stream, err := f.stream()
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	for left := f.size; left > 0; {
		piece := buf[:min(uint64(len(buf)), left)]
		clear(piece)
		stream.XORKeyStream(piece, piece)
		if _, err := w.Write(piece); err != nil {
			return err
		}
		left -= uint64(len(piece))
	}
	return nil
}

// reader gives the context as a stream to be read; the caller closes it.
func (c *buildContext) reader(ctx context.Context) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(c.writeTo(ctx, w)) }()
	return r
}
