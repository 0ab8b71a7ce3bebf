package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stellar/src/fail"
)

// Open takes over a run that exists: to probe its functions, or to undo it. ErrLive where its owner is still at work.
func Open(w World, dir string) (*Run, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail.Input("run folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, JournalFile)); err != nil {
		return nil, fail.Input("%s is not a run's folder: %w", dir, err).
			WithHint("name the folder that the run printed, the one with %s in it", JournalFile)
	}
	state, err := StateDir(w.Getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	r := &Run{ID: filepath.Base(dir), Dir: dir, ServiceDir: filepath.Join(dir, "serverless"), Service: ServiceName(filepath.Base(dir)),
		WorkDir: WorkDir(filepath.Base(dir)), Log: w.Log, index: Index{Dir: filepath.Join(state, "runs")}}
	if r.Journal, err = OpenJournal(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, d := range r.Journal.Damage() {
		w.Log.Warnf("%s: %s", filepath.Join(dir, JournalFile), d)
	}
	if r.Record, err = ReadRecord(dir); err != nil {
		// A run that died before its first record: its journal alone says what to undo.
		r.Record = &Record{ID: r.ID, Version: w.Version, Host: host(), Stages: []StageRecord{}}
	}
	r.Experiment, r.BaseDir = r.Record.Experiment, r.Record.BaseDir
	return r, nil
}

// Unfinished gives the folders of the runs that the index holds.
func Unfinished(getenv func(string) string) ([]string, error) {
	state, err := StateDir(getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	return Index{Dir: filepath.Join(state, "runs")}.Runs()
}

// Place gives where the functions of a run in the index went, nil where that is not known (Index.Place).
func Place(getenv func(string) string, dir string) (map[string]string, error) {
	state, err := StateDir(getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	return Index{Dir: filepath.Join(state, "runs")}.Place(filepath.Base(dir))
}

// Forget takes a run out of the index whose folder is gone.
func Forget(getenv func(string) string, dir string) error {
	state, err := StateDir(getenv)
	if err != nil {
		return fail.Input("%w", err)
	}
	return Index{Dir: filepath.Join(state, "runs")}.Drop(filepath.Base(dir))
}

// Live reports whether the run's owner is still at work.
func Live(dir string) bool {
	f, err := os.Open(filepath.Join(dir, JournalFile))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(lock(f), ErrLive) // a lock that could be taken goes with the file
}
