package pack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"stellar/src/run"
)

// BenchmarkPackage writes one padded package, from the build's folder to the file in its place.
func BenchmarkPackage(b *testing.B) {
	for _, size := range []int64{10, 250, 1024} {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			src := &run.Source{Key: "go", BuildDir: folder(b, map[string]string{"bootstrap": programLike(2 << 20)})}
			pkg := &run.Package{Name: "p", Source: src, Path: filepath.Join(b.TempDir(), "p.zip"), TargetBytes: size << 20, Seed: 1}
			r := newRun(b, pkg)
			b.SetBytes(size << 20)
			resetPeak()
			for b.Loop() {
				if err := (Stage{}).Run(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(peakMB(), "peak-MB")
		})
	}
}

// BenchmarkSweep packs a function in 12 sizes from 21 to 250 MiB: 1.6 GB in all.
func BenchmarkSweep(b *testing.B) {
	const step = 21845333 // 250 MiB / 12
	packages := sweep(b, "Zip", step)
	r := newRun(b, packages...)
	b.SetBytes(step * 12 * 13 / 2)
	resetPeak()
	for b.Loop() {
		if err := (Stage{}).Run(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peakMB(), "peak-MB")
}

// BenchmarkZipCommand is what people do instead: a file of random bytes, then zip -j. Making that file is not counted.
func BenchmarkZipCommand(b *testing.B) {
	zip, err := exec.LookPath("zip")
	if err != nil {
		b.Skip("zip is not on the PATH")
	}
	for _, size := range []int64{10, 250, 1024} {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			dir := b.TempDir()
			code, random, out := filepath.Join(dir, "bootstrap"), filepath.Join(dir, "filler.bin"), filepath.Join(dir, "p.zip")
			if err := os.WriteFile(code, []byte(programLike(2<<20)), 0o755); err != nil {
				b.Fatal(err)
			}
			f, err := os.Create(random)
			if err != nil {
				b.Fatal(err)
			}
			l := layout{entries: []entry{fillerEntry(fillerName, uint64(size)<<20, 1, 0)}}
			if _, _, err := writeTo(b.Context(), f, l); err != nil {
				b.Fatal(err)
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size << 20)
			for b.Loop() {
				_ = os.Remove(out)
				cmd := exec.Command(zip, "-q", "-j", out, code, random)
				if msg, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, msg)
				}
			}
		})
	}
}

// BenchmarkSyncedWrite is as many bytes written and synced, nothing else: what the disk itself takes.
func BenchmarkSyncedWrite(b *testing.B) {
	for _, size := range []int64{10, 250, 1024} {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			path, block := filepath.Join(b.TempDir(), "p"), []byte(programLike(1<<20))
			b.SetBytes(size << 20)
			for b.Loop() {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				for range size {
					if _, err := f.Write(block); err != nil {
						b.Fatal(err)
					}
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}
