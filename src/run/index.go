package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Index remembers, for one user of one machine, where unfinished runs keep their journals: one small file a run, named
// by the run, holding the run's directory. It is how `stellar clean` finds them whatever output folder they went to.
type Index struct{ Dir string }

// StateDir is the folder for what must outlast a run: $XDG_STATE_HOME/stellar, default ~/.local/state/stellar.
func StateDir(getenv func(string) string) (string, error) {
	if d := getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "stellar"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("neither XDG_STATE_HOME nor HOME names a folder: set one, stellar keeps its undo index there")
	}
	return filepath.Join(home, ".local", "state", "stellar"), nil
}

// Add writes the run into the index, durably.
func (x Index) Add(id, dir string) error {
	if err := os.MkdirAll(x.Dir, 0o755); err != nil {
		return fmt.Errorf("make the index of runs: %w", err)
	}
	if err := writeSynced(filepath.Join(x.Dir, id), []byte(dir+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the run into the index: %w", err)
	}
	return nil
}

// Drop takes the run out of the index; one that is not there is fine.
func (x Index) Drop(id string) error {
	err := os.Remove(filepath.Join(x.Dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Runs gives the directories of the runs in the index, the oldest first.
func (x Index) Runs() ([]string, error) {
	names, err := os.ReadDir(x.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the index of runs: %w", err)
	}
	sort.Slice(names, func(a, b int) bool { return names[a].Name() < names[b].Name() })
	var dirs []string
	for _, n := range names {
		if strings.HasPrefix(n.Name(), ".") {
			continue // a write that was cut off
		}
		text, err := os.ReadFile(filepath.Join(x.Dir, n.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the index of runs: %w", err)
		}
		dirs = append(dirs, strings.TrimSpace(string(text)))
	}
	return dirs, nil
}

// writeSynced replaces the file at path in one step: after a crash there is the old content or the new one.
func writeSynced(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
