package azure_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Everything on the way to Azure is real but the vendor: the tool generates, packs and deploys with the pinned
// Serverless CLI and plugin, which talk to an account that stands in for Azure, and the apps that they make run.

func azureExperiment(runtime string) string {
	return strings.ReplaceAll(
		`{"Provider": "azure", "Region": "West Europe", "Runtime": "RUNTIME", "Seed": 7, "SubExperiments": [
 {"Title": "plain", "Bursts": 2, "BurstSizes": [2]},
 {"Title": "filled", "Bursts": 1, "FunctionImageSizeMB": 9, "FillerRead": true}]}`,
		"RUNTIME",
		runtime,
	)
}

func TestAzure(t *testing.T) {
	for _, c := range []struct{ runtime, says, stack, worker string }{
		{"python3.13", "python3.", "Python|3.12", "python"},
		{"nodejs22.x", "nodejs", "Node|22", "node"},
		{"go", "go1.", "", "custom"},
	} {
		t.Run(c.runtime, func(t *testing.T) {
			t.Parallel()
			a := cloud.NewAzure(t)
			lab.In(t, a, azureExperiment(c.runtime)).Life(func(d lab.Deployed) {
				service := d.Record.Service
				want := []string{service + "-f0-0", service + "-f1-0"}
				if stand := a.Left(); !slices.Equal(stand, want) {
					t.Fatalf("deployed: %v, want %v", stand, want)
				}
				g := a.Group(want[0])
				asked := g.Kind == c.stack && g.Settings["FUNCTIONS_WORKER_RUNTIME"] == c.worker &&
					g.Location == "westeurope"
				if !asked || g.Tags["stellar-run"] != d.Record.ID {
					t.Errorf("made: %+v", g)
				}
				f := conformance.NewPair(d.Record.Functions, d.Token, c.says, func() { a.Restart(want[0]) })
				conformance.Run(t, f, "start", "spin", "payload", "token", "errors", "one cold", "filler",
					"chain")
				if filled := f.Functions[conformance.Filled]; filled.PackageBytes != 9<<20 {
					t.Errorf("the package has %d bytes", filled.PackageBytes)
				}
			})
		})
	}
}

func TestAzureFaults(t *testing.T) {
	taken := cloud.Fault{Method: "PUT", At: "/deployments/", Code: "StorageAccountAlreadyTaken"}
	const cutOff = "cut off, the template is at work"
	functions := func(n int) string {
		return fmt.Sprintf(`{"Provider": "azure", "Runtime": "nodejs22.x", "Seed": 7, "SubExperiments": [
		 {"Title": "a", "Function": "measure", "Bursts": %d, "Parallelism": %d}]}`, n, n)
	}
	cloud.CheckFaults(t, functions(1), []cloud.FaultRow{
		{Name: "the secret is wrong", Env: "AZURE_CLIENT_SECRET=wrong", Exit: 2, Says: "Invalid client secret"},
		{
			Name:  "the subscription is another's",
			Exit:  1,
			Fault: cloud.Fault{Method: "GET", At: "/resourcegroups", Code: "AuthorizationFailed"},
		},
		{Name: "the template fails", Exit: 1, Fault: taken, Experiment: functions(2)}, // the other one is deployed
		{Name: cutOff, Exit: 1, Fault: taken},
		{Name: "throttled", Exit: 0, Fault: cloud.Fault{Method: "PUT", At: "-f0-0", Code: "TooManyRequests"}},
	}, func(t *testing.T, row cloud.FaultRow) cloud.FaultAccount {
		a := cloud.NewAzure(t)
		if row.Name == cutOff {
			a.KeepDeploying()
		}
		return a
	})
}

// TestAzureFindsWhatWasLost: the folders and the home are gone, and the tags say what is there.
func TestAzureFindsWhatWasLost(t *testing.T) {
	t.Parallel()
	a := cloud.NewAzure(t)
	l := lab.In(t, a, `{"Provider": "azure", "Runtime": "nodejs22.x", "SubExperiments": [
	 {"Title": "a", "Function": "measure", "Bursts": 1}]}`)
	l.Deploy()
	if stand := a.Left(); len(stand) != 1 {
		t.Fatalf("deployed %v", stand)
	}
	for _, dir := range []string{"out", "home"} {
		if err := os.RemoveAll(filepath.Join(l.Dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	l.Output("clean", "--all")
	if stand := a.Left(); len(stand) != 1 {
		t.Errorf("it has not expired, and is gone: %v", stand)
	}
	g := a.Group(a.Left()[0])
	a.Locked(func() { g.Tags["stellar-expires"] = "2026-01-02T03:04:05Z" })
	l.Output("clean", "--all")
	if stand := a.Left(); len(stand) > 0 {
		t.Errorf("after clean: %v", stand)
	}
}
