// Package unzip unpacks ZIP archives that others have made. What leads out of the folder, unpacks to more than was
// allowed, or is neither file, folder nor link is refused.
package unzip

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Options bound what one archive may become, and say how its files are written.
type Options struct {
	Bytes    int64 // of all files together, unpacked
	Entries  int
	NoLinks  bool // links are refused
	ReadOnly bool // files can only be read, for folders that several readers share
	// Keep reports whether an entry is unpacked, by its name in the archive. All are checked. nil: all are unpacked
	Keep func(name string) bool
}

// Unpack writes an archive into the empty folder dir: regular files keep their exec bits. Links are
// made last, so that no file is ever written through one. The folder is opened as an os.Root, so that the kernel stops
// what the checks overlook.
func Unpack(r io.ReaderAt, size int64, dir string, opts Options) error {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("not a ZIP archive: %w", err)
	}
	if err := checkArchive(archive, opts); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var links []*zip.File
	for _, f := range archive.File {
		switch {
		case opts.Keep != nil && !opts.Keep(f.Name):
		case f.Mode()&fs.ModeSymlink != 0:
			links = append(links, f)
		case f.Mode().IsDir() || strings.HasSuffix(f.Name, "/"):
			err = root.MkdirAll(path.Clean(f.Name), 0o755)
		default:
			err = unpackFile(root, f, opts.ReadOnly)
		}
		if err != nil {
			return fmt.Errorf("entry %q: %w", f.Name, err)
		}
	}
	for _, f := range links {
		if err := unpackLink(root, f); err != nil {
			return fmt.Errorf("entry %q: %w", f.Name, err)
		}
	}
	for _, f := range links {
		// A link whose own text is harmless can still lead out by way of another link.
		if _, err := root.Stat(path.Clean(f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("entry %q: link leads out of the package: %w", f.Name, err)
		}
	}
	return nil
}

func checkArchive(archive *zip.Reader, opts Options) error {
	if n := len(archive.File); n > opts.Entries {
		return fmt.Errorf("%d entries; at most %d are unpacked", n, opts.Entries)
	}
	var total uint64
	for _, f := range archive.File {
		if err := checkName(f.Name); err != nil {
			return err
		}
		if t := f.Mode().Type(); t&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			return fmt.Errorf("entry %q is neither file, folder nor link (%s)", f.Name, t)
		}
		if opts.NoLinks && f.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("entry %q is a link", f.Name)
		}
		if f.UncompressedSize64 > uint64(opts.Bytes) || total+f.UncompressedSize64 > uint64(opts.Bytes) {
			return fmt.Errorf("unpacks to more than %d bytes", opts.Bytes)
		}
		total += f.UncompressedSize64
	}
	return nil
}

func checkName(name string) error {
	trimmed := strings.TrimSuffix(name, "/")
	switch {
	case trimmed == "" || strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("entry %q: not a valid name", name)
	case strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':':
		return fmt.Errorf("entry %q: absolute path", name)
	case !fs.ValidPath(path.Clean(trimmed)) || strings.Contains("/"+trimmed+"/", "/../"):
		return fmt.Errorf("entry %q: leads out of the package", name)
	}
	return nil
}

func unpackFile(root *os.Root, f *zip.File, readOnly bool) error {
	name := path.Clean(f.Name)
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o644)
	if f.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if readOnly {
		mode &^= 0o222
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return errors.Join(err, out.Close())
	}
	// The declared size was checked against the limit; an entry that holds more than it declares must not pass it.
	n, err := io.Copy(out, io.LimitReader(in, int64(f.UncompressedSize64)+1))
	if err == nil && n != int64(f.UncompressedSize64) {
		err = fmt.Errorf("holds more than the %d bytes it declares", f.UncompressedSize64)
	}
	return errors.Join(err, in.Close(), out.Chmod(mode), out.Close())
}

func unpackLink(root *os.Root, f *zip.File) error {
	name := path.Clean(f.Name)
	in, err := f.Open()
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(in, 4097))
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	target := string(raw)
	inside := path.Join(path.Dir(name), target)
	if target == "" || len(target) > 4096 || path.IsAbs(target) || strings.ContainsRune(target, 0) ||
		!fs.ValidPath(inside) {
		return fmt.Errorf("link to %q leads out of the package", target)
	}
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	return root.Symlink(target, name)
}
