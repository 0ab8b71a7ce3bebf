package storage_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
)

// side is one of those that the benchmark compares: it writes bytes, and reads them again.
type side struct {
	put func(b *testing.B, size int64)
	get func(b *testing.B, size int64)
}

// anything is a body of that many bytes, whatever is in the buffer: it costs no CPU.
func anything(size int64) io.Reader { return io.LimitReader(unchanged{}, size) }

type unchanged struct{}

func (unchanged) Read(p []byte) (int, error) { return len(p), nil }

// inBucket puts and gets over presigned URLs, as functions do.
func inBucket(b *testing.B, store objectstore.Store) side {
	b.Helper()
	o, err := store.Presign("bench", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10}}
	buffer := make([]byte, 256<<10) // as large as that of a file
	send := func(b *testing.B, method, url string, body io.Reader, size int64) int64 {
		req, err := http.NewRequestWithContext(b.Context(), method, url, body)
		if err != nil {
			b.Fatal(err)
		}
		req.ContentLength = size
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buffer)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		return n
	}
	return side{
		put: func(b *testing.B, size int64) { send(b, http.MethodPut, o.PutURL, anything(size), size) },
		get: func(b *testing.B, size int64) {
			if n := send(b, http.MethodGet, o.GetURL, nil, 0); n != size {
				b.Fatalf("%d bytes of %d", n, size)
			}
		},
	}
}

// onDisk writes a file and reads it. With sync, it waits for the disk and reads what the page cache does not have.
func onDisk(dir string, sync bool) side {
	path := filepath.Join(dir, "bench")
	buffer := make([]byte, 256<<10)
	return side{
		put: func(b *testing.B, size int64) {
			f, err := os.Create(path + ".new")
			if err != nil {
				b.Fatal(err)
			}
			for left := size; left > 0 && err == nil; left -= int64(len(buffer)) {
				_, err = f.Write(buffer[:min(left, int64(len(buffer)))])
			}
			if err == nil && sync {
				err = f.Sync()
			}
			if cerr := f.Close(); err != nil || cerr != nil {
				b.Fatal(err, cerr)
			}
			if err := os.Rename(path+".new", path); err != nil {
				b.Fatal(err)
			}
		},
		get: func(b *testing.B, size int64) {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if sync {
				if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
					b.Fatal(err)
				}
			}
			n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buffer)
			if err != nil || n != size {
				b.Fatal(n, err)
			}
		},
	}
}

// embeddedStore is a store as runs have it, with a folder of the benchmark.
func embeddedStore(b *testing.B) objectstore.Store {
	b.Helper()
	c, err := embedded.Spawn(b.Context(), lab.Binary(b), embedded.Options{Dir: embedded.RunDir(b.TempDir(), "bench"),
		Keys: embedded.NewKeys()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	})
	return made(b, objectstore.Place{Endpoint: c.URL, Region: embedded.Region, Bucket: "bench"},
		objectstore.Keys{ID: c.Keys.ID, Secret: c.Keys.Secret})
}

// foreignStore is another server of S3, named by variables; nil: none is.
func foreignStore(b *testing.B) objectstore.Store {
	b.Helper()
	url := os.Getenv("STELLAR_BENCH_S3")
	if url == "" {
		return nil
	}
	return made(b, objectstore.Place{Endpoint: url, Bucket: "bench"}, objectstore.Keys{
		ID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY")})
}

func made(b *testing.B, at objectstore.Place, keys objectstore.Keys) objectstore.Store {
	b.Helper()
	s, err := objectstore.Open(at, keys, nil)
	if err != nil {
		b.Fatal(err)
	}
	if there, err := s.Exists(b.Context()); err != nil {
		b.Fatal(err)
	} else if !there {
		if err := s.Make(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkStore compares the embedded store with the disk below it and with another server: scripts/bench-storage.sh.
func BenchmarkStore(b *testing.B) {
	sides := map[string]side{"embedded": inBucket(b, embeddedStore(b)), "file": onDisk(b.TempDir(), false),
		"synced": onDisk(b.TempDir(), true)}
	if f := foreignStore(b); f != nil {
		sides["foreign"] = inBucket(b, f)
	}
	for _, mib := range []int64{1, 64, 1024} {
		for _, name := range []string{"embedded", "foreign", "file", "synced"} {
			s, there := sides[name]
			if !there {
				continue
			}
			for _, operation := range []string{"put", "get"} {
				do := map[string]func(*testing.B, int64){"put": s.put, "get": s.get}[operation]
				b.Run(fmt.Sprintf("%s/%dMiB/%s", operation, mib, name), func(b *testing.B) {
					b.SetBytes(mib << 20)
					for b.Loop() {
						do(b, mib<<20)
					}
				})
			}
		}
	}
}
