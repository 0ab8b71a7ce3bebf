package aliyun

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// aliyunRun has a function in each of Function Compute's languages, one of them as published files have it.
func aliyunRun(t *testing.T) *run.Run {
	r := providertest.NewRun(t, "aliyun",
		providertest.Sub("hellopy", "python3.13", func(s *experiment.SubExperiment) {
			s.PackagePattern, s.Handler, s.FunctionMemoryMB, s.FunctionTimeoutSeconds = "main.py", "main.main", 512, 90
		}),
		providertest.Sub("hellonode", "nodejs22.x", func(s *experiment.SubExperiment) { s.FillerRead = true }),
		providertest.Sub("mine", "python3.10", func(s *experiment.SubExperiment) { s.Handler = "app.main" }),
	)
	providertest.Write(t, filepath.Join(r.BaseDir, "mine", "app.py"), "def main(event, context): pass\n")
	r.Functions[1].Language, r.Functions[1].Method = "nodejs", "POST"
	r.Experiment.Region = "ap-southeast-1"
	r.Log = &providertest.Warnings{}
	return r
}

func TestAliyun(t *testing.T) {
	r := aliyunRun(t)
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := (generate.Service{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, u := range Provider().Units(r.Service, r.Functions) {
		text, err := os.ReadFile(filepath.Join(r.ServiceDir, u.Dir, provider.YMLName))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, "#### "+u.Dir+"\n"+string(text)...)
		if _, err := os.Stat(filepath.Join(r.ServiceDir, u.Dir, "stellar-aliyun.js")); err != nil {
			t.Error(err)
		}
	}
	providertest.Golden(t, "aliyun.yml", all)
	f := r.Functions
	if f[0].Package.Pattern != "**" || f[0].Source.LocalHandler != "main.lambda_handler" || f[0].Source.Beside != "" ||
		f[2].Handler != "app.main" || f[2].Source.LocalHandler != "" {
		t.Errorf("functions %+v, %+v", f[0], f[2])
	}
	if log := *r.Log.(*providertest.Warnings); len(log) != 2 {
		t.Errorf("said %q, want that neither Python 3.13 nor Node.js 22 runs there", log)
	}
}

func TestAliyunRefusesLanguagesAndImages(t *testing.T) {
	for name, s := range map[string]experiment.SubExperiment{
		"go": providertest.Sub("measure", "go"),
		"image": providertest.Sub("measure", "python3.13",
			func(s *experiment.SubExperiment) { s.PackageType = "Image" }),
	} {
		r := providertest.NewRun(t, "aliyun", s)
		if _, err := providertest.Files(r, Provider()); !errors.Is(err, fail.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
