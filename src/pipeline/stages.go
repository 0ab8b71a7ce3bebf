// Package pipeline puts the stages of a run in order and runs them; it is the only place that knows all of them.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stellar/src/build"
	"stellar/src/calibrate"
	"stellar/src/deploy"
	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/generate"
	"stellar/src/local/plugin"
	"stellar/src/pack"
	"stellar/src/run"
)

// Stage is one step of a run.
type Stage interface {
	fmt.Stringer // what it is doing, "building functions"
	Run(ctx context.Context, r *run.Run) error
}

// Skipper is a stage that may have nothing to do; the reason is given, empty where there is work.
type Skipper interface{ Skip(r *run.Run) string }

// Checker is a stage that can say beforehand what would be missing: a compiler, a program. It is asked before anything
// is built or deployed, and changes nothing.
type Checker interface {
	Check(ctx context.Context, r *run.Run) error
}

// packaging are the stages that make the packages.
func (j *Job) packaging() []Stage {
	return []Stage{
		makeStage{j, generate.Functions{}},                                               // render raw-code/, or find the user's own function
		makeStage{j, build.Stage{Local: j.local, Rebuild: j.Rebuild, Runner: j.Runner}},  // one build per distinct code, cached
		makeStage{j, pack.Stage{Getenv: j.Getenv, Rebuild: j.Rebuild, Runner: j.Runner}}, // filler to the exact size, ZIP or image
	}
}

// writing is the stage that writes what the provider's CLI reads.
func (j *Job) writing() Stage {
	return makeStage{j, generate.Service{Plugin: plugin.Source, Locate: j.locate}} // serverless.yml, images by digest in it
}

// PackageStages are the stages that make all that a deployment by hand needs.
func (j *Job) PackageStages() []Stage { return append(j.packaging(), j.writing()) }

// Stages are a whole run. What they make is removed by the run's journal, in the end and whatever happens.
func (j *Job) Stages() []Stage {
	return append(j.packaging(),
		reuseStage{j},    // fitting functions that an earlier run left up, where the file says Reuse
		j.writing(),      // for those that are left
		platformStage{j}, // the local platform, for local functions and for calibration
		calibrateStage{makeStage{j, calibrate.Stage{Platform: j.platformClient}}}, // service time to increments
		deploy.Stage{Locate: j.locate, Remember: (*run.Run).RememberPlace, Connect: j.connect, Units: j.units,
			Deploys: func(r *run.Run) bool { return j.Deploys(r.Experiment) }, Attrs: j.serviceAttrs}, // `serverless deploy`
		probeStage{j},   // bursts
		j.reportStage(), // statistics, plots
	)
}

// DeployStages are the first half of a run: all up to the deployment.
func (j *Job) DeployStages() []Stage {
	all := j.Stages()
	return all[:slices.IndexFunc(all, func(s Stage) bool { _, ok := s.(deploy.Stage); return ok })+1]
}

// ProbeStages are the second half of a run, for functions that are deployed.
func (j *Job) ProbeStages() []Stage { return []Stage{probeStage{j}, j.reportStage()} }

// ByHandStages make what is needed to deploy where stellar does not.
func (j *Job) ByHandStages() []Stage {
	return []Stage{
		generate.Functions{},
		build.Stage{Rebuild: j.Rebuild, Runner: j.Runner},
		pack.Stage{Getenv: j.Getenv, Rebuild: j.Rebuild, Runner: j.Runner},
		generate.Service{},
	}
}

func (j *Job) reportStage() reportStage { return reportStage{log: j.Log, out: &j.report} }

// Report writes statistics and plots of what was measured, outside of the stages' order.
func (j *Job) Report(ctx context.Context, r *run.Run) error { return guarded(j.reportStage(), ctx, r) }

// makeStage is a stage that has nothing to do where the functions stand already.
type makeStage struct {
	*Job
	stage Stage
}

func (m makeStage) String() string { return m.stage.String() }

func (m makeStage) Run(ctx context.Context, r *run.Run) error { return m.stage.Run(ctx, r) }

// Skip is the stage's own, once there is something to make.
func (m makeStage) Skip(r *run.Run) string {
	if !m.Deploys(r.Experiment) {
		return "the functions stand already"
	}
	if s, ok := m.stage.(Skipper); ok {
		return s.Skip(r)
	}
	return ""
}

// calibrateStage finds increments for functions of an endpoints file, too: by the table, for there is no package of theirs to be
// run here. What answers at any URL is nobody's to calibrate.
type calibrateStage struct{ makeStage }

// Skip is the stage's own wherever a service time can be asked for.
func (c calibrateStage) Skip(r *run.Run) string {
	s, ok := c.stage.(Skipper)
	if !ok || c.Deploys(r.Experiment) || r.Experiment.ProviderKind() == experiment.KindURL {
		return c.makeStage.Skip(r)
	}
	return s.Skip(r)
}

// Check is the stage's own.
func (m makeStage) Check(ctx context.Context, r *run.Run) error {
	if c, ok := m.stage.(Checker); ok {
		return c.Check(ctx, r)
	}
	return nil
}

// Execute runs the stages one after the other.
func (j *Job) Execute(ctx context.Context, r *run.Run, stages []Stage) error {
	for _, s := range stages {
		if err := j.around(s)(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

type step func(ctx context.Context, r *run.Run) error

// around is the middleware of a stage: skipping, the journal, timing, the record, the observer, and the stage's name on
// its errors. Stages do none of that themselves.
func (j *Job) around(s Stage) step {
	return func(ctx context.Context, r *run.Run) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry := run.StageRecord{Name: s.String()}
		if sk, ok := s.(Skipper); ok {
			if entry.Skipped = sk.Skip(r); entry.Skipped != "" {
				r.Record.Stages = append(r.Record.Stages, entry)
				r.Log.Debugf("skipped %s: %s", s, entry.Skipped)
				return nil
			}
		}
		if err := r.Journal.Note(run.EventStage, s.String()); err != nil {
			return err
		}
		j.Observer.StageStart(s.String())
		started := time.Now()
		err = guarded(s, ctx, r)
		took := time.Since(started)
		var skip fail.Skip
		if errors.As(err, &skip) {
			entry.Skipped, err = skip.Reason, nil
		}
		entry.Seconds = took.Seconds()
		if err != nil {
			entry.Error = err.Error()
		}
		r.Record.Stages = append(r.Record.Stages, entry)
		j.Observer.StageEnd(s.String(), took, err)
		if werr := r.WriteRecord(); werr != nil {
			err = errors.Join(err, werr)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		return nil
	}
}

// guarded turns a panic into an error, so that what was deployed is removed all the same.
func guarded(s Stage, ctx context.Context, r *run.Run) error {
	return fail.Try(func() error { return s.Run(ctx, r) })
}
