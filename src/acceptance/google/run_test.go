package google_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// runAccount is an account, and an experiment of the given sub-experiments whose images go to a registry of the test's
// own.
func runAccount(t *testing.T, subExperiments string) (*cloud.Google, string) {
	t.Helper()
	registry, stop, err := lab.Registry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return cloud.NewGoogle(t), fmt.Sprintf(`{"Provider": "gcr", "Registry": %q, "Seed": 7, "SubExperiments": [%s]}`,
		registry, subExperiments)
}

const plainImage = `
 {"Runtime": "go", "PackageType": "Image", "Bursts": 3, "BurstSizes": [2], "FunctionMemoryMB": 512,
  "Platform": {"Concurrency": 4}}`

const twoImages = plainImage + `,
 {"Runtime": "go", "PackageType": "Image", "Bursts": 1, "FunctionMemoryMB": 512, "Platform": {"Concurrency": 8},
  "FunctionImageSizeMB": 12, "FillerRead": true}`

// TestCloudRun deploys images to Cloud Run, asks them what the conformance suite asks, and removes them.
func TestCloudRun(t *testing.T) {
	t.Parallel()
	g, experiment := runAccount(t, twoImages)
	l := lab.In(t, g, experiment)
	var run string
	l.Life(func(d lab.Deployed) {
		run = d.Record.ID
		if stand := g.Names(); len(stand) != 2 || !slices.Contains(stand, d.Record.Service+"-f0-0") {
			t.Fatalf("deployed: %v", stand)
		}
		deployedAs(t, g, d.Record.Service+"-f0-0")
		f := pair(g, d, d.Record.Functions[0], d.Record.Functions[1])
		f.Says, f.Image, f.Bytes = "go1.", true, 12<<20
		for _, check := range coldFirst() {
			if check.Name != "log" { // the platform keeps it
				t.Run(check.Name, func(t *testing.T) { check.Run(t, f) })
			}
		}
		conformance.Run(t, f, "chain")
	})
	if err := lab.LeftInEngine(run); err != nil {
		t.Error(err)
	}
}

// deployedAs looks at what gcloud asked Google for.
func deployedAs(t *testing.T, g *cloud.Google, name string) {
	t.Helper()
	s := g.Service(name)
	spec := cloud.At(s, "spec", "template", "spec")
	container := cloud.At(spec, "containers", 0)
	for what, got := range map[string]any{
		"concurrency 4": cloud.At(spec, "containerConcurrency"), "timeout 60": cloud.At(spec, "timeoutSeconds"),
		"memory 512Mi": cloud.At(container, "resources", "limits", "memory"),
		"cpu 1":        cloud.At(container, "resources", "limits", "cpu"),
		"boost false": cloud.At(s, "spec", "template", "metadata", "annotations",
			"run.googleapis.com/startup-cpu-boost"),
	} {
		if _, want, _ := strings.Cut(what, " "); !strings.EqualFold(fmt.Sprint(got), want) {
			t.Errorf("%s: %v", what, got)
		}
	}
	if run := cloud.At(s, "metadata", "labels", "stellar-run"); !strings.Contains(name, fmt.Sprint(run)) {
		t.Errorf("label stellar-run is %v", run)
	}
	if image := fmt.Sprint(cloud.At(container, "image")); !strings.Contains(image, "@sha256:") {
		t.Errorf("image %s is no digest", image)
	}
}

// TestCloudRunWhole runs an experiment of chains of two from its file to its end. TestCloudRun has the other kinds of
// images.
func TestCloudRunWhole(t *testing.T) {
	t.Parallel()
	g, experiment := runAccount(t, `
 {"Runtime": "go", "PackageType": "Image", "Bursts": 6, "DataTransferChainLength": 2, "PayloadLengthBytes": 5000,
  "FunctionMemoryMB": 512, "Platform": {"Concurrency": 4}}`)
	l := lab.In(t, g, experiment)
	said := strings.Join(strings.Fields(l.Output("-c", "exp.json", "-o", "out", "--yes")), " ")
	if stand := g.Left(); len(stand) > 0 {
		t.Errorf("after: %v", stand)
	}
	l.Answered("out", 6)
	if want := "a hop of 5000 B inline: P50"; !strings.Contains(said, want) {
		t.Errorf("the summary does not say %q:\n%s", want, said)
	}
}
