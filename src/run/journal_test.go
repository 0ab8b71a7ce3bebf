package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPendingIsNewestFirstAndForgetsRemoved(t *testing.T) {
	j := openJournal(t, t.TempDir())
	folder := must(j.Intend("folder", "/tmp/stellar-x", nil))(t)
	platform := must(j.Intend("platform", "p", map[string]string{"dir": "/d"}))(t)
	service := must(j.Intend("service", "s", nil))(t)
	check(t, j.Created(platform, map[string]string{"pid": "7"}))
	check(t, j.Removed(folder))

	got := j.Pending()
	if len(got) != 2 || got[0].ID != service.ID || got[1].ID != platform.ID {
		t.Fatalf("pending is %v; want service, then platform", got)
	}
	if a := got[1].Attrs; a["dir"] != "/d" || a["pid"] != "7" {
		t.Errorf("attributes are %v; want those of the intent and of the creation", a)
	}
}

func TestFailedRemovalStaysPending(t *testing.T) {
	j := openJournal(t, t.TempDir())
	res := must(j.Intend("service", "s", nil))(t)
	check(t, j.Failed(res, errors.New("throttled")))
	if got := j.Pending(); len(got) != 1 {
		t.Fatalf("pending is %v; want the service whose removal failed", got)
	}
}

func TestJournalSurvivesATornLine(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	must(j.Intend("service", "s", nil))(t)
	check(t, j.Close())
	path := filepath.Join(dir, JournalFile)
	whole := read(t, path)
	check(t, os.WriteFile(path, []byte(whole+`{"seq":2,"event":"crea`), 0o644))

	again := openJournal(t, dir)
	if got := again.Pending(); len(got) != 1 || got[0].Name != "s" {
		t.Fatalf("pending is %v; want the one whole entry", got)
	}
	check(t, again.Note(EventEnd, ""))
	if text := read(t, path); !strings.HasPrefix(text, whole) || strings.Contains(text, "crea") {
		t.Errorf("the torn line was not cut off:\n%s", text)
	}
}

func TestJournalHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	if _, err := OpenJournal(dir); !errors.Is(err, ErrLive) {
		t.Fatalf("a second owner got %v; want ErrLive", err)
	}
	check(t, j.Close())
	openJournal(t, dir)
}

// A process that is killed while it starts a program leaves a copy of the locked file until that program runs. The
// journal can be opened all the same.
func TestJournalOfAnOwnerThatHasJustEnded(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, JournalFile))
	check(t, err)
	check(t, lock(f))
	tried := 0
	wait := func() bool { // the copy is gone at the third try
		tried++
		if tried == 3 {
			check(t, f.Close())
		}
		return tried < 10
	}
	g, err := os.Open(filepath.Join(dir, JournalFile))
	check(t, err)
	defer g.Close()
	if err := lockOnceFree(g, wait); err != nil || tried != 3 {
		t.Errorf("after %d tries: %v; want the lock at the third", tried, err)
	}
	other, err := os.Open(filepath.Join(dir, JournalFile))
	check(t, err)
	defer other.Close()
	if err := lockOnceFree(other, wait); !errors.Is(err, ErrLive) || tried != 10 {
		t.Errorf("a lock that stays: %v after %d tries; want ErrLive after 10", err, tried)
	}
}

func openJournal(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir)
	check(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

// A copy of the open journal's descriptor, as in a program that is just being started, does not hold the lock.
func TestCloseGivesUpTheLockOfACopyToo(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	copied, err := syscall.Dup(int(j.file.Fd()))
	check(t, err)
	defer syscall.Close(copied)
	check(t, j.Close())
	again, err := OpenJournal(dir)
	check(t, err)
	check(t, again.Close())
}

// Functions that were kept on purpose are left alone. Once their removal has begun, they are left behind like any other
// resource.
func TestKeptUntilItsRemovalBegins(t *testing.T) {
	j := openJournal(t, t.TempDir())
	if j.Kept() {
		t.Error("kept, and nobody said so")
	}
	check(t, j.Note(EventKept, ""))
	if !j.Kept() {
		t.Error("not kept, although it was said")
	}
	check(t, j.Note(EventUndo, ""))
	if j.Kept() {
		t.Error("kept, although its removal has begun")
	}
}
