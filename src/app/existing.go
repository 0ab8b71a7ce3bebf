package app

import (
	"errors"

	"stellar/src/provider"
	"stellar/src/run"
)

// ExistingFunction is a function of a run that was kept, or that did not end well.
type ExistingFunction struct {
	Run      string `json:"run"` // its folder
	Status   string `json:"status"`
	Function string `json:"function"`
	Runtime  string `json:"runtime"`
	MemoryMB int    `json:"memoryMB"`
	URL      string `json:"url"`
	Moved    bool   `json:"moved,omitempty"` // the run's folder is no longer there
}

// ExistingFunctions lists the functions of runs that the index of unfinished runs holds.
func (a App) ExistingFunctions() ([]ExistingFunction, error) {
	entries, err := run.Remembered(a.Getenv)
	if err != nil {
		return nil, err
	}
	out := []ExistingFunction{}
	for _, e := range entries {
		switch {
		case e.Err != nil:
			a.Log.Warnf("%s is not the entry of a run: %v", run.EntryPath(a.Getenv, e.ID), e.Err)
		case e.Dir == "" || journalDeleted(e.Dir):
			out = append(out, a.existingMoved(e)...)
		default:
			out = append(out, a.existingOf(e.Dir)...)
		}
	}
	return out, nil
}

// existingMoved are the functions of a run whose folder is no longer where it was, as the index has them.
func (a App) existingMoved(e run.Indexed) []ExistingFunction {
	if e.Kept == nil {
		a.Log.Warnf("the folder of run %s was deleted: %s; `stellar clean` removes what the run left", e.ID, e.Dir)
		return nil
	}
	var out []ExistingFunction
	for _, f := range e.Kept.Functions {
		out = append(out, ExistingFunction{e.Dir, run.StatusKept, f.Name, f.Runtime, f.MemoryMB, f.URL, true})
	}
	return out
}

func (a App) existingOf(dir string) []ExistingFunction {
	rec, err := run.ReadRecord(dir)
	if err != nil {
		a.Log.Warnf("%v", err)
		return nil
	}
	if rec.Status == run.StatusRunning && !run.Live(dir) {
		if rec, err = a.finalRecord(dir, rec); err != nil {
			a.Log.Warnf("%s: %v", dir, err)
		}
	}
	var out []ExistingFunction
	for _, f := range rec.Functions {
		if f.Endpoint != nil && f.Endpoint.Detail[provider.DetailExisting] == "" { // else it is of others
			out = append(out, ExistingFunction{dir, rec.Status, f.Name, f.Runtime, f.MemoryMB, f.Endpoint.URL, false})
		}
	}
	return out
}

// finalRecord gives the record of a run that is dead and does not say how it ended. Where it left nothing, its end is
// written now.
func (a App) finalRecord(dir string, rec *run.Record) (*run.Record, error) {
	r, err := run.Open(a.Deps, dir)
	if err != nil {
		return rec, err
	}
	err = a.updateRecord(r)
	if r.Record.Status == run.StatusRunning {
		r.Record.Status = run.StatusDied
	}
	out := *r.Record
	if len(r.Journal.Pending()) == 0 {
		out.Functions = nil
	}
	return &out, errors.Join(err, r.Close())
}
