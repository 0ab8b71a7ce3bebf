package pack

import (
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// A package of sources is a folder, which the provider's CLI packs and uploads. Its size is that of the ZIP file that
// gcloud makes of it: each file deflated separately, an entry for every folder, no extra fields
// (googlecloudsdk/core/util/archive.py, with Python's zipfile). gcloud deflates with zlib and this program with Go's
// compress/flate. The results differ by a few bytes in a thousand for code, and hardly for filler.

func packSources(ctx context.Context, r *run.Run, packages []*run.Package) error {
	var problems []error
	var largest bytesize.Size
	for _, p := range packages {
		files, err := selectFiles(selectionOf(p), r.Log)
		if err != nil {
			return err
		}
		code, err := sourcesSize(ctx, files)
		if err != nil {
			return fmt.Errorf("reading the sources in %s: %w", p.Source.BuildDir, err)
		}
		filler, bytes, err := sourceFiller(ctx, p, code)
		if errors.Is(err, errTooSmall) {
			largest = max(largest, code)
			problems = append(problems, fmt.Errorf("package %s: the sources alone are %s, more than the %s asked for",
				p.Name, code.Exact(), p.TargetBytes.Exact()))
			continue
		}
		if err == nil {
			err = writeSources(ctx, p, files, filler)
		}
		if err != nil {
			return fmt.Errorf("writing package %s: %w", p.Path, err)
		}
		p.CodeBytes, p.Bytes = code, bytes
		r.Log.Infof("package %s: %s as a ZIP, %s of it sources", p.Name, p.Bytes.Fixed(2), p.CodeBytes.Fixed(2))
	}
	if len(problems) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(problems...)).
		WithHint("set FunctionImageSizeMB to 0 (as it is) or at least %.3f", largest.MiB()+0.001)
}

// zipEntry is the number of bytes that a file adds to a ZIP file besides its data.
func zipEntry(name string) bytesize.Size { return localLen + centralLen + 2*bytesize.Size(len(name)) }

// sourcesSize is the size of the ZIP file of some files.
func sourcesSize(ctx context.Context, files []source) (bytesize.Size, error) {
	n := bytesize.Size(endLen)
	folders := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f.name); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
		in, err := os.Open(f.path)
		if err != nil {
			return 0, err
		}
		packed, err := deflated(ctx, in)
		_ = in.Close()
		if err != nil {
			return 0, err
		}
		n += zipEntry(f.name) + packed
	}
	for dir := range folders {
		n += zipEntry(dir + "/")
	}
	return n, nil
}

// deflated is the length of the compressed data.
func deflated(ctx context.Context, in io.Reader) (bytesize.Size, error) {
	var n counter
	z, err := flate.NewWriter(&n, flate.DefaultCompression)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(z, reading{ctx, in}); err != nil {
		return 0, err
	}
	err = z.Close()
	return bytesize.Size(n), err
}

// reading stops when its context ends.
type reading struct {
	ctx context.Context
	in  io.Reader
}

func (r reading) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(b)
}

// fillerReader returns the given number of a package's filler bytes.
func fillerReader(p *run.Package, size bytesize.Size) (io.Reader, error) {
	stream, err := filler{seed: p.Seed}.stream()
	if err != nil {
		return nil, err
	}
	return io.LimitReader(readerFunc(func(b []byte) (int, error) {
		clear(b)
		stream.XORKeyStream(b, b)
		return len(b), nil
	}), int64(size)), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// sourceFiller returns the amount of filler for a package of the wanted size, and the resulting size. The deflated size
// does not grow byte by byte, so some sizes cannot be reached: then it is the next smaller one.
func sourceFiller(ctx context.Context, p *run.Package, code bytesize.Size) (filler, bytes bytesize.Size, err error) {
	if p.TargetBytes == 0 || p.TargetBytes == code {
		return 0, code, nil
	}
	if p.TargetBytes < code {
		return 0, 0, errTooSmall
	}
	bytes = code
	tried := map[bytesize.Size]bool{}
	for n := p.TargetBytes - code - zipEntry(fillerName); n > 0 && !tried[n]; {
		tried[n] = true
		in, err := fillerReader(p, n)
		if err != nil {
			return 0, 0, err
		}
		packed, err := deflated(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		size := code + zipEntry(fillerName) + packed
		if size <= p.TargetBytes && size > bytes {
			filler, bytes = n, size
		}
		n += p.TargetBytes - size
	}
	return filler, bytes, nil
}

// writeSources makes the folder under a temporary name and renames it when it is complete.
func writeSources(ctx context.Context, p *run.Package, files []source, filler bytesize.Size) (err error) {
	dir := filepath.Dir(p.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if free, ok := freeBytes(dir); ok && free < filler {
		return noSpace(&os.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}, dir, filler, free)
	}
	temp, err := os.MkdirTemp(dir, p.Name+".part-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp)
		}
	}()
	hash := sha256.New()
	for _, f := range files {
		in, err := os.Open(f.path)
		if err != nil {
			return err
		}
		err = writeSource(ctx, filepath.Join(temp, filepath.FromSlash(f.name)), f.name, in, hash)
		_ = in.Close()
		if err != nil {
			return err
		}
	}
	if filler > 0 {
		in, err := fillerReader(p, filler)
		if err != nil {
			return err
		}
		if err := writeSource(ctx, filepath.Join(temp, fillerName), fillerName, in, hash); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod(temp, 0o755), os.RemoveAll(p.Path)); err != nil {
		return err
	}
	p.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return os.Rename(temp, p.Path)
}

// writeSource writes one file and adds it to the hash of all: name, bytes, length.
func writeSource(ctx context.Context, to, name string, in io.Reader, hash io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	fmt.Fprintf(hash, "%q\n", name)
	n, err := io.Copy(io.MultiWriter(out, hash), reading{ctx, in})
	fmt.Fprintf(hash, "\n%d\n", n)
	err = errors.Join(err, out.Close())
	if diskFull(err) {
		return fail.With(fail.CodeFailed, "writing the sources: %w", err).
			WithHint("free some space, or write the results to another disk with --output")
	}
	return err
}
