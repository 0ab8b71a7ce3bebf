package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Events of a journal entry. A resource's life is intent, created, removed; intent without created means that the tool
// may have died in between, so the resource is looked for all the same.
const (
	EventStart   = "start"   // the run began
	EventStage   = "stage"   // a stage began
	EventIntent  = "intent"  // a resource is about to be made
	EventCreated = "created" // it was made, with what is needed to find it again
	EventRemoved = "removed" // verified absent
	EventFailed  = "failed"  // an attempt to remove it failed
	EventKept    = "kept"    // left standing on purpose
	EventUndo    = "undo"    // what was left standing, or left behind, is being removed
	EventEnd     = "end"     // the run ended, Detail says how
)

// Resource is something that a run makes and must remove. Name and Attrs are all that its removal may depend on.
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

// Journal is the append-only file of what a run made and removed: one JSON object a line, synced to disk line by line,
// so that it can be trusted after a power cut.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	path    string
	entries []Entry
}

// JournalFile is the journal's name in a run's directory.
const JournalFile = "journal.jsonl"

// ErrLive says that a run's owner is still alive.
var ErrLive = errors.New("the run is still going on")

// OpenJournal opens the journal of a run's directory, making it where there is none, and takes its lock: ErrLive where
// another process holds it. A torn last line, as a crash leaves it, is cut off; damage anywhere else is an error.
func OpenJournal(dir string) (*Journal, error) {
	path := filepath.Join(dir, JournalFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the run's journal: %w", err)
	}
	j := &Journal{file: f, path: path}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *Journal) load() error {
	in := bufio.NewReader(j.file)
	var good int64
	for line := 1; ; line++ {
		text, err := in.ReadBytes('\n')
		if err == io.EOF {
			break // what follows the last newline was never acknowledged
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", j.path, err)
		}
		var e Entry
		if err := json.Unmarshal(bytes.TrimSpace(text), &e); err != nil {
			return fmt.Errorf("%s:%d: not a journal entry: %w", j.path, line, err)
		}
		j.entries = append(j.entries, e)
		good += int64(len(text))
	}
	if err := j.file.Truncate(good); err != nil {
		return fmt.Errorf("cut the torn end of %s: %w", j.path, err)
	}
	_, err := j.file.Seek(good, io.SeekStart)
	return err
}

func (j *Journal) append(event, detail string, res *Resource) (Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := Entry{Seq: len(j.entries) + 1, Time: time.Now().UTC(), Event: event, Detail: detail, Resource: res}
	if event == EventIntent {
		res.ID = e.Seq
	}
	line, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("journal entry: %w", err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return e, fmt.Errorf("write %s: %w", j.path, err)
	}
	if err := j.file.Sync(); err != nil {
		return e, fmt.Errorf("sync %s: %w", j.path, err)
	}
	j.entries = append(j.entries, e)
	return e, nil
}

// Note writes an entry that concerns no resource.
func (j *Journal) Note(event, detail string) error {
	_, err := j.append(event, detail, nil)
	return err
}

// Intend writes down, durably, that a resource is about to be made. Only after it returns may the resource be made.
func (j *Journal) Intend(kind, name string, attrs map[string]string) (Resource, error) {
	res := &Resource{Kind: kind, Name: name, Attrs: maps.Clone(attrs)}
	_, err := j.append(EventIntent, "", res)
	return *res, err
}

// Created says that the resource stands; attrs are added to those of the intent.
func (j *Journal) Created(res Resource, attrs map[string]string) error {
	merged := map[string]string{}
	maps.Copy(merged, res.Attrs)
	maps.Copy(merged, attrs)
	res.Attrs = merged
	_, err := j.append(EventCreated, "", &res)
	return err
}

// Removed says that the resource was verified absent.
func (j *Journal) Removed(res Resource) error {
	_, err := j.append(EventRemoved, "", &Resource{ID: res.ID, Kind: res.Kind, Name: res.Name})
	return err
}

// Failed says that an attempt to remove the resource failed, and why.
func (j *Journal) Failed(res Resource, why error) error {
	_, err := j.append(EventFailed, why.Error(), &Resource{ID: res.ID, Kind: res.Kind, Name: res.Name})
	return err
}

// Pending lists what was intended or made and is not yet verified absent, the newest first: the order to undo it in.
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
		}
	}
	var out []Resource
	for seq := len(j.entries); seq > 0; seq-- {
		if res, ok := latest[seq]; ok && !gone[seq] {
			out = append(out, res)
		}
	}
	return out
}

// Entries returns a copy of all entries.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Kept reports whether the run's functions were left standing on purpose. Once their removal has begun they are not any more:
// what it could not remove is left behind.
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

// Close closes the file, and with it gives up the lock.
func (j *Journal) Close() error { return errors.Join(unlock(j.file), j.file.Close()) }
