package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/provider/vendors"
	"stellar/src/run"
)

// WriteService makes the packages and what the provider's CLI reads in a folder of the user's, for deploying by hand. Images
// stay until the run in the folder is removed. It returns what to type next.
func (w App) WriteService(ctx context.Context, exp *experiment.Experiment, baseDir, dir string) (next string, err error) {
	if row, err := vendors.Find(exp.ProviderKind()); err == nil && row.ByHand(provider.Options{}) != nil {
		return w.writeByHand(ctx, exp, baseDir, dir)
	}
	if !w.Deploys(exp) {
		return "", fail.Input("--write: nothing is deployed for provider %s", exp.Provider)
	}
	if dir, err = emptyFolder(dir); err != nil {
		return "", err
	}
	w.Opened, w.Confirm = nil, nil
	if w.makesImages(exp) {
		w.Output, w.Keep = filepath.Join(dir, imagesFolder), true
	} else if w.Output, err = os.MkdirTemp("", "stellar-plan-"); err == nil {
		defer os.RemoveAll(w.Output)
	}
	if err != nil {
		return "", err
	}
	j := newJob(w, exp)
	r, err := j.start(ctx, exp, baseDir)
	if err != nil {
		return "", err
	}
	r.ServiceDir = dir
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = j.Execute(ctx, r, j.PackageStages())
	}
	if err == nil {
		next, err = j.describeService(r)
	}
	_, err = j.end(ctx, r, err)
	return next, err
}

func (w App) makesImages(exp *experiment.Experiment) bool {
	return slices.ContainsFunc(w.Subs(exp), func(i int) bool { return exp.SubExperiments[i].PackageType == "Image" })
}

// describeService writes the token and says what to type.
func (j *job) describeService(r *run.Run) (string, error) {
	if err := os.WriteFile(filepath.Join(r.ServiceDir, "token"), []byte(r.Token+"\n"), 0o600); err != nil {
		return "", err
	}
	row, err := vendors.Find(r.Experiment.ProviderKind())
	if err != nil {
		return "", err
	}
	opts := j.ConnectionOptions(r, row.Name)
	opts.Region = r.Experiment.Region
	conn, err := row.Open(opts)
	if err != nil {
		return "", err
	}
	units := planUnits(conn, row.Units(r.Service, r.Functions))
	var b strings.Builder
	fmt.Fprintf(&b, "%s is ready to deploy. By hand:\n", r.ServiceDir)
	if row.Local {
		fmt.Fprintln(&b, "  stellar local start")
	}
	for _, u := range units {
		fmt.Fprintf(&b, "  (%s)\n", strings.Join(u.Deploy, " && "))
	}
	fmt.Fprintf(&b, "  curl -H \"X-Stellar-Token: $(cat %s)\" <endpoint>\nIn the end:\n", filepath.Join(r.ServiceDir, "token"))
	for _, u := range units {
		fmt.Fprintf(&b, "  (%s)\n", strings.Join(u.Remove, "; "))
	}
	if j.Keep {
		fmt.Fprintf(&b, "  stellar remove %s   # the images\n", r.Dir)
	}
	return b.String(), nil
}

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
