package google_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Everything on the way to Google is real but the vendor: the tool generates, packs and deploys with the gcloud of this
// machine, which talks to an account that stands in for Google's APIs. What it deploys runs in Docker, or in Google's
// own frameworks.

const googleExperiment = `{"Provider": "google", "Seed": 7, "SubExperiments": [
 {"Bursts": 2, "FunctionMemoryMB": 512, "Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}},
 {"Bursts": 1, "FunctionMemoryMB": 512, "Platform": {"Concurrency": 8}, "FunctionImageSizeMB": 9,
  "FillerRead": true, "Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}}]}`

// TestGoogleFunctions deploys to Google's functions, asks them what the conformance suite asks, probes and removes
// them.
func TestGoogleFunctions(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"venv/bin/functions-framework", "node_modules/.bin/functions-framework"} {
		lab.Installed(t, "Google's framework", filepath.Join(lab.Repo(), "scripts", "google", program), "make google")
	}
	g := cloud.NewGoogle(t)
	runtimes := []struct{ id, says string }{{"go", "go1."}, {"python3.13", "python3."}, {"nodejs22.x", "node"}}
	lab.In(t, g, googleExperiment).Life(func(d lab.Deployed) {
		if stand := g.Names(); len(stand) != 6 || !slices.Contains(stand, d.Record.Service+"-f0-0") {
			t.Fatalf("deployed: %v", stand)
		}
		for r, rt := range runtimes {
			f := pair(g, d, d.Record.Functions[r], d.Record.Functions[len(runtimes)+r])
			f.Says = rt.says
			for _, check := range coldFirst() {
				switch check.Name {
				case "log": // the platform keeps it
				case "size":
					t.Run(rt.id+"/size", func(t *testing.T) { checkUploaded(t, g, f) })
				default:
					t.Run(rt.id+"/"+check.Name, func(t *testing.T) { check.Run(t, f) })
				}
			}
			t.Run(rt.id, func(t *testing.T) { conformance.Run(t, f, "chain") })
		}
	})
}

// pair is the target of two functions: as it is, and one whose instances serve several requests at once and read filler
// when they start. Each command of gcloud takes a second, and a function takes six.
func pair(g *cloud.Google, d lab.Deployed, plain, shared run.FunctionRecord) *conformance.Target {
	return &conformance.Target{Token: d.Token,
		Functions: [conformance.Variants]run.FunctionRecord{plain, shared, shared},
		Restart:   func() { g.Restart(shared.Endpoint.Detail["unit"]) }}
}

// coldFirst are the checks of the suite, of which the one that wants a filled function that was not asked before is the
// first.
func coldFirst() []conformance.Check {
	checks := conformance.Checks()
	at := slices.IndexFunc(checks, func(c conformance.Check) bool { return c.Name == "filler" })
	return slices.Insert(slices.Delete(slices.Clone(checks), at, at+1), 0, checks[at])
}

// checkUploaded compares the size that was told with that of the archive which gcloud made.
func checkUploaded(t *testing.T, g *cloud.Google, target *conformance.Target) {
	for variant, want := range map[int]int64{conformance.Plain: 0, conformance.Filled: 9 << 20} {
		f := target.Functions[variant]
		got := g.Uploaded(f.Endpoint.Detail["unit"])
		if off := got - int64(f.PackageBytes); off > max(200, got/1000) || -off > max(200, got/1000) {
			t.Errorf("%d bytes were packed, gcloud uploaded %d", f.PackageBytes, got)
		}
		if off := want - int64(f.PackageBytes); want > 0 && (off < 0 || off > 16) {
			t.Errorf("%d bytes were packed, %d were asked for", f.PackageBytes, want)
		}
	}
}
