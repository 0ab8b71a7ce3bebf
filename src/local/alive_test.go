package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestRemoveDeadWaitsForProcesses holds that a platform which has no folder yet counts as alive as long as a process of
// it does, that nothing of it is touched meanwhile, and that all files are removed once it has ended.
func TestRemoveDeadWaitsForProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", dirPrefix+"starting")
	if err := RemoveDead(t.Context(), dir); err != nil {
		t.Errorf("before there is a state root: %v", err)
	}
	alive, err := markAlive(dir)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command("cat") // as a watcher that was just started: it lives as long as its owner's pipe
	process.Stdin, process.ExtraFiles = read, []*os.File{alive}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = read.Close(), alive.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := RemoveDead(ctx, dir); fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("beside a process that lives: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // young, and without its lock
		t.Fatal(err)
	}
	_ = write.Close()
	_ = process.Wait()
	if err := RemoveDead(t.Context(), dir); err != nil {
		t.Errorf("after its end: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestSpawnedPlatformIsAlive holds that platform and watcher have the lock from their start to their end, and that the
// lock file is removed with the rest.
func TestSpawnedPlatformIsAlive(t *testing.T) {
	root := t.TempDir()
	c, err := Spawn(t.Context(), SpawnOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := RemoveDead(ctx, c.Dir); fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("of a platform that lives: %v", err)
	}
	if status, err := c.Status(t.Context()); err != nil || absent(c.Dir) {
		t.Errorf("it was touched: %+v, %v", status, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestSweepOfLockFiles holds that the lock file of a platform that never had a folder is removed once it is old and
// nobody holds it.
func TestSweepOfLockFiles(t *testing.T) {
	root := t.TempDir()
	old := time.Now().Add(-2 * graceToOwn)
	for name, held := range map[string]bool{"dead": false, "lives": true, "young": false} {
		lock, err := markAlive(filepath.Join(root, dirPrefix+name))
		if err != nil {
			t.Fatal(err)
		}
		if held {
			t.Cleanup(func() { _ = lock.Close() })
		} else {
			_ = lock.Close()
		}
		if name != "young" {
			if err := os.Chtimes(lock.Name(), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Sweep(root); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]bool{"dead": false, "lives": true, "young": true} {
		if is := !absent(filepath.Join(root, dirPrefix+name+aliveSuffix)); is != want {
			t.Errorf("%s: its lock file is there: %t", name, is)
		}
	}
}
