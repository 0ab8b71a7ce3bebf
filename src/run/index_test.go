package run

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// An entry that cannot be read is reported, and the others are still returned.
func TestIndexReadsPastWhatIsNoEntry(t *testing.T) {
	w, home := deps(t)
	r := must(Create(w, home, load(t), home))(t)
	check(t, r.Remember())
	kept := &Kept{Until: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
		Functions: []KeptFunction{{"f0-0", "go", 128, "http://h"}}}
	check(t, errors.Join(r.RememberPlace(map[string]string{"region": "there"}), r.RememberKept(kept),
		r.RememberStore(map[string]string{"bucket": "b"})))
	at := func(name string) string { return filepath.Join(r.index.Dir, name) }
	const id = "20260102T150405Z-local-"
	check(t, errors.Join(
		os.WriteFile(at(id+"aaaa"), nil, 0o644),
		os.WriteFile(at(id+"bbbb"), []byte("results\n"), 0o644),
		os.Mkdir(at(id+"cccc"), 0o755),
		os.Symlink("/etc/passwd", at(id+"dddd")),
		os.WriteFile(at(id+"eeee"), []byte("/results/e\n{\"region\""), 0o644),
		os.WriteFile(at(id+"ffff"), []byte("\x00\xff"), 0o644),
		os.WriteFile(at("notes.txt"), []byte("/results\n"), 0o644),
		os.WriteFile(at(".half-1"), []byte("/res"), 0o644)))
	all := must(Remembered(w.Getenv))(t)
	wrong := map[string]bool{id + "bbbb": true, id + "cccc": true, id + "dddd": true, id + "ffff": true,
		"notes.txt": true}
	if len(all) != 8 {
		t.Errorf("%d entries: %+v", len(all), all)
	}
	for _, e := range all {
		if (e.Err != nil) != wrong[e.ID] {
			t.Errorf("%s: %v", e.ID, e.Err)
		}
		if e.ID == id+"eeee" && (e.Damaged == nil || e.Dir != "/results/e") {
			t.Errorf("an entry with a damaged second line: %+v", e)
		}
		if e.ID == r.ID && (!reflect.DeepEqual(e.Kept, kept) || e.Place["region"] != "there" ||
			e.Store["bucket"] != "b" || e.Scratch != r.WorkDir) {
			t.Errorf("read back as %+v", e)
		}
	}
	if dirs := must(Unfinished(w.Getenv))(t); len(dirs) != 2 || !slices.Contains(dirs, r.Dir) {
		t.Errorf("folders are %v", dirs)
	}
}

// A folder that was moved still belongs to the run, and the index is updated. A copy does not.
func TestOpenFollowsAMovedFolder(t *testing.T) {
	w, home := deps(t)
	r := must(Create(w, filepath.Join(home, "out"), load(t), home))(t)
	check(t, r.Remember())
	must(r.Journal.Intend("thing", "a", nil))(t)
	check(t, r.Close())
	moved := filepath.Join(home, "elsewhere")
	check(t, os.CopyFS(moved, os.DirFS(r.Dir)))
	if _, err := Open(w, moved); fail.Code(err) != fail.CodeInput {
		t.Errorf("a copy: %v; want exit code 2", err)
	}
	link := filepath.Join(home, "link")
	check(t, os.Symlink(r.Dir, link))
	check(t, must(Open(w, link))(t).Close())
	check(t, os.RemoveAll(r.Dir))
	again := must(Open(w, moved))(t)
	if again.ID != r.ID || again.Service != r.Service || again.Scratch() != r.WorkDir || !again.Remembered() {
		t.Errorf("opened as %s, service %s, scratch %s", again.ID, again.Service, again.Scratch())
	}
	check(t, again.Close())
	if dirs := must(Unfinished(w.Getenv))(t); !slices.Equal(dirs, []string{moved}) {
		t.Errorf("the index holds %v; want %s", dirs, moved)
	}
}

// A journal that is a link, or not a file, is refused: nothing is written to the link's target.
func TestOpenJournalFollowsNoLink(t *testing.T) {
	dir, precious := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	check(t, os.WriteFile(precious, []byte("a line\nno line break"), 0o644))
	check(t, os.Symlink(precious, filepath.Join(dir, JournalFile)))
	if j, err := OpenJournal(dir); err == nil {
		t.Error("a link was opened as a journal", j.Close())
	}
	if text := read(t, precious); text != "a line\nno line break" {
		t.Errorf("what the link leads to is now %q", text)
	}
}
