package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Written is a folder from which functions can be deployed by hand, and what to do with it.
type Written struct {
	Dir    string
	Token  string     // file that holds the token of requests
	Local  bool       // the functions go to the local platform, which has to run
	Units  []PlanUnit // the commands that deploy and remove
	Images string     // folder of the run that keeps the images; empty where none were made

	Instructions string // the vendor's own, in place of commands: stellar does not deploy there
}

// WriteService makes the packages and what the provider's CLI reads in a folder of the user's, for deploying by hand.
// Images stay until the run in the folder is removed.
func (a App) WriteService(
	ctx context.Context, exp *experiment.Experiment, baseDir, dir string,
) (out *Written, err error) {
	if row, err := vendors.Find(exp.ProviderKind()); err == nil && row.ByHand(provider.Options{}) != nil {
		return a.writeByHand(ctx, exp, baseDir, dir)
	}
	if !a.Deploys(exp) {
		return nil, fail.Input("--write: nothing is deployed for provider %s", exp.Provider)
	}
	if dir, err = emptyFolder(dir); err != nil {
		return nil, err
	}
	a.Opened, a.Confirm = nil, nil
	if a.makesImages(exp) {
		a.Output, a.Keep = filepath.Join(dir, imagesFolder), true
	} else if a.Output, err = os.MkdirTemp("", "stellar-plan-"); err == nil {
		defer os.RemoveAll(a.Output)
	}
	if err != nil {
		return nil, err
	}
	j := newJob(a, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return nil, err
	}
	r.ServiceDir = dir
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = j.Execute(ctx, r, j.PackageStages())
	}
	if err == nil {
		out, err = j.describeService(r)
	}
	_, err = j.end(ctx, r, err)
	return out, err
}

func (a App) makesImages(exp *experiment.Experiment) bool {
	return slices.ContainsFunc(a.Subs(exp), func(i int) bool { return exp.SubExperiments[i].PackageType == "Image" })
}

// describeService writes the token, and returns what was written.
func (j *job) describeService(r *run.Run) (*Written, error) {
	out := &Written{Dir: r.ServiceDir}
	var err error
	if out.Token, err = writeToken(r); err != nil {
		return nil, err
	}
	row, err := vendors.Find(r.Experiment.ProviderKind())
	if err != nil {
		return nil, err
	}
	opts := j.ConnectionOptions(r, row.Name)
	opts.Region = r.Experiment.Region
	conn, err := row.Open(opts)
	if err != nil {
		return nil, err
	}
	out.Local, out.Units = row.Local, planUnits(conn, row.Units(r.Service, r.Making().Functions))
	if j.Keep {
		out.Images = r.Dir
	}
	return out, nil
}

// writeToken writes the token that requests must carry, and gives the file's path.
func writeToken(r *run.Run) (string, error) {
	path := filepath.Join(r.ServiceDir, tokenFile)
	return path, os.WriteFile(path, []byte(r.Token+"\n"), 0o600)
}

const tokenFile = "token"

// emptyFolder is the absolute path of a folder that is empty, or not there yet.
func emptyFolder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fail.Input("--write: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fail.Input("--write: %w", err)
	}
	if len(there) > 0 {
		return "", fail.Input("--write: %s is not empty", dir).WithHint("name a new folder")
	}
	return dir, nil
}
