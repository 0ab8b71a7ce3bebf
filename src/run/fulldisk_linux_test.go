package run

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// A full file system of its own: the failing line crosses a page, so that a part of it is written.
func TestJournalOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	check(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"))
	defer func() { check(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
	j := openJournal(t, dir)
	want := map[string]bool{}
	var err error
	for n := 0; err == nil; n++ {
		name := fmt.Sprintf("thing-%d", n)
		if _, err = j.Intend("thing", name, nil); err == nil {
			want[name] = true
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || len(want) == 0 {
		t.Fatalf("after %d lines: %v; want a full disk", len(want), err)
	}
	if text := read(t, j.path); !strings.HasSuffix(text, "}\n") {
		t.Errorf("half a line was left: …%q", text[len(text)-60:])
	}
	check(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64k"))
	must(j.Intend("thing", "later", nil))(t)
	check(t, j.Close())
	again := openJournal(t, dir)
	if p := again.Pending(); len(p) != len(want)+1 || p[0].Name != "later" || len(again.Damage()) != 0 {
		t.Errorf("%d are pending, the newest is %v, damage %v; want %d and later", len(p), p[0], again.Damage(),
			len(want)+1)
	}
	check(t, again.Close())
}
