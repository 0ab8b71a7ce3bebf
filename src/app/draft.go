package app

import (
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// DraftID stands for the run's id, which is drawn when the run starts.
const DraftID = "RUN"

// draft is a run that has only its list of functions, to ask questions of.
func (a App) draft(exp *experiment.Experiment, baseDir string) (*run.Run, error) {
	fns, err := pipeline.Functions(exp, a.Subs(exp), "")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(a.Output, DraftID)
	return &run.Run{ID: DraftID, Dir: dir, ServiceDir: filepath.Join(dir, "serverless"), Service: "stellar-" + DraftID,
		Experiment: exp, BaseDir: baseDir,
		Functions: fns, Log: a.Log, Tags: map[string]string{"stellar-run": DraftID, "stellar-expires": "TIME",
			"stellar-owner": run.Owner(a.Getenv)}}, nil
}

// draftConnection is the connection of which a draft asks its questions: the same one for all, so that it asks the
// vendor once.
func (j *job) draftConnection(r *run.Run) (provider.Connection, error) {
	if j.asked != nil {
		return j.asked, nil
	}
	kind := r.Experiment.ProviderKind()
	row, err := vendors.Find(kind)
	if err != nil {
		return nil, err
	}
	opts := j.ConnectionOptions(r, kind)
	opts.Region = r.Experiment.Region
	j.asked, err = row.Open(opts)
	return j.asked, err
}
