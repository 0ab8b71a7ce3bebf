package run

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Open takes over an existing run: to probe its functions, or to undo it. It returns ErrLive if its owner still works
// on it. Another user may have written its folder: resources in the journal must be compared with the run's id before
// they are touched.
func Open(w Deps, dir string) (*Run, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail.Input("run folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, JournalFile)); err != nil {
		return nil, fail.Input("%s is not the folder of a run: %w", dir, err).
			WithHint("name the folder that the run printed, the one with %s in it", JournalFile)
	}
	state, err := StateDir(w.Getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	r := &Run{Dir: dir, ServiceDir: filepath.Join(dir, "serverless"), Log: w.Log,
		index: Index{Dir: filepath.Join(state, "runs")}}
	if r.Journal, err = OpenJournal(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, d := range r.Journal.Damage() {
		w.Log.Warnf("%s: %s", filepath.Join(dir, JournalFile), d)
	}
	r.ID = filepath.Base(dir)
	if r.Record, err = ReadRecord(dir); err != nil {
		// The run died before its first record: only the journal says what to undo.
		r.Record = &Record{ID: r.ID, Version: w.Version, Host: host(), Stages: []StageRecord{}}
	} else if ValidID(r.Record.ID) {
		r.ID = r.Record.ID // the folder may have been renamed
	}
	r.Service = ServiceName(r.ID)
	if err := r.findEntry(); err != nil {
		return nil, errors.Join(err, r.Journal.Close())
	}
	r.WorkDir = r.Scratch()
	r.Experiment, r.BaseDir = r.Record.Experiment, r.Record.BaseDir
	return r, nil
}

// findEntry finds the run in the index. A folder that was moved is entered with its new path. A copy of a folder is
// refused, because its journal would not show what happens to the run.
func (r *Run) findEntry() error {
	e, err := r.index.read(r.ID)
	if err != nil || e.Dir == "" {
		return nil // not in the index: a finished run, or one of another machine
	}
	r.indexed = e
	if e.Dir == r.Dir || sameFolder(e.Dir, r.Dir) {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(e.Dir, JournalFile)); err == nil {
		return fail.Input("%s is a copy: the folder of run %s is %s", r.Dir, r.ID, e.Dir).WithHint("name that folder")
	}
	r.Log.Infof("the folder of run %s was moved here from %s", r.ID, e.Dir)
	r.indexed.Dir = r.Dir
	return r.index.Put(r.indexed)
}

func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// Remembered returns the entries of the index of runs.
func Remembered(getenv func(string) string) ([]Indexed, error) {
	x, err := indexOf(getenv)
	if err != nil {
		return nil, err
	}
	return x.All()
}

// Unfinished returns the folders of the runs in the index, as far as they are known.
func Unfinished(getenv func(string) string) ([]string, error) {
	all, err := Remembered(getenv)
	var dirs []string
	for _, e := range all {
		if e.Err == nil && e.Dir != "" {
			dirs = append(dirs, e.Dir)
		}
	}
	return dirs, err
}

// Place returns where the functions of a run in the index were deployed, by its folder or its id. It is nil if the
// index does not say it, because nothing was deployed or an older version wrote it.
func Place(getenv func(string) string, dir string) (map[string]string, error) {
	x, err := indexOf(getenv)
	if err != nil {
		return nil, err
	}
	e, err := x.read(filepath.Base(dir))
	if err = cmp.Or(err, e.Damaged); err != nil {
		return nil, fmt.Errorf("read the index of runs: %s: %w", e.ID, err)
	}
	return e.Place, nil
}

// Forget removes a run from the index, by its folder or its id.
func Forget(getenv func(string) string, dir string) error {
	x, err := indexOf(getenv)
	if err != nil {
		return err
	}
	return x.Drop(filepath.Base(dir))
}

// EntryPath is the index's file for a run; used in messages.
func EntryPath(getenv func(string) string, id string) string {
	x, err := indexOf(getenv)
	if err != nil {
		return id
	}
	return filepath.Join(x.Dir, id)
}

func indexOf(getenv func(string) string) (Index, error) {
	state, err := StateDir(getenv)
	if err != nil {
		return Index{}, fail.Input("%w", err)
	}
	return Index{Dir: filepath.Join(state, "runs")}, nil
}

// Live reports whether the process that owns the run still works on it.
func Live(dir string) bool {
	f, err := wholefile.Open(filepath.Join(dir, JournalFile))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(lockOnceFree(f, briefly()), ErrLive) // a lock that could be taken is released with the file
}
