// Package pipeline is the list of a run's stages, and what is the same for all of them: the loop that runs them, the
// middleware around each, the services that run beside them, and the registry of how each kind of resource is removed.
package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/build"
	"github.com/vhive-serverless/STeLLAR/src/calibrate"
	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Stage is one step of a run.
type Stage interface {
	fmt.Stringer // what it is doing, "building functions"
	Run(ctx context.Context, r *run.Run) error
}

// Skipper is a stage that may have nothing to do. Skip gives the reason; it is empty where there is work.
type Skipper interface{ Skip(r *run.Run) string }

// Checker is a stage that can tell beforehand what is missing: a compiler, a program. It is asked before anything is
// built or deployed, and changes nothing.
type Checker interface {
	Check(ctx context.Context, r *run.Run) error
}

// Stages are a whole run. What they make is removed by the run's journal, at the end of the run and whatever happens.
func (j *Job) Stages() []Stage {
	return []Stage{
		// Looks up the functions that exist already, by their names in the account.
		findStage{&j.connector},
		// Renders raw-code/, or finds the user's own function.
		j.making(generate.Functions{Row: j.row}),
		// Builds each distinct code once. Builds are cached.
		j.making(build.Stage{Local: j.row.Local, Rebuild: j.Rebuild, Runner: j.Runner}),
		// Adds filler up to the exact size, and makes a ZIP or an image.
		j.making(pack.Stage{Getenv: j.Getenv, Local: j.row.Local, Rebuild: j.Rebuild, Runner: j.Runner}),
		// Takes over functions of an earlier run, where the file says Reuse.
		reuseStage{Config: j.Config, held: &j.held},
		// Writes what the provider's CLI reads, such as serverless.yml, for the functions that are left.
		j.making(generate.Service{Row: j.row, Locate: j.locate}),
		// Starts the local platform, for local functions and for calibration.
		startStage{j.platform},
		// Turns service times into spin increments.
		calibrateStage{j.making(calibrate.Stage{Platform: j.platform.Client})},
		// Starts the object store, or makes the run's bucket in one. What is started after it is removed before it:
		// when its objects are deleted, no function is left that writes more of them.
		startStage{j.store},
		// Runs `serverless deploy`, or the CLI that the provider has instead.
		deploy.Stage{Locate: j.locate, Remember: (*run.Run).RememberPlace, Connect: j.connect, Units: j.units,
			Deploys: func(r *run.Run) bool { return j.Deploys(r.Experiment) }, Attrs: j.unitAttrs,
			Standing: j.row.Standing || !j.Serverless},
		// Sends the bursts.
		j.probeStage(),
		// Reads what the platform reports of each request.
		joinStage{connector: &j.connector, row: j.row},
		// Works out what each of them cost.
		priceStage{config: j.Config, row: j.row},
		// Writes statistics and plots.
		j.reportStage(),
	}
}

// Each stage states here what it implements.
var (
	_ Checker = (*generate.Functions)(nil)
	_ Checker = (*build.Stage)(nil)
	_ Checker = (*pack.Stage)(nil)
	_ Checker = (*generate.Service)(nil)
	_ Checker = (*makeStage)(nil)
	_ Checker = (*calibrateStage)(nil)

	_ Skipper = (*makeStage)(nil)
	_ Skipper = (*reuseStage)(nil)
	_ Skipper = (*startStage)(nil)
	_ Skipper = (*calibrate.Stage)(nil)
	_ Skipper = (*calibrateStage)(nil)

	_ Stage = (*deploy.Stage)(nil)
	_ Stage = (*probeStage)(nil)
	_ Stage = (*reportStage)(nil)
)

// PackageStages make all that a deployment by hand needs: the stages of a run that make files.
func (j *Job) PackageStages() []Stage {
	return slices.DeleteFunc(j.Stages(), func(s Stage) bool { _, makes := s.(makeStage); return !makes })
}

// WriteStages are PackageStages where stellar does not deploy: nothing skips them.
func (j *Job) WriteStages() []Stage {
	var out []Stage
	for _, s := range j.PackageStages() {
		out = append(out, s.(makeStage).stage)
	}
	return out
}

// DeployStages are the first half of a run: all up to the deployment, without the object store, which only requests
// use.
func (j *Job) DeployStages() []Stage {
	all := j.Stages()
	return slices.DeleteFunc(all[:deployment(all)+1], j.startsStore)
}

// ProbeStages are the second half of a run, for functions that are deployed. Those of others are looked up again: they
// may have changed since the deployment.
func (j *Job) ProbeStages() []Stage {
	all := j.Stages()
	return append([]Stage{findStage{&j.connector}, startStage{j.store}}, all[deployment(all)+1:]...)
}

func (j *Job) startsStore(s Stage) bool { return s == Stage(startStage{j.store}) }

// deployment is the index of the stage that deploys.
func deployment(all []Stage) int {
	return slices.IndexFunc(all, func(s Stage) bool { _, deploys := s.(deploy.Stage); return deploys })
}

// Report writes statistics and plots of what was measured, out of the stages' order.
func (j *Job) Report(ctx context.Context, r *run.Run) error { return guarded(ctx, j.reportStage(), r) }

// Execute runs the stages one after the other, and stops at the first error.
func (j *Job) Execute(ctx context.Context, r *run.Run, stages []Stage) error {
	for _, s := range stages {
		if err := j.around(s)(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
