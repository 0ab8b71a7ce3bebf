package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// reuseStage takes over functions of kept runs, where a sub-experiment says Reuse and a kept function fits. The kept
// run is locked until this one ends, so that no other run probes or removes its functions. This run removes none of
// them. Functions for which none fits are deployed.
type reuseStage struct {
	Config
	held *heldRuns
}

func (reuseStage) String() string { return "looking for deployed functions to reuse" }

// Skip says why no function is taken over.
func (s reuseStage) Skip(r *run.Run) string {
	if !s.Deploys(r.Experiment) {
		return "the functions are already deployed"
	}
	if s.Keep {
		return "functions that are to stay are this run's own"
	}
	for _, f := range r.Functions {
		if r.Experiment.SubExperiments[f.Sub].Reuse {
			return ""
		}
	}
	return "no sub-experiment says Reuse"
}

// Run looks at every kept run. One that cannot be used is logged and passed over.
func (s reuseStage) Run(ctx context.Context, r *run.Run) error {
	dirs, err := run.Unfinished(s.Getenv)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := s.reuseFrom(ctx, r, dir); err != nil {
			s.Log.Warnf("functions of %s are not reused: %v", dir, err)
		}
	}
	for _, f := range r.Functions {
		if r.Experiment.SubExperiments[f.Sub].Reuse && f.Endpoint == nil {
			s.Log.Infof("function %s: no existing function matches, it is deployed", f.Name)
		}
	}
	return nil
}

// reuseFrom takes over the functions of one kept run that fit.
func (s reuseStage) reuseFrom(ctx context.Context, r *run.Run, dir string) error {
	rec, err := run.ReadRecord(dir)
	if err != nil || rec.Status != run.StatusKept || rec.Experiment == nil ||
		rec.Experiment.ProviderKind() != r.Experiment.ProviderKind() ||
		!slices.ContainsFunc(r.Functions, func(f *run.Function) bool { return fitting(r, f, rec, nil) >= 0 }) {
		return nil //nolint:nilerr // a folder that is no kept run of this provider has no such functions
	}
	token, err := run.ReadToken(dir)
	if err != nil {
		return err
	}
	was, err := run.Open(s.Deps, dir)
	if errors.Is(err, run.ErrLive) {
		return errors.New("another run uses them, or removes them")
	}
	if err != nil {
		return err
	}
	s.held.add(was)
	present, err := s.present(ctx, was)
	if err != nil {
		return err
	}
	for _, f := range r.Functions {
		at := fitting(r, f, rec, present)
		if at < 0 {
			continue
		}
		old := &rec.Functions[at]
		e := *old.Endpoint
		e.Function, e.Token = f.Name, token
		p := *f.Package // what is deployed, not what was made for this run
		p.Name, p.Bytes, p.CodeBytes = old.Package, old.PackageBytes, old.CodeBytes
		p.SHA256, p.Image = old.PackageSHA256, old.Image
		f.Package, f.Endpoint = &p, &e
		old.Endpoint = nil // each is used once
		r.Record.Notes = append(r.Record.Notes,
			fmt.Sprintf("function %s is %s of run %s (Reuse)", f.Name, old.Name, rec.ID))
		s.Log.Infof("function %s is reused from run %s", f.Name, rec.ID)
	}
	return nil
}

// fitting is the index of a function of a kept run that can take the place of f, -1 where there is none. Where present
// is not nil, it must have the function's URL.
func fitting(r *run.Run, f *run.Function, rec *run.Record, present map[string]bool) int {
	want := &r.Experiment.SubExperiments[f.Sub]
	if !want.Reuse || f.Endpoint != nil {
		return -1
	}
	return slices.IndexFunc(rec.Functions, func(old run.FunctionRecord) bool {
		if old.Endpoint == nil || old.SubExperiment >= len(rec.Experiment.SubExperiments) ||
			present != nil && !present[old.Endpoint.URL] {
			return false
		}
		if f.Source == nil || old.Build == "" || old.Build != f.Source.Build {
			return false // other code, or unknown code, would be measured under this function's name
		}
		return old.Runtime == f.Runtime && old.Architecture == f.Architecture &&
			provider.Fits(*old.Endpoint, f) && rec.Experiment.Region == r.Experiment.Region &&
			alike(&rec.Experiment.SubExperiments[old.SubExperiment], want)
	})
}

// alike reports whether two sub-experiments agree in all that changes how their functions answer.
func alike(a, b *experiment.SubExperiment) bool {
	return a.Function == b.Function && a.Handler == b.Handler && a.Public == b.Public &&
		a.FunctionTimeoutSeconds == b.FunctionTimeoutSeconds && a.Platform == b.Platform &&
		a.SnapStartEnabled == b.SnapStartEnabled && a.CPUBoostEnabled == b.CPUBoostEnabled &&
		a.FillerRead == b.FillerRead && a.FillerPlacement == b.FillerPlacement &&
		a.PackagePattern == b.PackagePattern && a.BaseImage == b.BaseImage && a.ColdPull == b.ColdPull &&
		a.DataTransferChainLength == b.DataTransferChainLength
}

// present asks the provider which functions of a kept run exist, and gives their URLs.
func (s reuseStage) present(ctx context.Context, was *run.Run) (map[string]bool, error) {
	out := map[string]bool{}
	other := NewJob(s.Config, nil)
	for _, res := range was.Journal.Pending() {
		if res.Attrs["provider"] == "" {
			continue
		}
		if onThisMachine(res.Attrs["provider"]) {
			ended, err := other.platform.reach(ctx, res)
			if ended || err != nil {
				return nil, errors.Join(err, errors.New("their platform is gone"))
			}
		}
		res, err := other.own(was, res)
		if err != nil {
			return nil, err
		}
		conn, err := other.connectUnit(was, res)
		if err != nil {
			return nil, err
		}
		all, err := conn.ListAPIs(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			out[e.URL] = true
		}
	}
	return out, nil
}
