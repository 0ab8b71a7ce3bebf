package knative

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// knativeRun has a function of ours and, marked as the user's own, another with limits of its own.
func knativeRun(t *testing.T) *run.Run {
	t.Helper()
	image := func(s *experiment.SubExperiment) { s.PackageType = "Image" }
	r := providertest.NewRun(t, "vhive", providertest.Sub("measure", "go", image),
		providertest.Sub("measure", "go", image, func(s *experiment.SubExperiment) {
			s.FunctionMemoryMB, s.FunctionTimeoutSeconds = 512, 300
			s.Platform.Concurrency, s.Platform.MaxInstances = 0, 7
		}))
	if err := (generate.Functions{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, fn := range r.Functions {
		fn.Package.Image, fn.Package.Bytes = "registry.example.org/stellar@sha256:"+strings.Repeat("ab", 32),
			6<<20+1<<19
	}
	r.Functions[0].Env["TRICKY"] = "a: \"b\" # ${c}\n€"
	r.Functions[1].Generated = false
	return r
}

func TestKnativeServices(t *testing.T) {
	r := knativeRun(t)
	if err := (generate.Service{Row: Provider()}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range []string{"f0-0.yml", "f1-0.yml"} {
		text, err := os.ReadFile(filepath.Join(r.ServiceDir, "services", name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, "---\n"...), text...)
	}
	providertest.Golden(t, "knative.yml", all)
	dec := yaml.NewDecoder(bytes.NewReader(all))
	var back struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Env []struct{ Name, Value string }
					}
				}
			}
		}
	}
	if err := dec.Decode(&back); err != nil {
		t.Fatal(err)
	}
	for _, e := range back.Spec.Template.Spec.Containers[0].Env {
		if e.Value != r.Functions[0].Env[e.Name] {
			t.Errorf("%s is read back as %q", e.Name, e.Value)
		}
	}
}

// The endpoints file fits the experiment once its domain is filled in.
func TestKnativeEndpoints(t *testing.T) {
	r := knativeRun(t)
	row := Provider()
	f, err := row.ByHand(provider.Options{}).(provider.Guide).Endpoints(row.Units(r.Service, r.Functions))
	if err != nil {
		t.Fatal(err)
	}
	providertest.Golden(t, "knative-endpoints.json", f.Text)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, f.Name),
		bytes.ReplaceAll(f.Text, []byte("DOMAIN"), []byte("example.org")), 0o644); err != nil {
		t.Fatal(err)
	}
	stand, err := provider.OpenEndpoints(dir, row)
	if err != nil {
		t.Fatal(err)
	}
	found, err := stand.DeployFunctions(t.Context(), r.Functions)
	if err != nil || len(found) != 2 || !strings.HasPrefix(found[1].URL,
		"http://"+r.Service+"-f1-0.default.example.org:80") {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestKnativeNames(t *testing.T) {
	r := knativeRun(t)
	r.Service = "stellar-" + strings.Repeat("x", 60)
	if err := (generate.Service{Row: Provider()}).
		Check(t.Context(), r); fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "63 characters") {
		t.Errorf("a name that is too long: %v", err)
	}
}
