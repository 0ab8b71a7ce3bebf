package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"stellar/src/fail"
)

// Index remembers, for one user of one machine, where unfinished runs keep their journals: one small file a run, named
// by the run, holding the run's directory and, in a second line, where its functions went. It is how `stellar clean` finds them whatever
// output folder they went to, and what they left where the folder is gone.
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

// Add writes the run into the index, durably. place is what finds again what it deploys (provider, region, account…; never a secret), nil
// while nothing is deployed.
func (x Index) Add(id, dir string, place map[string]string) error {
	if strings.Contains(dir, "\n") {
		return fail.Input("the run's folder %q has a line break in its name", dir).WithHint("name another folder with --output")
	}
	text := dir + "\n"
	if place != nil {
		line, err := json.Marshal(place)
		if err != nil {
			return fmt.Errorf("write the run into the index: %w", err)
		}
		text += string(line) + "\n"
	}
	if err := os.MkdirAll(x.Dir, 0o755); err != nil {
		return fmt.Errorf("make the index of runs: %w", err)
	}
	if err := writeSynced(filepath.Join(x.Dir, id), []byte(text), 0o644); err != nil {
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
		dir, _, _ := strings.Cut(string(text), "\n")
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// Place gives where a run's functions went; nil where the index does not say it, because nothing was deployed or because an older
// version wrote it.
func (x Index) Place(id string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(x.Dir, id))
	if err != nil {
		return nil, fmt.Errorf("read the index of runs: %w", err)
	}
	_, line, _ := strings.Cut(string(text), "\n")
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	var place map[string]string
	if err := json.Unmarshal([]byte(line), &place); err != nil {
		return nil, fmt.Errorf("read in the index of runs where run %s went: %w", id, err)
	}
	return place, nil
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
