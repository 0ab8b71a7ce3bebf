package generate

import (
	"os"
	"path/filepath"
	"testing"

	"stellar/src/experiment"
	"stellar/src/run"
)

// writtenEnv runs both stages and gives the files with environment variables, one after the other.
func writtenEnv(t *testing.T, r *run.Run) []byte {
	t.Helper()
	if err := (Functions{}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := (Service{}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, fn := range r.Functions {
		text, err := os.ReadFile(filepath.Join(r.ServiceDir, fn.Name, "env.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text...)
	}
	return out
}

func TestGoogleEnvironments(t *testing.T) {
	r := newRun(t, "gcr", sub("measure", "go", func(s *experiment.SubExperiment) {
		s.PackageType, s.Platform.ImageContract = "Image", "http"
	}), sub("measure", "python3.13", func(s *experiment.SubExperiment) {
		s.PackageType, s.Platform.ImageContract, s.FillerRead, s.FunctionMemoryMB = "Image", "http", true, 2048
	}))
	r.Functions[1].Env["TRICKY"] = "a: \"b\", c=d # €"
	golden(t, "gcr-env.yaml", writtenEnv(t, r))
}
