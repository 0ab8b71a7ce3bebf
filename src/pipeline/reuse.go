package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stellar/src/experiment"
	"stellar/src/provider"
	"stellar/src/run"
)

// reuseStage gives functions whose sub-experiment says Reuse the endpoints of fitting ones that an earlier run left up on
// purpose. They stay that run's: it is held for as long as this one goes on, so that nobody else probes or removes them
// meanwhile, and nothing of it is removed at the end. Functions for which none fits are deployed.
type reuseStage struct {
	Config
	held *heldRuns
}

func (reuseStage) String() string { return "looking for functions that stand" }

func (s reuseStage) Skip(r *run.Run) string {
	if !s.Deploys(r.Experiment) {
		return "the functions stand already"
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

func (s reuseStage) Run(ctx context.Context, r *run.Run) error {
	dirs, err := run.Unfinished(s.Getenv)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := s.takeFrom(ctx, r, dir); err != nil {
			s.Log.Warnf("functions of %s are not used again: %v", dir, err)
		}
	}
	for _, f := range r.Functions {
		if r.Experiment.SubExperiments[f.Sub].Reuse && f.Endpoint == nil {
			s.Log.Infof("function %s: none that fits stands, it is deployed", f.Name)
		}
	}
	return nil
}

// takeFrom takes over what fits of one earlier run.
func (s reuseStage) takeFrom(ctx context.Context, r *run.Run, dir string) error {
	rec, err := run.ReadRecord(dir)
	if err != nil || rec.Status != run.StatusKept || rec.Experiment == nil || rec.Experiment.ProviderKind() != r.Experiment.ProviderKind() ||
		!slices.ContainsFunc(r.Functions, func(f *run.Function) bool { return fitting(r, f, rec, nil) >= 0 }) {
		return nil //nolint:nilerr // a folder that is no kept run of this provider offers nothing
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
	stand, err := s.stillThere(ctx, was)
	if err != nil {
		return err
	}
	for _, f := range r.Functions {
		at := fitting(r, f, rec, stand)
		if at < 0 {
			continue
		}
		old := &rec.Functions[at]
		e := *old.Endpoint
		e.Function, e.Token = f.Name, token
		p := *f.Package // what stands, not what was made for this run
		p.Name, p.Bytes, p.CodeBytes, p.SHA256, p.Image = old.Package, old.PackageBytes, old.CodeBytes, old.PackageSHA256, old.Image
		f.Package, f.Endpoint = &p, &e
		old.Endpoint = nil // taken: the next one gets another
		r.Record.Notes = append(r.Record.Notes, fmt.Sprintf("function %s is %s of run %s (Reuse)", f.Name, old.Name, rec.ID))
		s.Log.Infof("function %s is taken over from run %s", f.Name, rec.ID)
	}
	return nil
}

// fitting finds a function of an earlier run that can stand in for one of this run, -1 where there is none; of stand, where
// it is not nil, it must be one.
func fitting(r *run.Run, f *run.Function, rec *run.Record, stand map[string]bool) int {
	want := &r.Experiment.SubExperiments[f.Sub]
	if !want.Reuse || f.Endpoint != nil {
		return -1
	}
	return slices.IndexFunc(rec.Functions, func(old run.FunctionRecord) bool {
		if old.Endpoint == nil || old.SubExperiment >= len(rec.Experiment.SubExperiments) || stand != nil && !stand[old.Endpoint.URL] {
			return false
		}
		if f.Source == nil || old.Build == "" || old.Build != f.Source.Build {
			return false // other code, or an unknown one, would be measured under this one's name
		}
		return old.Runtime == f.Runtime && old.Architecture == f.Architecture && provider.Fits(*old.Endpoint, f, want) &&
			alike(&rec.Experiment.SubExperiments[old.SubExperiment], want) && rec.Experiment.Region == r.Experiment.Region
	})
}

// alike compares what of two sub-experiments makes their functions answer differently.
func alike(a, b *experiment.SubExperiment) bool {
	return a.Function == b.Function && a.Handler == b.Handler && a.FunctionTimeoutSeconds == b.FunctionTimeoutSeconds && a.Platform == b.Platform &&
		a.SnapStartEnabled == b.SnapStartEnabled && a.CPUBoostEnabled == b.CPUBoostEnabled && a.FillerRead == b.FillerRead &&
		a.FillerPlacement == b.FillerPlacement && a.PackagePattern == b.PackagePattern && a.BaseImage == b.BaseImage && a.ColdPull == b.ColdPull &&
		a.Public == b.Public && a.DataTransferChainLength == b.DataTransferChainLength
}

// stillThere asks the provider which functions of a kept run stand.
func (s reuseStage) stillThere(ctx context.Context, was *run.Run) (map[string]bool, error) {
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
