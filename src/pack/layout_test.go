package pack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// Test64BitFields lowers the sizes from which they are used, so that small archives have them.
func Test64BitFields(t *testing.T) {
	c := &code{}
	defer c.close()
	files, err := list(folder(t, python))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.compress(t.Context(), t.TempDir(), files); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var some []string
	for _, limit := range []uint64{40, 300, 2000, 5000, 20_000} {
		for _, placement := range []string{"front", "back", "spread"} {
			for target := bytesize.Size(1800); target < 30_000; target += 377 {
				l, err := arrangeWithin(limit, c.entries, target, placement, 1)
				if err != nil {
					t.Fatalf("limit %d, %s, %d: %v", limit, placement, target, err)
				}
				path := filepath.Join(dir, fmt.Sprintf("%d-%s-%d.zip", limit, placement, target))
				f, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				_, n, err := writeTo(t.Context(), f, l)
				if err != nil || n != uint64(target) || n != l.size() {
					t.Fatalf("limit %d, %s, %d: wrote %d, layout of %d, %v", limit, placement, target, n, l.size(), err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if names, _ := contents(t, path); len(names) != len(l.entries) {
					t.Errorf("limit %d, %s, %d: %v", limit, placement, target, names)
				}
				if limit < 5000 && target%8 == 0 {
					some = append(some, path)
				}
			}
		}
	}
	unpackers(t, some...)
}

func TestManyEntries(t *testing.T) {
	var l layout
	for i := range 70_000 {
		l.entries = append(l.entries, entry{name: fmt.Sprintf("%05d", i), body: section{}})
	}
	l, err := arrange(l.entries, bytesize.Size(l.size())+1000, "back", 1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, n, err := writeTo(t.Context(), &out, l); err != nil || n != l.size() {
		t.Fatal(n, err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(z.File) != 70_001 {
		t.Fatal(err)
	}
}

func TestBeyond4GiBIsLaidOutExactly(t *testing.T) {
	code := []entry{{name: "bootstrap", packed: 1000, plain: 3000}, {name: "data", packed: 10, plain: 10}}
	for _, placement := range []string{"front", "back", "spread"} {
		for _, around := range []bytesize.Size{1 << 32, 5 << 30, 40 << 30} {
			for d := bytesize.Size(-400); d < 400; d += 17 {
				l, err := arrange(code, around+d, placement, 1)
				if err != nil || bytesize.Size(l.size()) != around+d || l.comment > 400 {
					t.Fatalf("%s, %d: %d with a comment of %d, %v", placement, around+d, l.size(), l.comment, err)
				}
			}
		}
	}
}
