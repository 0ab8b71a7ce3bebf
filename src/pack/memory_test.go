package pack

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// sweep is a function in 12 sizes, the k-th of k times step.
func sweep(t testing.TB, kind string, step int64) []*run.Package {
	t.Helper()
	src := &run.Source{Key: "measure-go", Language: "go", Runtime: "go", Handler: "bootstrap", Architecture: "amd64",
		Generated: true,
		BuildDir:  folder(t, map[string]string{"bootstrap": programLike(2 << 20)})}
	dir := t.TempDir()
	var all []*run.Package
	for k := range int64(12) {
		name := fmt.Sprintf("p%02d", k)
		all = append(all, &run.Package{Name: name, Type: kind, Source: src, Contract: runtimeAPI,
			Path:        filepath.Join(dir, name+".zip"),
			TargetBytes: bytesize.Size((k + 1) * step), Placement: []string{"back", "front", "spread"}[k%3], Seed: k})
	}
	return all
}

// resetPeak makes the kernel forget the process's peak memory; false if it cannot.
func resetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }

// peakMB is the peak memory of this process as the kernel counts it; 0 if the kernel does not report it.
func peakMB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %g kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}

const mostMemory = 256 // MB

// TestSweepMemory packs 12 sizes at once: four times as much as may be held in memory.
func TestSweepMemory(t *testing.T) {
	packages := sweep(t, "Zip", 13<<20)
	resetPeak()
	if err := (Stage{}).Run(t.Context(), newRun(t, packages...)); err != nil {
		t.Fatal(err)
	}
	if peak := peakMB(); peak > mostMemory {
		t.Errorf("%.0f MB at the most, %d are allowed", peak, mostMemory)
	}
	for _, p := range packages {
		if p.Bytes != p.TargetBytes {
			t.Errorf("%s: %d bytes instead of %d", p.Name, p.Bytes, p.TargetBytes)
		}
	}
}

// TestContextMemory streams the context of an image of 1 GiB.
func TestContextMemory(t *testing.T) {
	const size = 1 << 30
	var from buildContext
	from.addFiller("back", fillerName, 1, 0, size)
	stream := from.reader(t.Context())
	defer stream.Close()
	resetPeak()
	n, err := io.Copy(io.Discard, stream)
	if err != nil || n < size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if peak := peakMB(); peak > mostMemory {
		t.Errorf("%.0f MB at the most, %d are allowed", peak, mostMemory)
	}
}
