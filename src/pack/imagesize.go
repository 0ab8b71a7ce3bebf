package pack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// The size of an image is the sum of its compressed layers, as a registry reports it. For an image that is in no
// registry, the layers are compressed here as the Engine would do for a push (Go's compress/gzip at its default level).

// layerSizes keeps compressed sizes by the hash of a layer's content: base and code are the same in many images.
type layerSizes struct {
	cache  layerCache // sizes of base images' layers, from earlier runs
	mu     sync.Mutex
	known  map[string]layerSize // by diff id
	shared map[string]bool      // diff ids of base images' layers: they enter the cache

	ambiguous map[bytesize.Size]bool // lengths that different layers have
}

type layerSize struct{ plain, packed bytesize.Size }

func (s *layerSizes) get(diffID string) (layerSize, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.known[diffID]
	if ok {
		return l, true
	}
	if l, ok = s.cache.get(diffID); ok {
		s.keep(diffID, l)
	}
	return l, ok
}

// keep remembers a size. s.mu is held.
func (s *layerSizes) keep(diffID string, l layerSize) {
	if s.known == nil {
		s.known = map[string]layerSize{}
	}
	s.known[diffID] = l
}

func (s *layerSizes) put(diffID string, l layerSize) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(diffID, l)
}

// compressed notes a layer that was compressed here.
func (s *layerSizes) compressed(diffID string, l layerSize) {
	s.put(diffID, l)
	s.mu.Lock()
	shared := s.shared[diffID]
	s.mu.Unlock()
	if shared {
		s.cache.put(diffID, l)
	}
}

// hashed notes that a layer of that length is another than those that are known: from now on, layers of this length are
// compressed at once.
func (s *layerSizes) hashed(diffID string, n bytesize.Size) {
	if _, ok := s.get(diffID); ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ambiguous == nil {
		s.ambiguous = map[bytesize.Size]bool{}
	}
	s.ambiguous[n] = true
}

// plainKnown reports whether a layer of that length has been seen. Such a layer is hashed first, and compressed only if
// its content is new.
func (s *layerSizes) plainKnown(n bytesize.Size) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ambiguous[n] {
		return false
	}
	for _, l := range s.known {
		if l.plain == n {
			return true
		}
	}
	return false
}

func (s *layerSizes) sum(diffIDs []string) (bytesize.Size, bool) {
	var sum bytesize.Size
	all := true
	for _, id := range diffIDs { // each of them, so that those in the cache are known before the image is exported
		l, ok := s.get(id)
		all = all && ok
		sum += l.packed
	}
	return sum, all
}

// one hashes and compresses a layer. An Engine with containerd's store exports layers as they are in a registry,
// compressed by gzip or zstd. The size of these is known, so only the content is hashed.
func (s *layerSizes) one(from io.Reader, size bytesize.Size, hashOnly bool) error {
	hash := sha256.New()
	in := bufio.NewReader(from)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return s.packed(hash, z, size)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer z.Close()
		return s.packed(hash, z, size)
	}
	if hashOnly {
		_, err := io.Copy(hash, in)
		s.hashed("sha256:"+hex.EncodeToString(hash.Sum(nil)), size)
		return err
	}
	var packed counter
	z := gzip.NewWriter(&packed)
	if _, err := io.Copy(io.MultiWriter(hash, z), in); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	s.compressed("sha256:"+hex.EncodeToString(hash.Sum(nil)), layerSize{size, bytesize.Size(packed)})
	return nil
}

// packed records a layer that was compressed already.
func (s *layerSizes) packed(hash hash.Hash, content io.Reader, size bytesize.Size) error {
	plain, err := io.Copy(hash, content)
	if err != nil {
		return err
	}
	s.put("sha256:"+hex.EncodeToString(hash.Sum(nil)), layerSize{bytesize.Size(plain), size})
	return nil
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

const (
	tarBlock  = 512
	gzipBlock = 16384 // incompressible data leaves Go's deflate in stored blocks of so many bytes
	gzipStore = 5     // bytes that such a block costs

	layerTime = 0o15302577341 // s since 1970: a time with as many different octal digits as most
)

// fillerLayer is the compressed size of a layer with a filler of n bytes: the headers of its folders and file, which
// compress, the data in stored blocks, padding and trailer. The headers' share is measured on a small layer; the rest
// is linear. The error is a few bytes.
func fillerLayer(n bytesize.Size) (bytesize.Size, error) {
	const sample = 8 * gzipBlock
	packed, err := packedLayer(n%gzipBlock + sample)
	if err != nil || n < sample {
		if err == nil {
			packed, err = packedLayer(n)
		}
		return packed, err
	}
	rest := n - (n%gzipBlock + sample)
	return packed + rest + rest/gzipBlock*gzipStore, nil
}

// packedLayer compresses a layer in memory as the Engine does. In one that the Engine builds, folders have the time of
// the build, and the file has the build context's.
func packedLayer(n bytesize.Size) (bytesize.Size, error) {
	l := layer{folders: time.Unix(layerTime, 0)}
	l.addFiller(taskRoot[1:], fillerName, 1, 0, uint64(n))
	sealed, err := l.seal(context.Background())
	if err != nil {
		return 0, err
	}
	return sealed.size.packed, nil
}

// fillerFor is the number of filler bytes for a layer of the wanted compressed size; the smallest is the layer without
// filler.
func fillerFor(want bytesize.Size) (bytesize.Size, error) {
	least, err := fillerLayer(0)
	if err != nil {
		return 0, err
	}
	n := want - least
	for range 8 {
		if n <= 0 {
			return 0, errTooSmall
		}
		got, err := fillerLayer(n)
		if err != nil {
			return 0, err
		}
		if got == want {
			return n, nil
		}
		n += want - got
	}
	return n, nil // it steps over the size: the next one is a byte or two off
}
