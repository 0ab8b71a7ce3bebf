package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Index lists, for one user of one machine, where unfinished runs keep their journals. It has one small file per run,
// named by the run. Its first line is the run's directory, the second says where its functions were deployed, the third
// which of them stay deployed on purpose and where its objects are. With it, `stellar clean` finds runs in any output
// folder, and the resources of runs whose folder is deleted.
type Index struct{ Dir string }

// StateDir is the folder for data that must outlive a run: $XDG_STATE_HOME/stellar, default ~/.local/state/stellar.
func StateDir(getenv func(string) string) (string, error) {
	if d := getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "stellar"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("neither XDG_STATE_HOME nor HOME names a folder: set one, stellar keeps its undo " +
			"index there")
	}
	return filepath.Join(home, ".local", "state", "stellar"), nil
}

// Indexed is what the index has about one run.
type Indexed struct {
	ID  string
	Dir string // its folder, absolute; empty: the entry is empty
	// what finds again what it deploys (provider, region, account…; never a secret); nil while nothing is deployed
	Place   map[string]string
	Store   map[string]string // where its objects are in a store that outlives it; never a secret; nil: nowhere
	Scratch string            // its scratch folder, where that is not the one that TMPDIR gives now
	Kept    *Kept             // functions that are up on purpose; nil: there are none
	Damaged error             // why what follows Dir cannot be read; where the folder is there, its journal says it all
	Err     error             // why this is no entry that can be read; it is left alone
}

// Kept is what the index has about functions that stay deployed on purpose, in case their run's folder is moved.
type Kept struct {
	Until     time.Time      `json:"until"` // when a sweep may treat them as abandoned
	Functions []KeptFunction `json:"functions"`
}

// KeptFunction is one of them.
type KeptFunction struct {
	Name     string `json:"name"`
	Runtime  string `json:"runtime"`
	MemoryMB int    `json:"memoryMB"`
	URL      string `json:"url"`
}

// more is the third line of an entry.
type more struct {
	Scratch string            `json:"scratch,omitempty"`
	Kept    *Kept             `json:"kept,omitempty"`
	Store   map[string]string `json:"store,omitempty"`
}

// writable makes the index's folder and checks that entries can be written there.
func (x Index) writable() error {
	if err := os.MkdirAll(x.Dir, 0o755); err != nil {
		return fmt.Errorf("make the index of runs: %w", err)
	}
	f, err := os.CreateTemp(x.Dir, ".try-*")
	if err != nil {
		return fmt.Errorf("write into the index of runs: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Add writes the run into the index, with the place where its functions are deployed.
func (x Index) Add(id, dir string, place map[string]string) error {
	return x.Put(Indexed{ID: id, Dir: dir, Place: place})
}

// Put writes the run's entry durably, in place of an earlier one.
func (x Index) Put(e Indexed) error {
	if strings.Contains(e.Dir, "\n") {
		return fail.Input("the run's folder %q has a line break in its name", e.Dir).
			WithHint("name another folder with --output")
	}
	place, err := json.Marshal(e.Place)
	if err != nil {
		return fmt.Errorf("write the run into the index: %w", err)
	}
	rest, err := json.Marshal(more{e.Scratch, e.Kept, e.Store})
	if err != nil {
		return fmt.Errorf("write the run into the index: %w", err)
	}
	if err := os.MkdirAll(x.Dir, 0o755); err != nil {
		return fmt.Errorf("make the index of runs: %w", err)
	}
	if err := writeSynced(filepath.Join(x.Dir, e.ID), fmt.Appendf(nil, "%s\n%s\n%s\n", e.Dir, place, rest),
		0o644); err != nil {
		return fmt.Errorf("write the run into the index: %w", err)
	}
	return nil
}

// Drop removes the run from the index. It is no error if the run is not there.
func (x Index) Drop(id string) error {
	err := os.Remove(filepath.Join(x.Dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// All returns the index's entries, the oldest run first. Entries that cannot be read are among them, with their Err, so
// that they do not hide the others.
func (x Index) All() ([]Indexed, error) {
	names, err := os.ReadDir(x.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the index of runs: %w", err)
	}
	sort.Slice(names, func(a, b int) bool { return names[a].Name() < names[b].Name() })
	var all []Indexed
	for _, n := range names {
		if strings.HasPrefix(n.Name(), ".") {
			continue // a write that was interrupted
		}
		e, err := x.read(n.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run has just ended
		}
		e.Err = err
		all = append(all, e)
	}
	return all, nil
}

// entryMost is far larger than any entry.
const entryMost = 64 << 20

// read reads one entry.
func (x Index) read(name string) (Indexed, error) {
	e := Indexed{ID: name}
	path := filepath.Join(x.Dir, name)
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return e, err
	case !ValidID(name):
		return e, errors.New("its name is not a run's id")
	case !info.Mode().IsRegular():
		return e, errors.New("it is not a regular file")
	case info.Size() > entryMost:
		return e, errors.New("it is far too large")
	}
	text, err := wholefile.ReadFile(path)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return e, err
	}
	lines := strings.SplitN(string(text)+"\n\n", "\n", 4)
	if !filepath.IsAbs(lines[0]) || !utf8.ValidString(lines[0]) || strings.Contains(lines[0], "\x00") {
		return e, errors.New("its first line is not a run's folder")
	}
	e.Dir = lines[0]
	if lines[1] != "" {
		if err := json.Unmarshal([]byte(lines[1]), &e.Place); err != nil {
			e.Damaged = fmt.Errorf("the line on where the run was deployed cannot be read: %w", err)
		}
	}
	var rest more
	if lines[2] != "" {
		if err := json.Unmarshal([]byte(lines[2]), &rest); err != nil {
			e.Damaged = fmt.Errorf("the line on functions that stay deployed cannot be read: %w", err)
		}
	}
	e.Scratch, e.Kept, e.Store = rest.Scratch, rest.Kept, rest.Store
	return e, nil
}

// ValidID reports whether a name has the form of a run id: <UTC yyyymmddThhmmssZ>-<provider>-<4 letters>.
func ValidID(name string) bool {
	return len(name) < 48 && idForm.MatchString(name)
}
