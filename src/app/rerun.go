package app

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Rerun is how far a run is the same as the archived one that it repeats.
type Rerun struct {
	Of        string          `json:"of"` // id of the archived run
	Seed      int64           `json:"seed"`
	SeedThen  int64           `json:"seedThen"` // that of the archived run
	Packages  []RerunPackage  `json:"packages"`
	Schedules []RerunSchedule `json:"schedules"`
	Measured  *Comparison     `json:"measured"`
}

// RerunPackage compares the package of a function with the archived one, byte for byte.
type RerunPackage struct {
	Function string `json:"function"`
	Then     string `json:"then"` // SHA-256
	Now      string `json:"now"`
	Same     bool   `json:"same"`
	Why      string `json:"why,omitempty"` // what differs that was recorded
}

// RerunSchedule compares when the bursts of a sub-experiment were planned, or the requests of a sustained load.
type RerunSchedule struct {
	SubExperiment int    `json:"subExperiment"`
	Title         string `json:"title"`
	What          string `json:"what"` // bursts, or requests of a sustained load
	Then          int    `json:"then"` // how many of them
	Now           int    `json:"now"`
	SameSizes     bool   `json:"sameSizes"` // each has as many requests then and now
	// largest difference of two pauses before a burst, or of two planned instants since the first one, by the clocks of
	// both machines, in milliseconds; null where the numbers differ
	OffMs *float64 `json:"offMs"`
	// the sub-experiments take turns: a pause has the others' rounds in it, which the schedule does not fix
	InTurn bool `json:"inTurn,omitempty"`
}

// CompareRerun compares a run with the archived one that it repeats: seed, packages, schedule, and what was measured.
func (a App) CompareRerun(ctx context.Context, x *ArchivedExperiment, repeated string) (*Rerun, error) {
	out, err := compareMaking(x.Run.Dir, repeated)
	if err != nil {
		return nil, x.Run.Named(err)
	}
	if out.Measured, err = a.Compare(ctx, []string{x.Run.Archive, repeated}); err != nil {
		return out, err
	}
	// What the experiment names is the archive's: only its place differs.
	moved := []string{experiment.InputFunction, experiment.InputTrace, experiment.InputBody}
	for i, changed := range out.Measured.Runs {
		out.Measured.Runs[i].Differences = slices.DeleteFunc(changed.Differences, func(d report.KeyDifference) bool {
			return slices.Contains(moved, d.Key)
		})
	}
	return out, nil
}

// compareMaking is CompareRerun but for what was measured.
func compareMaking(archived, repeated string) (*Rerun, error) {
	then, err := run.ReadRecord(archived)
	if err != nil {
		return nil, err
	}
	now, err := run.ReadRecord(repeated)
	if err != nil {
		return nil, err
	}
	out := &Rerun{Of: then.ID, Seed: now.Seed, SeedThen: then.Seed, Packages: []RerunPackage{},
		Schedules: []RerunSchedule{}}
	for _, f := range then.Functions {
		at := slices.IndexFunc(now.Functions, func(g run.FunctionRecord) bool { return g.Name == f.Name })
		if f.PackageSHA256 == "" || at < 0 || now.Functions[at].PackageSHA256 == "" {
			continue // it was not deployed
		}
		g := now.Functions[at]
		p := RerunPackage{Function: f.Name, Then: f.PackageSHA256, Now: g.PackageSHA256,
			Same: f.PackageSHA256 == g.PackageSHA256}
		if !p.Same {
			p.Why = whyOther(then, now, f, g)
		}
		out.Packages = append(out.Packages, p)
	}
	for _, res := range then.Results {
		at := slices.IndexFunc(now.Results,
			func(r run.ResultRecord) bool { return r.SubExperiment == res.SubExperiment })
		if at < 0 || res.SubExperiment >= len(then.Experiment.SubExperiments) {
			continue // it was stopped before
		}
		sub := &then.Experiment.SubExperiments[res.SubExperiment]
		s := RerunSchedule{SubExperiment: res.SubExperiment, Title: sub.Title, InTurn: then.Experiment.TakesTurns()}
		err := s.compare(sub, filepath.Join(archived, res.Folder), filepath.Join(repeated, now.Results[at].Folder))
		if err != nil {
			return nil, err
		}
		if s.Then > 0 {
			out.Schedules = append(out.Schedules, s)
		}
	}
	return out, nil
}

// whyOther says what of two packages' making differs, as far as it was recorded.
func whyOther(then, now *run.Record, f, g run.FunctionRecord) string {
	was, is := buildOf(then, f.Build), buildOf(now, g.Build)
	var why []string
	add := func(what, a, b string) {
		if a != b {
			why = append(why, fmt.Sprintf("%s: %s then, %s now", what, orNone(a), orNone(b)))
		}
	}
	add("architecture", f.Architecture, g.Architecture)
	add("runtime", f.Runtime, g.Runtime)
	add("toolchain", was.Toolchain, is.Toolchain)
	add("installed packages", installedText(was.Installed, is.Installed), installedText(is.Installed, was.Installed))
	if sub := f.SubExperiment; sub < len(then.Experiment.SubExperiments) &&
		ownCode(then.Experiment.SubExperiments[sub]) {
		add("stellar, which has the function's code", then.Version, now.Version)
	}
	add("system that built it", then.Host.OS+"/"+then.Host.Arch, now.Host.OS+"/"+now.Host.Arch)
	if len(why) == 0 {
		return "nothing that was recorded differs: what built it does not give the same bytes twice, or fetched " +
			"something that changed"
	}
	return strings.Join(why, "; ")
}

// ownCode reports whether a sub-experiment's function is one of stellar's own.
func ownCode(s experiment.SubExperiment) bool { return generate.Ours(s.Function) }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func buildOf(rec *run.Record, key string) run.BuildRecord {
	at := slices.IndexFunc(rec.Builds, func(b run.BuildRecord) bool { return b.Build == key })
	if at < 0 {
		return run.BuildRecord{}
	}
	return rec.Builds[at]
}

// installedText names the first packages of a list that another list does not have.
func installedText(list, other []run.Installed) string {
	const most = 3
	var names []string
	for _, p := range list {
		if slices.Contains(other, p) {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, p.Name+" "+p.Version)
	}
	return strings.Join(names, ", ")
}
