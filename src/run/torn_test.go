package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fullFile accepts a number of bytes and is then full, like a disk: the write that does not fit is a short one.
type fullFile struct {
	*os.File
	room  int64
	stuck bool // what it took cannot be taken back
	deaf  bool // it cannot be synced
}

func (f *fullFile) WriteAt(p []byte, at int64) (int, error) {
	fits := max(0, min(int64(len(p)), f.room-at))
	n, err := f.File.WriteAt(p[:fits], at)
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *fullFile) Truncate(size int64) error {
	if f.stuck {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

func (f *fullFile) Sync() error {
	if f.deaf {
		return syscall.EDQUOT
	}
	return f.File.Sync()
}

func openFull(t *testing.T, dir string) (*Journal, *fullFile) {
	t.Helper()
	j := openJournal(t, dir)
	f := &fullFile{File: j.file.(*os.File), room: 1 << 30}
	j.file = f
	return j, f
}

// Wherever within a line the disk becomes full: acknowledged entries stay, the next line is complete, nothing is
// damaged.
func TestShortWriteIsTakenBack(t *testing.T) {
	for _, kind := range []string{"taken back", "stuck", "stuck for a while", "deaf"} {
		for room := 0; room < 150; room += 7 {
			dir := t.TempDir()
			j, f := openFull(t, dir)
			first := must(j.Intend("thing", "first", nil))(t)
			f.room = j.size + int64(room)
			f.stuck, f.deaf = strings.HasPrefix(kind, "stuck"), kind == "deaf"
			for range 2 { // the second half-line follows the first
				if _, err := j.Intend("thing", strings.Repeat("torn", 40), nil); !errors.Is(err, syscall.ENOSPC) &&
					!errors.Is(err, syscall.EDQUOT) {
					t.Fatalf("%s, room %d: a full disk gave %v", kind, room, err)
				}
			}
			f.room, f.deaf, f.stuck = 1<<30, false, kind == "stuck"
			second := must(j.Intend("thing", "second", nil))(t)
			check(t, j.Removed(first))
			check(t, j.Close())
			again := openJournal(t, dir)
			if p := again.Pending(); len(p) != 1 || p[0].Name != "second" || p[0].ID != second.ID ||
				second.ID == first.ID {
				t.Fatalf("%s, room %d: pending is %v; want the second alone\n%s", kind, room, p, read(t, j.path))
			}
			for _, d := range again.Damage() {
				if kind != "stuck" || !d.Short {
					t.Fatalf("%s, room %d: %v\n%s", kind, room, d, read(t, j.path))
				}
			}
		}
	}
}

// A journal from an older version: the next entry is appended to a torn one, at every position at which it can be torn.
func TestGluedLinesAreSalvaged(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	kept := must(j.Intend("thing", `a {"seq":9} "b" \`, map[string]string{"k": "v\n"}))(t)
	gone := must(j.Intend("thing", "c", nil))(t)
	check(t, j.Removed(gone))
	check(t, j.Close())
	lines := strings.SplitAfter(strings.TrimSpace(read(t, j.path)), "\n")
	for at := range lines {
		for cut := 1; cut < len(strings.TrimSpace(lines[at])); cut += 3 {
			torn := lines[at][:cut]
			text := strings.Join(lines[:at], "") + torn + strings.Join(lines[at:], "") + "\n"
			check(t, os.WriteFile(j.path, []byte(text), 0o644))
			again := openJournal(t, dir)
			if p := again.Pending(); len(p) != 1 || p[0].Name != kept.Name || p[0].Attrs["k"] != "v\n" {
				t.Fatalf("torn after %q: pending is %v", torn, p)
			}
			d := again.Damage()
			if len(d) != 1 || d[0].Line != at+1 || d[0].Saved != 1 || !d[0].Short ||
				d[0].Lost != strings.TrimSpace(torn) {
				t.Fatalf("torn after %q: damage is %v; want line %d", torn, d, at+1)
			}
			must(again.Intend("thing", "next", nil))(t)
			check(t, again.Close())
		}
	}
}

// Lines that are not entries are reported and left out; the entries before and after them count.
func TestDamageStopsNothing(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	a := must(j.Intend("thing", "a", nil))(t)
	b := must(j.Intend("thing", "b", nil))(t)
	check(t, j.Failed(b, errors.New("stuck")))
	check(t, j.Close())
	lines := strings.SplitAfter(read(t, j.path), "\n")
	for name, text := range map[string]string{
		"garbage":      "garbage\n" + lines[0] + "{}\n[1]\n\n" + lines[1] + "\x00\xff\n" + lines[2],
		"intent lost":  lines[0] + `{"seq":2,"time":broken` + "\n" + lines[2],
		"no last end":  lines[0] + lines[1] + strings.TrimSpace(lines[2]),
		"end and torn": lines[0] + strings.TrimSpace(lines[1]) + `{"seq":`,
		"windows":      strings.ReplaceAll(strings.Join(lines, ""), "\n", "\r\n"),
	} {
		check(t, os.WriteFile(j.path, []byte(text), 0o644))
		again := openJournal(t, dir)
		if p := again.Pending(); len(p) != 2 || p[0].ID != b.ID || p[1].ID != a.ID {
			t.Errorf("%s: pending is %v; want b, then a", name, p)
		}
		foreign := len(again.Damage()) > 0 && !again.Damage()[0].Short
		if foreign != (name == "garbage") {
			t.Errorf("%s: damage is %v", name, again.Damage())
		}
		if len(again.Damage()) > 0 && !strings.Contains(again.Damage()[0].String(), "line ") {
			t.Errorf("%s: no line in %q", name, again.Damage()[0])
		}
		c := must(again.Intend("thing", "c", nil))(t)
		check(t, again.Close())
		third := openJournal(t, dir)
		if p := third.Pending(); len(p) != 3 || p[0].ID != c.ID || c.ID <= b.ID {
			t.Errorf("%s: after one more entry pending is %v\n%s", name, p, text)
		}
		check(t, third.Close())
	}
}

// FuzzJournal: any text is read, and an appended entry is there the next time, with a number of its own.
func FuzzJournal(f *testing.F) {
	whole := `{"seq":1,"time":"2026-01-02T15:04:05Z","event":"intent","resource":{"id":1,"kind":"thing","name":"a"}}`
	for _, text := range []string{"", whole, whole + "\n", whole[:40] + whole + "\n", whole + "\n" + whole[:9] + "\n",
		"garbage\n", whole + whole + "\n{\"seq\":"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, JournalFile), text, 0o644))
		j := openJournal(t, dir)
		before := len(j.Pending())
		res, err := j.Intend("thing", "new", nil)
		if res.ID <= 0 {
			return // the numbers have run out
		}
		check(t, err)
		check(t, j.Close())
		again := openJournal(t, dir)
		if p := again.Pending(); len(p) != before+1 || p[0].ID != res.ID || p[0].Name != "new" {
			t.Fatalf("pending is %v; want %d and the new one\n%q", p, before, text)
		}
	})
}
