package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Ten million rows are written, read back, summarised and drawn within 512 MB. The work is done in a process of its
// own, of which the system says the most memory that it ever had.

const scaleBound = 512 << 20

// Settings of that process, and of scripts/bench-rows.sh.
const (
	scaleDir   = "STELLAR_TEST_SCALE_DIR"   // where the files go; what it holds already is read and not written again
	scaleRows  = "STELLAR_TEST_SCALE_ROWS"  // how many
	scaleBurst = "STELLAR_TEST_SCALE_BURST" // in bursts of this size
)

func TestScale(t *testing.T) {
	for _, burst := range []int{1000, 1} {
		n := 10_000_000
		switch {
		case raceEnabled:
			n = min(10_000, 500*burst) // each burst is resampled; the part data has more rows
		case testing.Short():
			n = 200_000
		}
		t.Run(fmt.Sprintf("bursts of %d", burst), func(t *testing.T) {
			t.Logf("%d rows", n)
			dir := t.TempDir()
			child := exec.Command(os.Args[0], "-test.run", "^TestScaleWork$", "-test.v")
			child.Env = append(os.Environ(), scaleDir+"="+dir, scaleRows+"="+strconv.Itoa(n),
				scaleBurst+"="+strconv.Itoa(burst))
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			peak := peakOf(t, string(out))
			t.Logf("at most %d MB", peak>>20)
			if peak > scaleBound {
				t.Errorf("%d rows took %d MB, over %d\n%s", n, peak>>20, scaleBound>>20, out)
			}
			for _, name := range []string{"latencies.csv", sample.BurstsFile, CDFFile, BarsFile} {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 1000 {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// peakOf finds what the child said of its memory.
func peakOf(t *testing.T, out string) int {
	t.Helper()
	_, rest, _ := strings.Cut(out, "peak=")
	digits, _, _ := strings.Cut(rest, " ")
	peak, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("the process said nothing of its memory: %s", out)
	}
	return peak
}

// TestScaleWork is the process's work; by itself it is the same with a few rows.
func TestScaleWork(t *testing.T) {
	dir := os.Getenv(scaleDir)
	if dir == "" {
		dir = t.TempDir()
	}
	n, burst := setting(t, scaleRows, 5_000), setting(t, scaleBurst, 10)
	began := time.Now()
	writeScaleRows(t, dir, n, burst)
	written := time.Now()
	s := process(t, dir)
	t.Logf("peak=%d bytes; wrote in %v, processed in %v", peakMemory(t), written.Sub(began), time.Since(written))
	if s.Rows()+s.Warmup != n || s.Client.Suspects == 0 || s.Errors == 0 || s.Cold.Count == 0 ||
		(burst > 1) != s.Client.Spread50.OK {
		t.Errorf("%d rows, %d of them warm-up; %+v", s.Rows(), s.Warmup, s.Client)
	}
	// Warm requests are log-normal around 2 ms with a deviation of 0.25 in the logarithm.
	if want := 2 * math.Exp(-0.015); n > 100_000 && math.Abs(s.Warm.P50.V-2) > 0.05*want {
		t.Errorf("the median of the warm ones is %v", s.Warm.P50.V)
	}
}

func setting(t testing.TB, name string, without int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q", name, text)
	}
	return n
}

// peakMemory is the most memory that this process ever had: what the system says, else what Go got from it.
func peakMemory(t testing.TB) int {
	t.Helper()
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
				kib, err := strconv.Atoi(fields[1])
				if err != nil {
					t.Fatal(err)
				}
				return kib << 10
			}
		}
	}
	return heapFromSystem()
}

// writeScaleRows writes latencies.csv as a run would, burst by burst, but without a sync for each.
func writeScaleRows(t testing.TB, dir string, n, burst int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "latencies.csv"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	w := sample.NewWriter(struct{ io.Writer }{f})
	rng := rand.New(rand.NewPCG(10, 7))
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range n {
		if i%burst == 0 {
			at = at.Add(time.Duration(burst) * 50 * time.Microsecond)
		}
		s := scaleRow(rng, at, i, burst)
		w.AppendRow(&s)
		if i%2000 == 1999 || i == n-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// scaleRow is one request as the probe would write it: mostly warm, some cold, a few failed, all cells filled in.
func scaleRow(rng *rand.Rand, planned time.Time, i, burst int) sample.Sample {
	s := sample.Empty()
	s.RequestID, s.Host, s.Endpoint = "01890a5d-ac96-774b-bcce-"+strconv.Itoa(100_000_000+i), "127.0.0.1:34567",
		"f0-"+strconv.Itoa(i/burst%4)
	s.Burst, s.Round, s.Slot, s.BurstSize, s.Warmup = i/burst, i/burst/4, i%burst, burst, i < 4*burst
	s.PlannedAt, s.ReleasedAt = planned, planned.Add(20*time.Microsecond)
	s.Lateness = time.Duration(20_000 + 6000*s.Slot + rng.IntN(4000))
	s.SentAt, s.WriteBegan, s.Written = planned.Add(s.Lateness), 0, time.Duration(5000+rng.IntN(3000))
	s.Cold, s.InstanceID, s.Invocation = sample.No, "i-0a1b2c3d"+strconv.Itoa(rng.IntN(1000)), int64(1+i%5000)
	ms := 2 * math.Exp(rng.NormFloat64()*0.25)
	switch rng.IntN(200) {
	case 0, 1:
		s.Cold, s.Invocation, s.Init, ms = sample.Yes, 1, 61*time.Millisecond, 80*math.Exp(rng.NormFloat64()*0.12)
	case 2:
		s.Suspect = []string{"gc", "scheduler", "gc+scheduler"}[i%3]
	case 3:
		s.Err, s.Status, s.Cold = sample.HTTP5xx, 503, sample.Unknown
		return s
	}
	s.Latency = time.Duration(ms * 1e6)
	s.FirstByte, s.Service, s.Desired = s.Latency-30_000, s.Latency/2, 0
	s.ReceivedAt, s.FnReceived = s.SentAt.Add(s.Latency), s.SentAt.Add(s.Latency/4)
	s.Status, s.Bytes = 200, int64(300+rng.IntN(20))
	return s
}

// process does with latencies.csv what a run does at its end.
func process(t testing.TB, dir string) analyze.Summary {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "latencies.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		t.Fatal(err)
	}
	rows.OmitRequestIDs()
	var s analyze.Summary
	if err := wholefile.Replace(filepath.Join(dir, sample.BurstsFile), func(w io.Writer) error {
		bursts := sample.NewBurstWriter(w)
		c := analyze.NewCollector(analyze.Options{EachBurst: bursts.Append, Resampling: &analyze.Resampling{Seed: 1}})
		err := rows.Each(c.Add)
		if err == nil {
			s, err = c.Summary()
		}
		return errors.Join(err, bursts.Flush())
	}); err != nil || rows.Torn() != 0 {
		t.Fatalf("%v, torn %d", err, rows.Torn())
	}
	if _, err := drawIn(t.Context(), func(d *Drawing) {
		d.Plots(dir, Visualization{CDF: true, Bars: true}, s)
	}); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "statistics.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(analyze.WriteCSV(out, []analyze.Summary{s}), out.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := drawIn(t.Context(), func(d *Drawing) {
		d.CombinedCDF(filepath.Join(dir, "all"), []analyze.Summary{s.Light()})
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkRows processes the rows that are in the folder of the settings, or makes some. scripts/bench-rows.sh sets it
// against pandas.
func BenchmarkRows(b *testing.B) {
	dir := os.Getenv(scaleDir)
	if dir == "" {
		dir = b.TempDir()
	}
	n := setting(b, scaleRows, 100_000)
	if _, err := os.Stat(filepath.Join(dir, "latencies.csv")); err != nil {
		writeScaleRows(b, dir, n, setting(b, scaleBurst, 1000))
	}
	info, err := os.Stat(filepath.Join(dir, "latencies.csv"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		process(b, dir)
	}
	b.ReportMetric(float64(peakMemory(b))/1e6, "peak-MB")
}

// BenchmarkWriteRows writes them.
func BenchmarkWriteRows(b *testing.B) {
	n := setting(b, scaleRows, 100_000)
	for b.Loop() {
		writeScaleRows(b, b.TempDir(), n, setting(b, scaleBurst, 1000))
	}
}

func heapFromSystem() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapSys)
}
