package app

import (
	"errors"

	"stellar/src/run"
)

// StandingFunction is a function of a run that was kept, or that did not end well.
type StandingFunction struct {
	Run      string `json:"run"` // its folder
	Status   string `json:"status"`
	Function string `json:"function"`
	Runtime  string `json:"runtime"`
	MemoryMB int    `json:"memoryMB"`
	URL      string `json:"url"`
	Moved    bool   `json:"moved,omitempty"` // the run's folder is no longer there
}

// Standing lists the functions of runs that the index of unfinished runs holds.
func (w App) Standing() ([]StandingFunction, error) {
	entries, err := run.Remembered(w.Getenv)
	if err != nil {
		return nil, err
	}
	out := []StandingFunction{}
	for _, e := range entries {
		switch {
		case e.Err != nil:
			w.Log.Warnf("%s is no run's entry: %v", run.EntryPath(w.Getenv, e.ID), e.Err)
		case e.Dir == "" || journalGone(e.Dir):
			out = append(out, w.standingMoved(e)...)
		default:
			out = append(out, w.standingOf(e.Dir)...)
		}
	}
	return out, nil
}

// standingMoved are the functions of a run whose folder is no longer where it was, as the index has them.
func (w App) standingMoved(e run.Indexed) []StandingFunction {
	if e.Kept == nil {
		w.Log.Warnf("the folder of run %s was deleted: %s; `stellar clean` removes what the run left", e.ID, e.Dir)
		return nil
	}
	var out []StandingFunction
	for _, f := range e.Kept.Functions {
		out = append(out, StandingFunction{e.Dir, run.StatusKept, f.Name, f.Runtime, f.MemoryMB, f.URL, true})
	}
	return out
}

func (w App) standingOf(dir string) []StandingFunction {
	rec, err := run.ReadRecord(dir)
	if err != nil {
		w.Log.Warnf("%v", err)
		return nil
	}
	if rec.Status == run.StatusRunning && !run.Live(dir) {
		if rec, err = w.endOf(dir, rec); err != nil {
			w.Log.Warnf("%s: %v", dir, err)
		}
	}
	var out []StandingFunction
	for _, f := range rec.Functions {
		if f.Endpoint != nil {
			out = append(out, StandingFunction{dir, rec.Status, f.Name, f.Runtime, f.MemoryMB, f.Endpoint.URL, false})
		}
	}
	return out
}

// endOf gives the record of a run that is dead and does not say how it ended. Where it left nothing, its end is written
// now.
func (w App) endOf(dir string, rec *run.Record) (*run.Record, error) {
	r, err := run.Open(w.Deps, dir)
	if err != nil {
		return rec, err
	}
	err = w.settle(r)
	if r.Record.Status == run.StatusRunning {
		r.Record.Status = run.StatusDied
	}
	out := *r.Record
	if len(r.Journal.Pending()) == 0 {
		out.Functions = nil
	}
	return &out, errors.Join(err, r.Close())
}
