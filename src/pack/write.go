package pack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const (
	chunkBytes = 256 << 10 // fits into a core's cache: made, summed, hashed and written while it is there
	chunks     = 16        // of one package: 4 MiB in all
)

// write makes one package under a temporary name and renames it when it is complete.
func write(ctx context.Context, j job) (err error) {
	dir, name := filepath.Split(j.pkg.Path)
	f, err := os.CreateTemp(dir, name+".part-*")
	if err != nil {
		return fmt.Errorf("writing package %s: %w", j.pkg.Name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	sum, n, err := writeTo(ctx, f, j.layout)
	if err == nil && n != j.layout.size() {
		err = fmt.Errorf("%d bytes were written instead of %d", n, j.layout.size())
	}
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), j.pkg.Path)
	}
	if err != nil {
		_, _ = f.Close(), os.Remove(f.Name()) // first, so that its blocks are free again
		return notWritten(j, dir, err)
	}
	j.pkg.Bytes, j.pkg.SHA256 = bytesize.Size(n), sum
	j.pkg.CodeBytes = bytesize.Size(j.layout.codeSize())
	return nil
}

// notWritten says why a package could not be written.
func notWritten(j job, dir string, err error) error {
	if free, ok := freeBytes(dir); ok && diskFull(err) {
		return noSpace(err, dir, bytesize.Size(j.layout.size()), free)
	}
	return fmt.Errorf("writing package %s: %w", j.pkg.Path, err)
}

// codeSize is the size of the package without its filler.
func (l layout) codeSize() uint64 {
	bare := layout{limit: l.limit}
	for _, e := range l.entries {
		if !isFiller(e.name) {
			bare.entries = append(bare.entries, e)
		}
	}
	return bare.size()
}

// writeTo writes the archive and returns its SHA-256 in hex and its length.
func writeTo(ctx context.Context, w io.Writer, l layout) (sum string, n uint64, err error) {
	p := newPipe(ctx, w)
	err = l.emit(p)
	sum, closeErr := p.close()
	return sum, p.written, cmp.Or(err, closeErr) // if the writer failed, both are its error
}

func (l layout) emit(p *pipe) error {
	offsets := make([]uint64, len(l.entries))
	for i, e := range l.entries {
		offsets[i] = p.written
		if _, err := p.Write(l.local(e)); err != nil {
			return err
		}
		if err := e.body.writeTo(p); err != nil {
			return err
		}
	}
	start := p.written
	for i, e := range l.entries {
		if _, err := p.Write(l.central(e, offsets[i])); err != nil {
			return err
		}
	}
	_, err := p.Write(l.end(start, p.written-start))
	return err
}

// pipe takes bytes in order and hashes and writes them on two further goroutines, so that making, hashing and writing
// overlap. Its memory is a fixed ring of chunks.
type pipe struct {
	ctx     context.Context
	written uint64
	cur     *chunk
	free    chan *chunk
	hash    chan *chunk
	out     chan *chunk
	failed  atomic.Pointer[error] // the first error of either goroutine
	done    sync.WaitGroup
	sum     []byte
}

type chunk struct {
	b     []byte // the filled part; its capacity is chunkBytes; nil: not used yet
	users atomic.Int32
}

func newPipe(ctx context.Context, w io.Writer) *pipe {
	p := &pipe{ctx: ctx, free: make(chan *chunk, chunks), hash: make(chan *chunk, chunks),
		out: make(chan *chunk, chunks)}
	for range chunks {
		p.free <- &chunk{}
	}
	p.done.Go(fail.Caught(p.fail, func() {
		h := sha256.New()
		p.each(p.hash, h)
		p.sum = h.Sum(nil)
	}))
	p.done.Go(fail.Caught(p.fail, func() { p.each(p.out, w) }))
	return p
}

// each writes the arriving chunks until something fails. It releases them in any case, because the filler of the chunks
// waits for them.
func (p *pipe) each(in <-chan *chunk, w io.Writer) {
	for c := range in {
		if p.failed.Load() == nil {
			err := fail.Try(func() error { _, err := w.Write(c.b); return err })
			if err != nil {
				p.fail(err)
			}
		}
		p.release(c)
	}
}

func (p *pipe) fail(err error) { p.failed.CompareAndSwap(nil, &err) }

func (p *pipe) release(c *chunk) {
	if c.users.Add(-1) == 0 {
		c.b = c.b[:0]
		p.free <- c
	}
}

// room returns unused memory to fill from its beginning; commit says how much was filled.
func (p *pipe) room() ([]byte, error) {
	if p.cur == nil {
		if err := p.ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.failed.Load(); err != nil {
			return nil, *err
		}
		if p.cur = <-p.free; p.cur.b == nil { // a small package needs one chunk
			p.cur.b = make([]byte, 0, chunkBytes)
		}
	}
	return p.cur.b[len(p.cur.b):cap(p.cur.b)], nil
}

func (p *pipe) commit(n int) {
	p.cur.b = p.cur.b[:len(p.cur.b)+n]
	p.written += uint64(n)
	if len(p.cur.b) == cap(p.cur.b) {
		p.flush()
	}
}

func (p *pipe) flush() {
	p.cur.users.Store(2)
	p.hash <- p.cur
	p.out <- p.cur
	p.cur = nil
}

// Write copies b in.
func (p *pipe) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		buf, err := p.room()
		if err != nil {
			return n, err
		}
		k := copy(buf, b[n:])
		p.commit(k)
		n += k
	}
	return n, nil
}

// close waits until everything is hashed and written, and returns the hash in hex.
func (p *pipe) close() (string, error) {
	if p.cur != nil {
		p.flush()
	}
	close(p.hash)
	close(p.out)
	p.done.Wait()
	if err := p.failed.Load(); err != nil {
		return "", *err
	}
	return hex.EncodeToString(p.sum), nil
}
