package rawcode_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/microtest"
)

// TestShareOfQuotas compares the share that cpuu shows with quotas that the kernel enforces.
func TestShareOfQuotas(t *testing.T) {
	group := cgroup(t)
	dir := t.TempDir()
	linked(built(t, goProgram))(t, dir)
	command := func(dir string) []string { return []string{filepath.Join(dir, "bootstrap")} }
	in := startLambda(t, language{lambda: command}, dir)
	in.do(t, get())
	setFile(t, filepath.Join(group.dir, "cgroup.procs"), strconv.Itoa(in.process.Pid))
	for _, quota := range []float64{0.1, 0.25, 0.5, 1} {
		group.limit(t, quota)
		const attempts = 3
		for attempt := 1; ; attempt++ {
			why := compareShare(t, in, quota)
			if why == "" {
				break
			}
			if attempt == attempts {
				t.Error(why)
				break
			}
			t.Logf("attempt %d: %s", attempt, why)
		}
	}
	if err := in.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-in.exited
}

// compareShare says what is wrong with the share under a quota. Where others had the processor, so that the function
// stood more often than once in a period, the kernel's own count is what the share is compared with, and less strictly:
// stops below a ms are not seen.
func compareShare(t *testing.T, in *instance, quota float64) (why string) {
	t.Helper()
	const iterations = 25_000_000 // about 1.2 s of a processor
	before := usedTime(t, in)
	r, _ := run(t, in, fmt.Sprintf(`{"cpuu":{"n":%d}}`, int(quota*iterations)))
	used := float64(usedTime(t, in)-before) / 1e6 / read[float64](t, r, "elapsed_time")
	s := microtest.Share(read[[]float64](t, r, "cpuu"))
	if s.Share == nil {
		return fmt.Sprintf("quota %g: no share, %+v", quota, s)
	}
	want, tolerance := quota, 0.1
	if most := 3 + 1.3*s.Span/100; used < 0.95*quota || float64(s.Gaps) > most {
		want, tolerance = used, 0.25
	}
	t.Logf("quota %g: share %.4f, by the kernel %.4f, %d gaps in %.0f ms", quota, *s.Share, used, s.Gaps, s.Span)
	if math.Abs(*s.Share-want) > tolerance*want {
		return fmt.Sprintf("quota %g: share %.4f, want %.4f", quota, *s.Share, want)
	}
	return ""
}

// usedTime is the processor time of all threads of a running function (proc(5), schedstat).
func usedTime(t *testing.T, in *instance) (sum time.Duration) {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", in.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", in.process.Pid, thread.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// controlGroup is a group of processes whose processor time is limited.
type controlGroup struct {
	dir string
	two bool // version 2
}

// cgroup makes a group. Where this process may not, the test is skipped.
func cgroup(t *testing.T) controlGroup {
	t.Helper()
	name := fmt.Sprintf("stellar-test-%d", os.Getpid())
	for _, g := range []controlGroup{{filepath.Join("/sys/fs/cgroup/cpu", name), false},
		{filepath.Join("/sys/fs/cgroup", name), true}} {
		if os.Mkdir(g.dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(g.dir) })
		if os.WriteFile(filepath.Join(g.dir, g.file()), []byte(g.text(1)), 0o644) == nil {
			return g
		}
	}
	t.Skip("this process may not limit processor time with a control group")
	return controlGroup{}
}

func (g controlGroup) file() string {
	if g.two {
		return "cpu.max"
	}
	return "cpu.cfs_quota_us"
}

// text is a quota as the file has it, of a period of 100 ms.
func (g controlGroup) text(quota float64) string {
	us := strconv.Itoa(int(quota * 100_000))
	if g.two {
		return us + " 100000"
	}
	return us
}

func (g controlGroup) limit(t *testing.T, quota float64) {
	t.Helper()
	setFile(t, filepath.Join(g.dir, g.file()), g.text(quota))
}

func setFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
