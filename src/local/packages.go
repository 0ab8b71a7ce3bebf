package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
	"github.com/vhive-serverless/STeLLAR/src/unzip"
)

// packages holds the unpacked packages, each distinct one once, while a function uses it.
type packages struct {
	dir  string
	opts unzip.Options

	mu  sync.Mutex
	all map[string]*pkg
}

// pkg is one unpacked package.
type pkg struct {
	store  *packages
	key    string
	alone  bool
	sha256 string
	bytes  int64
	dir    string
	users  int // guarded by store.mu
	once   sync.Once
	err    error
}

// open checks, hashes and unpacks the artifact at path; the caller must release the package. The same open file is
// hashed and unpacked, so that the two cannot differ. A function with its own copy shares it only with its former
// versions.
func (s *packages) open(ctx context.Context, artifact, alone string) (*pkg, error) {
	info, err := os.Lstat(artifact)
	if err == nil && !info.Mode().IsRegular() {
		return nil, refuse(http.StatusBadRequest, "artifact %s is not a regular file", artifact)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "artifact: %v", err)
	}
	file, err := os.Open(artifact)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "artifact: %v", err)
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, readerUntil{ctx, file})
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", artifact, err)
	}
	p := s.hold(hex.EncodeToString(hash.Sum(nil)), alone, size)
	p.once.Do(func() { p.err = s.fill(p, file, size) })
	if p.err != nil {
		err := p.err
		return nil, errors.Join(refuse(http.StatusBadRequest, "artifact %s: %v", artifact, err), p.release())
	}
	return p, nil
}

// hold finds or adds the package of that hash and counts the caller among its users.
func (s *packages) hold(sum, alone string, size int64) *pkg {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sum + " " + alone
	p := s.all[key]
	if p == nil {
		// A folder of its own for each life of a package: the last one may still be on its way out.
		dir := filepath.Join(s.dir, sum[:16]+"-"+randomHex(4))
		p = &pkg{store: s, key: key, alone: alone != "", sha256: sum, bytes: size, dir: dir}
		s.all[key] = p
	}
	p.users++
	return p
}

func (s *packages) fill(p *pkg, file *os.File, size int64) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	if err := unzip.Unpack(file, size, p.dir, s.opts); err != nil || !p.alone {
		return err
	}
	// No mount makes it read-only, so that a write by mistake, at least, fails as it does in the cloud.
	return filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o555)
	})
}

// release releases the package; the last user removes its folder.
func (p *pkg) release() error {
	p.store.mu.Lock()
	p.users--
	last := p.users == 0
	if last {
		delete(p.store.all, p.key)
	}
	p.store.mu.Unlock()
	if !last {
		return nil
	}
	return sandbox.RemoveTree(p.dir)
}

// readerUntil stops reading when its context ends.
type readerUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
