package pack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// benchSizes are in MiB.
func benchSizes() []int64 { return []int64{10, 50, 250, 1024} }

// sweepStep is 250 MiB in twelve steps, in bytes.
const sweepStep = 21845333

// BenchmarkPackage writes one padded package, from the build's folder to the file in its place.
func BenchmarkPackage(b *testing.B) {
	for _, size := range benchSizes() {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			src := &run.Source{Key: "go", BuildDir: folder(b, map[string]string{"bootstrap": programLike(2 << 20)})}
			pkg := &run.Package{Name: "p", Source: src, Path: filepath.Join(b.TempDir(), "p.zip"),
				TargetBytes: bytesize.FromMiB(float64(size)), Seed: 1}
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
	packages := sweep(b, "Zip", sweepStep)
	r := newRun(b, packages...)
	b.SetBytes(sweepStep * 12 * 13 / 2)
	resetPeak()
	for b.Loop() {
		if err := (Stage{}).Run(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peakMB(), "peak-MB")
}

// BenchmarkZipCommand is the usual way: a file of random bytes, then zip -j. Making that file is not counted.
func BenchmarkZipCommand(b *testing.B) {
	zip, err := exec.LookPath("zip")
	if err != nil {
		b.Skip("zip is not on the PATH")
	}
	for _, size := range benchSizes() {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			dir := b.TempDir()
			code, random, out := filepath.Join(dir, "bootstrap"), filepath.Join(dir, "filler.bin"),
				filepath.Join(dir, "p.zip")
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

// BenchmarkSyncedWrite writes and syncs as many bytes: what the disk itself takes.
func BenchmarkSyncedWrite(b *testing.B) {
	for _, size := range benchSizes() {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "p")
			b.SetBytes(size << 20)
			for b.Loop() {
				syncedWrite(b, path, size<<20)
			}
		})
	}
}

// BenchmarkSweepWrites is the bytes of the sweep written and synced, one file after the other.
func BenchmarkSweepWrites(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		for i := range int64(12) {
			syncedWrite(b, filepath.Join(dir, fmt.Sprint(i)), (i+1)*sweepStep)
		}
	}
}

func syncedWrite(b *testing.B, path string, size int64) {
	b.Helper()
	block := []byte(programLike(1 << 20))
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	for left := size; left > 0; {
		n, err := f.Write(block[:min(left, int64(len(block)))])
		if err != nil {
			b.Fatal(err)
		}
		left -= int64(n)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	f.Close()
}
