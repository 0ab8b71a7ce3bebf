package pack

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/mholt/archiver/v4"
)

// code is the compressed code of a package. It is in its own file, from which every package of the same code copies the
// compressed bytes unchanged.
type code struct {
	file    *os.File
	entries []entry
}

// compress makes the file, in dir.
func (c *code) compress(ctx context.Context, dir string, files []source) error {
	f, err := os.CreateTemp(dir, "code-*.zip")
	if err != nil {
		return err
	}
	c.file = f
	infos := make([]archiver.FileInfo, len(files)) // the library's own listing walks a map: a different order each time
	for i, s := range files {
		infos[i] = archiver.FileInfo{FileInfo: fixedInfo{s}, NameInArchive: s.name,
			Open: func() (fs.File, error) { return os.Open(s.path) }}
	}
	if err := (archiver.Zip{Compression: zip.Deflate}).Archive(ctx, f, infos); err != nil {
		return err
	}
	return c.index(files)
}

// index reads the file back. The library drops the error of its last write, so the list is compared with the expected
// one.
func (c *code) index(files []source) error {
	size, err := c.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(c.file, size)
	if err != nil {
		return fmt.Errorf("it could not be written completely: %w", err)
	}
	if len(z.File) != len(files) {
		return fmt.Errorf("it holds %d files instead of %d", len(z.File), len(files))
	}
	for i, f := range z.File {
		s := files[i]
		if f.Name != s.name || f.UncompressedSize64 != uint64(s.size) {
			return fmt.Errorf("%s changed while it was read", s.name)
		}
		at, err := f.DataOffset()
		if err != nil {
			return err
		}
		c.entries = append(c.entries, entry{name: s.name, exec: s.exec, method: f.Method, crc: f.CRC32,
			packed: f.CompressedSize64, plain: f.UncompressedSize64,
			body: section{c.file, at, int64(f.CompressedSize64)}})
	}
	return nil
}

func (c *code) close() {
	if c.file != nil {
		_ = c.file.Close()
		_ = os.Remove(c.file.Name())
	}
}

// section is a body within a file. Several packages read from it at once.
type section struct {
	from io.ReaderAt
	at   int64
	size int64
}

func (s section) writeTo(p *pipe) error {
	for done := int64(0); done < s.size; {
		buf, err := p.room()
		if err != nil {
			return err
		}
		buf = buf[:min(int64(len(buf)), s.size-done)]
		if n, err := s.from.ReadAt(buf, s.at+done); err != nil && (n < len(buf) || !errors.Is(err, io.EOF)) {
			return fmt.Errorf("reading the compressed code: %w", err)
		}
		p.commit(len(buf))
		done += int64(len(buf))
	}
	return nil
}

// fixedInfo describes a file without anything that differs between builds.
type fixedInfo struct{ s source }

var _ fs.FileInfo = fixedInfo{}

func (i fixedInfo) Name() string       { return path.Base(i.s.name) }
func (i fixedInfo) Size() int64        { return i.s.size }
func (i fixedInfo) Mode() fs.FileMode  { return 0o644 }
func (i fixedInfo) ModTime() time.Time { return time.Time{} }
func (i fixedInfo) IsDir() bool        { return false }
func (i fixedInfo) Sys() any           { return nil }
