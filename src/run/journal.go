package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Events of a journal entry. A resource goes through intent, created, removed. After an intent without created, the
// process may have died in between, so the resource is looked for as well.
const (
	EventStart   = "start"   // the run began
	EventStage   = "stage"   // a stage began
	EventIntent  = "intent"  // a resource is about to be made
	EventCreated = "created" // it was made, with what is needed to find it again
	EventRemoved = "removed" // verified absent
	EventFailed  = "failed"  // an attempt to remove it failed
	EventKept    = "kept"    // kept on purpose
	EventRenewed = "renewed" // a later tag stellar-expires was given, Detail is its time
	EventUndo    = "undo"    // what was kept, or left behind, is being removed
	EventEnd     = "end"     // the run ended, Detail says how
)

// Resource is something that a run creates and must remove. Its removal may depend only on Name and Attrs.
type Resource struct {
	ID    int               `json:"id"` // sequence number of its intent
	Kind  string            `json:"kind"`
	Name  string            `json:"name"`
	Attrs map[string]string `json:"attrs,omitempty"`
}

func (r Resource) String() string { return r.Kind + " " + r.Name }

// Entry is one line of the journal.
type Entry struct {
	Seq      int       `json:"seq"`
	Time     time.Time `json:"time"`
	Event    string    `json:"event"`
	Detail   string    `json:"detail,omitempty"`
	Resource *Resource `json:"resource,omitempty"`
}

// Journal is the append-only file of what a run created and removed: one JSON object per line, each synced to disk, so
// that it is reliable after a power cut. A line of which the disk wrote only a part is taken back.
type Journal struct {
	mu      sync.Mutex
	file    journalFile
	path    string
	entries []Entry
	damage  []Damage
	seq     int   // the last one given
	size    int64 // of the file up to the end of its last whole line
	torn    int64 // bytes of a line that was not written whole and could not be taken back; they follow size
	unended bool  // the last entry has no line break: it is written with the next one
}

// journalFile is the part of an open file that a journal needs.
type journalFile interface {
	io.Reader
	io.WriterAt
	io.Closer
	Fd() uintptr
	Stat() (os.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// JournalFile is the journal's name in a run's directory.
const JournalFile = "journal.jsonl"

// ErrLive says that the process that owns the run is still alive.
var ErrLive = errors.New("the run is still going on")

// OpenJournal opens the journal of a run's directory, or creates it, and takes its lock. It returns ErrLive if another
// process holds the lock. A torn last line, as left by a crash, is cut off. Of a damaged line elsewhere, all complete
// entries are read, and Damage reports the line. A link is not followed: the folder may belong to another user.
func OpenJournal(dir string) (*Journal, error) {
	path := filepath.Join(dir, JournalFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the run's journal: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fail.Input("%s is not a regular file, so not a run's journal", path), err, f.Close())
	}
	if err := lockOnceFree(f, briefly()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j, err := newJournal(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// lockOnceFree takes the journal's lock, and tries again as long as wait says so. An owner that has just ended may have
// been starting a program: the lock is then held by a copy of the open file for the moment until that program runs.
func lockOnceFree(f interface{ Fd() uintptr }, wait func() bool) error {
	for {
		err := lock(f)
		if !errors.Is(err, ErrLive) || !wait() {
			return err
		}
	}
}

// briefly waits a few milliseconds each time, half a second in all, and then says no.
func briefly() (wait func() bool) {
	end := time.Now().Add(500 * time.Millisecond)
	return func() bool {
		time.Sleep(5 * time.Millisecond)
		return time.Now().Before(end)
	}
}

func newJournal(f journalFile, path string) (*Journal, error) {
	j := &Journal{file: f, path: path}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	all := parseJournal(text)
	j.entries, j.damage, j.size, j.unended = all.entries, all.damage, all.size, all.unended
	for _, e := range j.entries {
		j.seq = max(j.seq, e.Seq)
		if e.Resource != nil {
			j.seq = max(j.seq, e.Resource.ID)
		}
	}
	if err := f.Truncate(j.size); err != nil {
		return nil, fmt.Errorf("cut the torn end of %s: %w", path, err)
	}
	return j, nil
}

// Damage lists the lines that were damaged when the journal was opened.
func (j *Journal) Damage() []Damage { return j.damage }

func (j *Journal) append(event, detail string, res *Resource) (Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++ // a number is never used twice, whether or not its line was written
	e := Entry{Seq: j.seq, Time: time.Now().UTC(), Event: event, Detail: detail, Resource: res}
	if event == EventIntent {
		res.ID = e.Seq
	}
	line, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("journal entry: %w", err)
	}
	if err := j.write(append(line, '\n')); err != nil {
		return e, fmt.Errorf("write %s: %w", j.path, err)
	}
	j.entries = append(j.entries, e)
	return e, nil
}

// write appends a line durably after the last complete one. A full disk may write only a part of it. That part is taken
// back, so that the next entry does not continue the same line. If that fails, too, the next entry begins with a line
// break.
func (j *Journal) write(line []byte) error {
	if j.torn > 0 && j.file.Truncate(j.size) == nil {
		j.torn = 0
	}
	if j.torn > 0 || j.unended {
		line = append([]byte{'\n'}, line...)
	}
	at := j.size + j.torn
	n, err := j.file.WriteAt(line, at)
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		j.size, j.torn, j.unended = at+int64(n), 0, false
		return nil
	}
	if j.file.Truncate(j.size) == nil { // regardless of n: some file systems write a part and report zero
		j.torn = 0
	} else if info, serr := j.file.Stat(); serr == nil {
		j.torn = max(0, info.Size()-j.size)
	} else {
		j.torn += int64(len(line))
	}
	return err
}

// Note writes an entry that concerns no resource.
func (j *Journal) Note(event, detail string) error {
	_, err := j.append(event, detail, nil)
	return err
}

// Intend records durably that a resource is about to be created. The resource may only be created after Intend returns.
func (j *Journal) Intend(kind, name string, attrs map[string]string) (Resource, error) {
	res := &Resource{Kind: kind, Name: name, Attrs: maps.Clone(attrs)}
	_, err := j.append(EventIntent, "", res)
	return *res, err
}

// Created records that the resource exists; attrs are added to those of the intent.
func (j *Journal) Created(res Resource, attrs map[string]string) error {
	merged := map[string]string{}
	maps.Copy(merged, res.Attrs)
	maps.Copy(merged, attrs)
	res.Attrs = merged
	_, err := j.append(EventCreated, "", &res)
	return err
}

// Removed records that the resource was verified absent.
func (j *Journal) Removed(res Resource) error {
	_, err := j.append(EventRemoved, "", &Resource{ID: res.ID, Kind: res.Kind, Name: res.Name})
	return err
}

// Failed records that an attempt to remove the resource failed, and why.
func (j *Journal) Failed(res Resource, why error) error {
	_, err := j.append(EventFailed, why.Error(), &Resource{ID: res.ID, Kind: res.Kind, Name: res.Name})
	return err
}

// Pending lists the resources that were intended or created and are not yet verified absent, the newest first: the
// order in which they are undone.
func (j *Journal) Pending() []Resource {
	j.mu.Lock()
	defer j.mu.Unlock()
	latest := map[int]Resource{}
	gone := map[int]bool{}
	for _, e := range j.entries {
		switch {
		case e.Resource == nil:
		case e.Event == EventRemoved:
			gone[e.Resource.ID] = true
		case e.Event == EventIntent, e.Event == EventCreated:
			latest[e.Resource.ID] = *e.Resource
		case e.Event == EventFailed: // its other entries may have been on a damaged line
			if _, known := latest[e.Resource.ID]; !known {
				latest[e.Resource.ID] = *e.Resource
			}
		}
	}
	out := make([]Resource, 0, len(latest))
	for id, res := range latest {
		if !gone[id] {
			out = append(out, res)
		}
	}
	slices.SortFunc(out, func(a, b Resource) int { return cmp.Compare(b.ID, a.ID) })
	return out
}

// Entries returns a copy of all entries.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Kept reports whether the run's functions stay deployed on purpose. After their removal has begun, they do not: what
// it could not remove is left behind.
func (j *Journal) Kept() bool {
	kept := false
	for _, e := range j.Entries() {
		switch e.Event {
		case EventKept:
			kept = true
		case EventUndo:
			kept = false
		}
	}
	return kept
}

// Last returns the newest entry of an event.
func (j *Journal) Last(event string) (Entry, bool) {
	all := j.Entries()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Event == event {
			return all[i], true
		}
	}
	return Entry{}, false
}

// Close closes the file and thereby releases the lock.
func (j *Journal) Close() error { return errors.Join(unlock(j.file), j.file.Close()) }
