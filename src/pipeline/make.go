package pipeline

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// makeStage is a stage that makes what is deployed. It has nothing to do where the functions exist already.
type makeStage struct {
	stage   Stage
	deploys func(*experiment.Experiment) bool
}

func (j *Job) making(s Stage) makeStage { return makeStage{stage: s, deploys: j.Deploys} }

func (m makeStage) String() string { return m.stage.String() }

// Run is the stage's own.
func (m makeStage) Run(ctx context.Context, r *run.Run) error { return m.stage.Run(ctx, r.Making()) }

// Skip is the stage's own where functions are deployed.
func (m makeStage) Skip(r *run.Run) string {
	if !m.deploys(r.Experiment) {
		return "the functions are already deployed"
	}
	if making := r.Making(); len(making.Functions) > 0 || len(r.Functions) == 0 {
		return m.skip(making)
	}
	return "all functions exist already"
}

func (m makeStage) skip(r *run.Run) string {
	if s, ok := m.stage.(Skipper); ok {
		return s.Skip(r)
	}
	return ""
}

// Check is the stage's own.
func (m makeStage) Check(ctx context.Context, r *run.Run) error {
	if c, ok := m.stage.(Checker); ok {
		return c.Check(ctx, r.Making())
	}
	return nil
}

// calibrateStage calibrates functions of an endpoints file, too: by the table, as there is no package to run here.
// Functions at a URL are never calibrated: what they run is not known.
type calibrateStage struct{ makeStage }

// Skip is the stage's own wherever a service time can be asked for.
func (c calibrateStage) Skip(r *run.Run) string {
	if c.deploys(r.Experiment) || r.Experiment.ProviderKind() == experiment.KindURL {
		return c.makeStage.Skip(r)
	}
	return c.skip(r)
}
