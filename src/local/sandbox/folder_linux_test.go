package sandbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTouchedFolder changes a folder in all ways: none is missed, and what is changed back is changed.
func TestTouchedFolder(t *testing.T) {
	inside := func(dir string) string { return filepath.Join(dir, "left") }
	for name, change := range map[string]func(dir string) error{
		"a file that is removed": func(dir string) error {
			return errorsOf(os.WriteFile(inside(dir), nil, 0o600), os.Remove(inside(dir)))
		},
		"a folder":      func(dir string) error { return os.MkdirAll(inside(dir), 0o700) },
		"the mode":      func(dir string) error { return errorsOf(os.Chmod(dir, 0o755), os.Chmod(dir, 0o700)) },
		"the times":     func(dir string) error { return os.Chtimes(dir, time.Time{}, time.Unix(1, 0)) },
		"an attribute":  func(dir string) error { return unix.Setxattr(dir, "user.left", []byte("x"), 0) },
		"nothing known": func(dir string) error { return os.RemoveAll(dir) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tmp")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			f := folder{path: dir, made: stampsOf(dir), usedAt: time.Now().Add(time.Minute)}
			if !f.untouched() {
				t.Fatal("it is touched as soon as it is made")
			}
			if !WaitUntil(t.Context(), time.Millisecond, func() bool { // to the clock's next step
				if err := change(dir); err != nil {
					t.Fatal(err)
				}
				return !f.untouched()
			}) {
				t.Error("it is not seen")
			}
		})
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// A folder that was made only just before the process's start may have been changed without a sign.
func TestFolderThatIsTooNew(t *testing.T) {
	dir := t.TempDir()
	f := folder{path: dir, made: stampsOf(dir)}
	for after, want := range map[time.Duration]bool{0: false, clockStep(): false, clockStep() + 1: true} {
		f.usedAt = f.made.changed().Add(after)
		if f.untouched() != want {
			t.Errorf("used %v after it was made: untouched %t", after, !want)
		}
	}
}

// TestFoldersAreUsedAgain discards cells: an untouched folder is the next one's, another one is removed.
func TestFoldersAreUsedAgain(t *testing.T) {
	p, err := NewPool(OpenGroups("stellar-test-folders", false, false), t.TempDir(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	discard := func(before func(tmp string)) (tmp string) {
		t.Helper()
		c, err := p.newCell()
		if err != nil {
			t.Fatal(err)
		}
		before(c.Tmp())
		if err := c.Discard(); err != nil {
			t.Fatal(err)
		}
		return c.Tmp()
	}
	kept := discard(func(string) {})
	if _, err := os.Lstat(kept); (err == nil) != (p.SharedTmp() == nil) {
		t.Errorf("the untouched folder: %v; SharedTmp: %v", err, p.SharedTmp())
	}
	touched := discard(func(tmp string) {
		if err := os.WriteFile(filepath.Join(tmp, "left"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		now := stampsOf(tmp)
		if !WaitUntil(t.Context(), time.Millisecond, func() bool { // to the clock's next step
			return os.Chmod(tmp, 0o700) == nil && stampsOf(tmp) != now
		}) {
			t.Fatal("its time stays")
		}
	})
	if _, err := os.Lstat(touched); err == nil {
		t.Errorf("%s is left", touched)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(kept); err == nil {
		t.Errorf("%s is left behind", kept)
	}
}

// TestFolderOfProcessesThatMayBeLeft: where it is not known that all processes have ended, the folder is removed.
func TestFolderOfProcessesThatMayBeLeft(t *testing.T) {
	p, err := NewPool(OpenGroups("stellar-test-left", false, false), t.TempDir(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.newCell()
	if err != nil {
		t.Fatal(err)
	}
	close(c.jobs)
	if err := errorsOf(c.remove(), c.clear()); err != nil { // as Discard does, which knows
		t.Fatal(err)
	}
	if _, err := os.Lstat(c.Tmp()); err == nil {
		t.Errorf("%s is left for another cell", c.Tmp())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
