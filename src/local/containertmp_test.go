package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/container"
)

// scratchOf is the scratch folder of the only instance of function f.
func scratchOf(t *testing.T, p *Platform) string {
	t.Helper()
	f, err := p.function("s", "f")
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) != 1 {
		t.Fatalf("%d instances, want one", len(f.all))
	}
	for in := range f.all {
		return in.tmp
	}
	return ""
}

// Whoever an image's user is can write to /tmp, and what was written goes with the instance.
func TestEveryUserWritesToTmp(t *testing.T) {
	c := testEngine(t)
	for i, user := range []string{"", "USER 1000\n", "USER 65534:65534\n"} {
		name := fmt.Sprintf("stellar-test-user:%d-%d", os.Getpid(), i)
		testImageWith(t, c, name, architecture, user)
		p, ctl := testPlatform(t, nil)
		url := deployTo(t, ctl, ofImage(name, nil))
		for range 2 {
			if r := getOK(t, url+"?do=write"); r.Error != "" || r.PID != []int{0, 1000, 65534}[i] {
				t.Errorf("%q: user %d cannot write: %s", user, r.PID, r.Error)
			}
		}
		scratch := scratchOf(t, p)
		info, err := os.Stat(scratch)
		if err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
			t.Errorf("/tmp is %v (%v)", info, err)
		}
		if err := ctl.Delete(t.Context(), "s"); err != nil || !absent(scratch) {
			t.Errorf("delete: %v", err)
		}
	}
}

// An ordinary user may not remove a folder of the container's user: the Engine does.
func TestEngineEmptiesTmp(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-empty:%d", os.Getpid())
	testImageWith(t, c, name, architecture, "USER 1000\n")
	p, ctl := testPlatform(t, nil)
	url := deployTo(t, ctl, ofImage(name, nil))
	getOK(t, url+"?do=write")
	scratch := scratchOf(t, p)
	id := containersOf(t, c, p.opts.Dir)[0].ID
	var asked, folders []string
	ordinary := func(path string) error { // what the kernel tells an ordinary user
		asked = append(asked, path)
		if info, err := os.Lstat(path); err != nil || !info.IsDir() {
			return errors.Join(err, os.Remove(path))
		}
		folders = append(folders, path)
		return syscall.EACCES
	}
	// The platform empties and removes the folder of a container that ends, so this one only pauses.
	if err := c.ContainerPause(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := container.EmptyTmp(t.Context(), c, id, scratch, ordinary); err != nil {
		t.Fatal(err)
	}
	if left := entriesOf(t, scratch); len(left) > 0 || len(asked) != 2 || len(folders) != 1 ||
		slices.Contains(left, filepath.Base(folders[0])) {
		t.Errorf("left %v of %v, folders %v", left, asked, folders)
	}
	if err := errors.Join(c.ContainerUnpause(t.Context(), id), c.ContainerKill(t.Context(), id, "KILL")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the instance is gone", func() bool { return p.Status().Instances == 0 })
}

// What a killed platform's containers have written goes, too.
func TestTmpOfAKilledPlatform(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-killed:%d", os.Getpid())
	testImageWith(t, c, name, architecture, "USER 1000\n")
	child, err := Spawn(t.Context(), SpawnOptions{Root: t.TempDir(), Options: Options{CPU: CPUOff}})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	getOK(t, deployTo(t, child.Client, ofImage(name, nil))+"?do=write")
	one := containersOf(t, c, child.Dir)[0]
	if tmp := container.TmpOf(one.Mounts); filepath.Dir(filepath.Dir(tmp)) != child.Dir {
		t.Errorf("/tmp is %q", tmp)
	}
	if err := syscall.Kill(child.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	const looks = 200 // in 10 s; a busy machine looks more slowly, too
	for n := 0; len(containersOf(t, c, child.Dir)) > 0 || !absent(child.Dir); n++ {
		if n == looks {
			t.Fatalf("containers and folder are not gone after %d looks", looks)
		}
		time.Sleep(45 * time.Millisecond)
	}
}
