package app

import (
	"context"
	"errors"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// ExistingFunction is a function of a run that was kept, or that did not end well; or one that the local platform has
// of others.
type ExistingFunction struct {
	Run      string `json:"run"`               // its folder; empty: it is no run's
	Service  string `json:"service,omitempty"` // of the local platform, where it is no run's
	Status   string `json:"status"`
	Function string `json:"function"`
	Runtime  string `json:"runtime"`
	MemoryMB int    `json:"memoryMB"`
	URL      string `json:"url"`
	Moved    bool   `json:"moved,omitempty"` // the run's folder is no longer there
}

// StatusDeployed is the status of a function that is no run's.
const StatusDeployed = "deployed"

// ExistingFunctions lists the functions of runs that the index of unfinished runs holds, and the others that are
// deployed on the local platform that stays.
func (a App) ExistingFunctions(ctx context.Context) ([]ExistingFunction, error) {
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
	local, err := a.existingLocal(ctx, out)
	return append(out, local...), err
}

// existingLocal are the functions of the local platform that stays, without those that are known already.
func (a App) existingLocal(ctx context.Context, known []ExistingFunction) (out []ExistingFunction, err error) {
	platform, err := a.RunningPlatform(ctx)
	if err != nil || platform == nil {
		return nil, err
	}
	services, err := platform.Services(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		for _, f := range s.Functions {
			if !slices.ContainsFunc(known, func(k ExistingFunction) bool { return k.URL == f.URL }) {
				out = append(out, ExistingFunction{Service: s.Service, Status: StatusDeployed, Function: f.Name,
					Runtime: f.Runtime, MemoryMB: f.MemoryMB, URL: f.URL})
			}
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
		out = append(out, ExistingFunction{Run: e.Dir, Status: run.StatusKept, Function: f.Name,
			Runtime: f.Runtime, MemoryMB: f.MemoryMB, URL: f.URL, Moved: true})
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
			out = append(out, ExistingFunction{Run: dir, Status: rec.Status, Function: f.Name,
				Runtime: f.Runtime, MemoryMB: f.MemoryMB, URL: f.Endpoint.URL})
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
