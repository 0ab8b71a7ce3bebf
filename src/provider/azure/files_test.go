package azure

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// azureRun has a function in each of Azure's forms, a second replica, and one of the user's own.
func azureRun(t *testing.T) *run.Run {
	r := providertest.NewRun(t, "azure",
		providertest.Sub("hellopy", "python3.13", func(s *experiment.SubExperiment) {
			s.Parallelism, s.PackagePattern, s.Handler, s.FunctionTimeoutSeconds = 2, "main.py", "main.main", 90
		}),
		providertest.Sub("hellonode", "nodejs22.x", func(s *experiment.SubExperiment) { s.FillerRead = true }),
		providertest.Sub("hellogo", "go"),
		providertest.Sub("mine", "python3.12", func(s *experiment.SubExperiment) { s.Handler = "app.run.main" }),
	)
	providertest.Write(t, filepath.Join(r.BaseDir, "mine", "app", "run.py"), "def main(req): pass\n")
	// newRun knows the language only of names that end in 3
	r.Functions[2].Language, r.Functions[3].Language = "nodejs", "go"
	r.Experiment.Region = "westeurope"
	r.Log = &providertest.Warnings{}
	return r
}

// prepared runs both stages and gives all that lies in the units' folders, each file under its name.
func prepared(t *testing.T, r *run.Run) []byte {
	t.Helper()
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	files, err := providertest.Files(r, Provider())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range files {
		out.WriteString("#### " + f.Name + "\n" + string(f.Text))
	}
	return []byte(out.String())
}

func TestAzure(t *testing.T) {
	r := azureRun(t)
	providertest.Golden(t, "azure.yml", prepared(t, r))
	var beside strings.Builder
	for _, i := range []int{0, 2, 3, 4} {
		for _, name := range []string{"host.json", "measure" + "/function.json"} {
			text, err := os.ReadFile(filepath.Join(r.Functions[i].Source.Beside, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			beside.WriteString("#### " + r.Functions[i].Name + " " + name + "\n" + string(text))
		}
	}
	providertest.Golden(t, "azure-beside.txt", []byte(beside.String()))
	log := r.Log.(*providertest.Warnings)
	for _, want := range []string{"Runtime python3.13 runs as python3.12",
		"FunctionMemoryMB 128: the Consumption plan has no such setting"} {
		if strings.Count(strings.Join(*log, "\n"), want) != 1 {
			t.Errorf("said %q, not once %q", *log, want)
		}
	}
	if p := r.Functions[0].Package; p.Pattern != "**" || p != r.Functions[1].Package {
		t.Errorf("the adapter's file is left out by the pattern, or replicas do not share a package: %+v", p)
	}
	if f := r.Functions[0]; f.Source.LocalHandler != "main.lambda_handler" || f.Handler != "azure_main.main" ||
		r.Functions[4].Source.LocalHandler != "" {
		t.Errorf("entry points: %+v, %+v", f.Source, r.Functions[4].Source)
	}
}

// The template is what Azure gets: names in it are those that the plugin is told, and no secret is in it.
func TestAzureTemplateAndServiceAgree(t *testing.T) {
	r := azureRun(t)
	prepared(t, r)
	for _, u := range unitsOf(t, r) {
		files, err := Provider().Writer().Files(r, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources []struct {
				Type, Name string
				Tags       map[string]string
			}
		}
		if err := json.Unmarshal(files[0].Text, &template); err != nil {
			t.Fatal(err)
		}
		for _, res := range template.Resources {
			if res.Tags["stellar-run"] == "" {
				t.Errorf("%s %s has no tags", res.Type, res.Name)
			}
			if strings.Contains(res.Type, "storageAccounts") &&
				(len(res.Name) != 24 || strings.ToLower(res.Name) != res.Name || strings.Contains(res.Name, "-")) {
				t.Errorf("storage account %q", res.Name)
			}
			if !strings.HasSuffix(res.Type, "serverfarms") && !strings.Contains(string(files[1].Text),
				"name: "+res.Name+"\n") {
				t.Errorf("serverless.yml does not name %s:\n%s", res.Name, files[1].Text)
			}
		}
	}
}

func TestAzureRefuses(t *testing.T) {
	for name, s := range map[string]experiment.SubExperiment{
		"java": providertest.Sub("measure", "java21"),
		"image": providertest.Sub("measure", "python3.13",
			func(s *experiment.SubExperiment) { s.PackageType = "Image" }),
	} {
		r := providertest.NewRun(t, "azure", s)
		if name == "java" {
			r.Functions[0].Language = "java"
		}
		if _, err := providertest.Files(r, Provider()); !errors.Is(err, fail.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func unitsOf(t *testing.T, r *run.Run) []provider.Unit {
	t.Helper()
	return Provider().Units(r.Service, r.Functions)
}
