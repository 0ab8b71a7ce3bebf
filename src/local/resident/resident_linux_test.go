package resident

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestPeak counts a process and what it has started, and keeps what it has seen.
func TestPeak(t *testing.T) {
	shell := exec.Command("sh", "-c", "sleep 60 & sleep 60; true") // two below the shell
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(shell.Process.Pid)
	var all []string
	for end := time.Now().Add(10 * time.Second); len(all) < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		all = descendants(nil, pid)
	}
	end := func() {
		for _, child := range all {
			n, _ := strconv.Atoi(child)
			if p, err := os.FindProcess(n); err == nil {
				_ = p.Kill()
			}
		}
		_ = shell.Wait()
	}
	defer end()
	if len(all) != 3 || all[0] != pid {
		t.Fatalf("the shell %s and those below it are %v", pid, all)
	}
	before := openFiles(t)
	one, tree := peakOf(pid), Tree(shell.Process.Pid)
	var sum, parts int64
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		parts = one + peakOf(all[1]) + peakOf(all[2]) // those below the shell may still be loading their program
		if sum = tree.Peak(); sum >= parts {
			break
		}
	}
	if one < 100<<10 || sum < parts || parts < one+200<<10 {
		t.Errorf("the tree has %d bytes, its processes %d, the shell alone %d", sum, parts, one)
	}
	list := filepath.Join(t.TempDir(), "cgroup.procs")
	// With version 1 this process itself can be in the list, with a thread.
	if err := os.WriteFile(list, []byte(pid+"\n"+strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	group := Group(list)
	if got := group.Peak(); got != one {
		t.Errorf("the group has %d bytes, its one process %d", got, one)
	}
	if kept := openFiles(t) - before; kept != 4 {
		t.Errorf("%d files are kept open for four processes", kept)
	}
	group.Close()
	if kept := openFiles(t) - before; kept != 3 {
		t.Errorf("%d files are kept open for three processes", kept)
	}
	seen := tree.Peak()
	end()
	tree.listed, before = time.Time{}, openFiles(t)
	if got := tree.Peak(); got != seen {
		t.Errorf("after its end the tree had %d bytes, before %d", got, seen)
	}
	if closed := before - openFiles(t); closed != 3 {
		t.Errorf("%d files of three ended processes are closed", closed)
	}
	tree.Close()
	if got := tree.Peak(); got != seen || len(tree.all) > 0 {
		t.Errorf("closed, the tree had %d bytes, before %d, in %v", got, seen, tree.all)
	}
	if got := Group(filepath.Join(t.TempDir(), "none")).Peak(); got != 0 {
		t.Errorf("a group that is not there has %d bytes", got)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
