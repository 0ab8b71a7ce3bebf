package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// imagesFolder is where, in a folder of the user's, the run is kept that made the images: `stellar remove` takes it.
const imagesFolder = "images"

// writeByHand makes what is needed to deploy where stellar does not: images in the registry, a file for each service,
// an endpoints file. The images stay until the run in the folder is removed.
func (a App) writeByHand(
	ctx context.Context, exp *experiment.Experiment, baseDir, dir string,
) (out *Written, err error) {
	dir, err = emptyFolder(dir)
	if err != nil {
		return nil, err
	}
	a.Output, a.Opened, a.Confirm, a.Keep = filepath.Join(dir, imagesFolder), nil, nil, true
	j := newJob(a, exp)
	stages := j.WriteStages()
	if err := j.readyByHand(ctx, exp, baseDir, stages); err != nil {
		return nil, err
	}
	r, err := j.begin(exp, baseDir)
	if err != nil {
		return nil, err
	}
	r.ServiceDir = dir
	err = j.Execute(ctx, r, stages)
	if err == nil {
		out, err = j.describeByHand(r)
	}
	_, err = j.end(ctx, r, err)
	return out, err
}

// readyByHand asks the stages what they miss, and the provider what it cannot do. Endpoints need not be there yet.
func (j *job) readyByHand(
	ctx context.Context, exp *experiment.Experiment, baseDir string, stages []pipeline.Stage,
) error {
	if err := j.app.supported(exp); err != nil {
		return err
	}
	draft, err := j.app.draft(exp, baseDir)
	if err != nil {
		return err
	}
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return err
	}
	if err := generate.Check(draft, row); err != nil { // it also marks the functions that are ours
		return err
	}
	if err := refusals(row.ByHand(j.ConnectionOptions(draft, row.Name)), draft); err != nil {
		return err
	}
	var missing []error
	for _, s := range stages {
		if c, ok := s.(pipeline.Checker); ok {
			missing = append(missing, c.Check(ctx, draft))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return fail.Input("not ready: %w", err).WithHint("%s", firstHint(missing))
	}
	return nil
}

// describeByHand writes the endpoints file and the token, and returns what was written.
func (j *job) describeByHand(r *run.Run) (*Written, error) {
	row, err := vendors.Find(r.Experiment.ProviderKind())
	if err != nil {
		return nil, err
	}
	guide, ok := row.ByHand(j.ConnectionOptions(r, row.Name)).(provider.Guide)
	if !ok {
		return nil, fail.Unsupported("how functions are deployed to %s by hand is not known", row.Name)
	}
	units := row.Units(r.Service, r.Functions)
	endpoints, err := guide.Endpoints(units)
	if err != nil {
		return nil, err
	}
	out := &Written{Dir: r.ServiceDir, Images: r.Dir}
	out.Instructions = guide.Instructions(r.ServiceDir, r.Dir, endpoints.Name, tokenFile, units)
	err = os.WriteFile(filepath.Join(r.ServiceDir, endpoints.Name), endpoints.Text, 0o644)
	if err != nil {
		return nil, err
	}
	if out.Token, err = writeToken(r); err != nil {
		return nil, err
	}
	return out, nil
}
