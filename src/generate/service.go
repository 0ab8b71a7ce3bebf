package generate

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Service is the stage that writes the input of a deployment: a folder for each unit under r.ServiceDir, with its
// serverless.yml or the files of another CLI. With the packages beside it, the folder can also be deployed by hand.
type Service struct {
	Row provider.Provider // the run's provider
	// Locate says where the units will go (provider.Locator), for providers whose files say it. nil: as the experiment
	// says.
	Locate func(ctx context.Context, r *run.Run) (map[string]string, error)
}

func (Service) String() string { return "writing what is deployed" }

// Check reports what Run would refuse, before anything is built.
func (s Service) Check(_ context.Context, r *run.Run) error {
	_, err := s.files(r, nil)
	return err
}

// Run writes the files of every unit. Source and Package of the functions are set.
func (s Service) Run(ctx context.Context, r *run.Run) (err error) {
	if len(r.Functions) == 0 {
		return fail.Skip{Reason: "the experiment deploys no functions"}
	}
	var where map[string]string
	if s.Locate != nil && s.Row.FilesLocated && len(r.Unplaced()) > 0 {
		if where, err = s.Locate(ctx, r); err != nil {
			return err
		}
	}
	files, err := s.files(r, where)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fail.Skip{Reason: "nothing is written for " + r.Experiment.Provider}
	}
	for _, f := range files {
		path := filepath.Join(r.ServiceDir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("creating the service folder: %w", err)
		}
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
	}
	return nil
}

// files are all files that Run writes, in the units' order, named from the service folder.
func (s Service) files(r *run.Run, where map[string]string) ([]provider.File, error) {
	writer := s.Row.Writer()
	if writer == nil {
		return nil, nil
	}
	var out []provider.File
	for _, u := range s.Row.Units(r.Service, r.Unplaced()) {
		files, err := writer.Files(r, u, where)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			f.Name = path.Join(u.Dir, f.Name)
			out = append(out, f)
		}
	}
	return out, nil
}
