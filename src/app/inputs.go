package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/content"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Inputs that the command line names, beside those of the experiment file.
const (
	inputEndpoints = "endpoints"
	inputPrices    = "prices"
)

// input is a file or a folder that a run is made from, and that is not in its folder.
type input struct {
	run.InputRecord
	files  []content.File // of a folder; of a file it is that file alone
	folder bool
}

// inputs finds all of them. One that cannot be read has an error, and the others are given all the same.
func (a App) inputs(exp *experiment.Experiment, baseDir string) (all []input, errs []error) {
	add := func(in input, err error) {
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s %q: %w", in.Key, in.Name, err))
		case !slices.ContainsFunc(all, func(i input) bool { return i.Key == in.Key && i.Name == in.Name }):
			all = append(all, in)
		}
	}
	for _, i := range a.Subs(exp) {
		s := &exp.SubExperiments[i]
		named, err := s.Inputs()
		if err != nil {
			errs = append(errs, err)
		}
		for _, n := range named {
			switch {
			case n.Key != experiment.InputFunction:
				add(fileInput(n.Key, n.Name, n.Name))
			case a.Deploys(exp) && !generate.Ours(n.Name) && !experiment.IsExisting(n.Name):
				add(folderInput(baseDir, n, s.Runtime))
			}
		}
	}
	if file, ok, err := a.endpointsFile(exp); ok || err != nil {
		if err != nil {
			errs = append(errs, err)
		} else {
			add(fileInput(inputEndpoints, file, file))
		}
	}
	if a.Prices != "" {
		add(fileInput(inputPrices, a.Prices, a.Prices))
	}
	return all, errs
}

// endpointsFile is the file that says where functions are which the run does not deploy; false: it needs none.
func (a App) endpointsFile(exp *experiment.Experiment) (string, bool, error) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || a.Deploys(exp) || row.Standing && row.CanDeploy() {
		return "", false, nil //nolint:nilerr // the run says it
	}
	file, err := provider.EndpointsFile(a.Endpoints, row.Name)
	return file, err == nil, err
}

// fileInput is a file as an input.
func fileInput(key, name, path string) (input, error) {
	in := input{InputRecord: run.InputRecord{Key: key, Name: name}}
	var err error
	if in.Path, err = filepath.Abs(path); err != nil {
		return in, err
	}
	in.files = []content.File{{Rel: filepath.Base(path), Path: in.Path}}
	in.SHA256, err = archive.HashFile(in.Path)
	return in, err
}

// folderInput is the folder of a function of the user's own.
func folderInput(baseDir string, n experiment.Input, runtime string) (input, error) {
	in := input{InputRecord: run.InputRecord{Key: n.Key, Name: n.Name}, folder: true}
	var err error
	if in.Path, err = generate.Folder(baseDir, n.Name); err != nil {
		return in, err
	}
	rt, _, _ := experiment.ResolveRuntime(runtime) // none is known of a folder with its own Dockerfile
	if in.files, err = generate.SourceFiles(in.Path, rt.Language); err != nil {
		return in, err
	}
	in.SHA256, err = hashFiles(in.files)
	return in, err
}

// hashFiles hashes the names, modes and contents of files.
func hashFiles(files []content.File) (string, error) {
	all := sha256.New()
	for _, f := range files {
		sum, err := archive.HashFile(f.Path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%q %t %s\n", f.Rel, f.Exec, sum)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// recordInputs is what a run's record has of its inputs. One that cannot be read is left out: functions that are probed
// again need no folder, and where one is needed, the stage that reads it says so.
func (a App) recordInputs(exp *experiment.Experiment, baseDir string) []run.InputRecord {
	a.Only = -1 // an archive has the whole experiment
	all, errs := a.inputs(exp, baseDir)
	for _, err := range errs {
		a.Log.Debugf("the run's record will not have this input: %v", err)
	}
	var out []run.InputRecord
	for _, in := range all {
		out = append(out, in.InputRecord)
	}
	return out
}

// checkInput compares an input with what the run recorded of it. The note is of a run that recorded nothing.
func checkInput(rec *run.Record, in input) (note string, err error) {
	at := slices.IndexFunc(rec.Inputs, func(r run.InputRecord) bool { return r.Key == in.Key && r.Name == in.Name })
	what := cmp.Or(map[string]string{experiment.InputFunction: "the function's folder",
		inputPrices: "the file of prices", inputEndpoints: "the endpoints file"}[in.Key], "the file of "+in.Key)
	switch {
	case at < 0:
		return fmt.Sprintf("%s %s is archived as it is now: the run did not record what was in it", what, in.Path), nil
	case rec.Inputs[at].SHA256 != in.SHA256:
		return "", fail.Input("%s %s has changed since the run", what, in.Path).
			WithHint("put it back as it was, or run the experiment again and archive that run")
	}
	return "", nil
}
