package local_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// TestKillallWithImages kills the run and its platform at once, by their name, as killall does. The watcher has another
// name: processes and containers are gone after 10 s.
func TestKillallWithImages(t *testing.T) {
	t.Parallel()
	l := lab.New(t, killedImages)
	c := start(l)
	measured(l)
	killed := 0
	for _, p := range lab.Processes(l.Dir) {
		number, _, _ := strings.Cut(p, " ")
		name, _ := os.ReadFile(filepath.Join("/proc", number, "comm"))
		pid, err := strconv.Atoi(number)
		if err == nil && strings.TrimSpace(string(name)) == "stellar" {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			killed++
		}
	}
	_ = c.Wait()
	if killed != 2 {
		t.Errorf("%d processes are called stellar, want the run and its platform", killed)
	}
	dir, _ := l.Journal()
	left := "?"
	const looks = 140 // in 10 s; a busy machine looks more slowly, too
	for n := 0; left != "" && n < looks; n++ {
		time.Sleep(50 * time.Millisecond)
		out, err := exec.Command("docker", "ps", "-aq", "--filter", "label=stellar-run="+filepath.Base(dir)).
			CombinedOutput()
		if err != nil {
			t.Fatalf("docker ps: %v\n%s", err, out)
		}
		left = string(out) + strings.Join(lab.Processes(l.Dir), "\n")
	}
	if left != "" {
		t.Errorf("left after %d looks since the kill:\n%s", looks, left)
	}
	l.Clean()
	if err := lab.LeftInEngine(filepath.Base(dir)); err != nil {
		t.Error(err)
	}
}
