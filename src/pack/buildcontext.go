package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// part is one file of a build context.
type part struct {
	name   string // slash separated; a folder's ends in a slash
	path   string // of the file; empty: text or filler
	text   []byte
	filler *filler
	link   string // a symbolic link to there
	exec   bool
	size   int64
}

// buildContext is the build context for the Engine. The same parts make the same bytes.
type buildContext struct{ parts []part }

func (c *buildContext) addText(name, text string) {
	c.parts = append(c.parts, part{name: name, text: []byte(text), size: int64(len(text))})
}

func (c *buildContext) addFiles(dir string, files []source) {
	for _, f := range files {
		c.parts = append(c.parts, part{name: path.Join(dir, f.name), path: f.path, exec: f.exec, size: f.size})
	}
}

// label puts a line after the first one, FROM, of a Dockerfile that was added as text.
func (c *buildContext) label(dockerfile, line string) {
	for i := range c.parts {
		if p := &c.parts[i]; p.name == dockerfile {
			from, rest, _ := bytes.Cut(p.text, []byte("\n"))
			p.text = slices.Concat(from, []byte("\n"+line), rest)
			p.size = int64(len(p.text))
		}
	}
}

// addFiller adds a file of filler; an empty one is left out.
func (c *buildContext) addFiller(dir, name string, seed int64, number, size uint64) {
	c.parts = append(c.parts, part{name: path.Join(dir, name), filler: &filler{seed, number, size}, size: int64(size)})
}

// writeTo streams the context as a tar archive, with fixed times and owners.
func (c *buildContext) writeTo(ctx context.Context, w io.Writer) error {
	return writeParts(ctx, w, slices.Clone(c.parts), part.header)
}

// writeParts writes parts as a tar archive, in the order of their names.
func writeParts(ctx context.Context, w io.Writer, parts []part, header func(part) tar.Header) error {
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].name < parts[j].name })
	out := tar.NewWriter(w)
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := header(p)
		if err := out.WriteHeader(&h); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := p.copyTo(out); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return out.Close()
}

func (p part) header() tar.Header {
	h := tar.Header{Typeflag: tar.TypeReg, Name: p.name, Mode: 0o644, Size: p.size, ModTime: time.Unix(0, 0).UTC()}
	switch {
	case p.link != "":
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, p.link, 0o777, 0
	case strings.HasSuffix(p.name, "/"):
		h.Typeflag, h.Mode, h.Size = tar.TypeDir, 0o755, 0
	case p.exec:
		h.Mode = 0o755
	}
	return h
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

// copyTo writes the filler's bytes in pieces.
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

// reader returns the context as a stream; the caller closes it.
func (c *buildContext) reader(ctx context.Context) io.ReadCloser {
	return piped(ctx, func(w io.Writer) error { return c.writeTo(ctx, w) })
}

// piped returns what a function writes as a stream; the caller closes it.
func piped(ctx context.Context, write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	fail.Go(fail.Report(ctx), func() {
		_ = w.CloseWithError(fail.Try(func() error { return write(w) }))
	})
	return r
}
