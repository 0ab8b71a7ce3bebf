package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stellar/src/run"
)

// The Azure path with nothing left out but the company: the tool generates, packs and deploys with the pinned Serverless CLI and
// plugin, which talk to an account that stands in for Azure's, and the apps that they make run.

type azureLab struct {
	*lab
	*azureAccount
	env []string
}

func newAzureLab(t *testing.T, bin, experiment string) *azureLab {
	t.Helper()
	l := &azureLab{lab: newLab(t, bin, experiment), azureAccount: newAzureAccount(t)}
	cli, err := filepath.Abs(filepath.Join("..", "scripts", "serverless-azure", "node_modules", ".bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cli, "serverless")); err != nil {
		t.Fatalf("the Serverless CLI for Azure is not installed, run `make azure`: %v", err)
	}
	shim, err := filepath.Abs(filepath.Join("testdata", "account", "serverless"))
	if err != nil {
		t.Fatal(err)
	}
	l.env = []string{"STELLAR_SERVERLESS_AZURE=" + shim, "STELLAR_TEST_CLI=" + cli, "STELLAR_TEST_ACCOUNT=" + l.server.URL,
		"STELLAR_AZURE_URL=" + l.server.URL, "AZURE_AUTHORITY_HOST=" + l.server.URL, "AZURE_SUBSCRIPTION_ID=" + azureTestSubscription,
		"AZURE_TENANT_ID=tenant", "AZURE_CLIENT_ID=client", "AZURE_CLIENT_SECRET=" + azureTestSecret}
	return l
}

func (l *azureLab) stellar(code int, args ...string) (stdout, stderr string) {
	l.lab.Helper()
	c := l.command(args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "AZURE_") }), l.env...)
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		l.lab.Fatalf("stellar %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	if text := out.String() + errs.String(); strings.Contains(text, azureTestSecret) {
		l.lab.Errorf("stellar %s shows the secret:\n%s", strings.Join(args, " "), text)
	}
	return out.String(), errs.String()
}

func azureExperiment(runtime string) string {
	return strings.ReplaceAll(`{"Provider": "azure", "Region": "West Europe", "Runtime": "RUNTIME", "Seed": 7, "SubExperiments": [
 {"Title": "plain", "Bursts": 2, "BurstSizes": [2]},
 {"Title": "shared", "Bursts": 1},
 {"Title": "filled", "Bursts": 1, "FunctionImageSizeMB": 9, "FillerRead": true}]}`, "RUNTIME", runtime)
}

func TestAzure(t *testing.T) {
	bin := buildBinary(t)
	for _, c := range []struct{ runtime, says, stack, worker string }{
		{"python3.13", "python3.", "Python|3.12", "python"},
		{"nodejs22.x", "nodejs", "Node|22", "node"},
		{"go", "go1.", "", "custom"},
	} {
		t.Run(c.runtime, func(t *testing.T) {
			l := newAzureLab(t, bin, azureExperiment(c.runtime))
			if stand := l.names(); len(stand) > 0 {
				t.Fatalf("before: %v", stand)
			}
			text, _ := l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
			var deployed struct{ Dir string }
			if err := json.Unmarshal([]byte(text), &deployed); err != nil {
				t.Fatalf("deploy --json: %v\n%s", err, text)
			}
			record, err := run.ReadRecord(deployed.Dir)
			if err != nil {
				t.Fatal(err)
			}
			token, err := run.ReadToken(deployed.Dir)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{record.Service + "-f0-0", record.Service + "-f1-0", record.Service + "-f2-0"}
			if stand := l.names(); !slices.Equal(stand, want) {
				t.Fatalf("deployed: %v, want %v", stand, want)
			}
			var g *azureGroup
			l.locked(func() { g = l.groups[want[0]] })
			if g.kind != c.stack || g.settings["FUNCTIONS_WORKER_RUNTIME"] != c.worker || g.Location != "westeurope" || g.Tags["stellar-run"] != record.ID {
				t.Errorf("made: %+v", g)
			}
			azureChecks(t, &cell{lab: l.lab, functions: [variants]run.FunctionRecord(record.Functions), token: token}, c.says)
			l.stellar(0, "probe", "-o", "out", deployed.Dir)
			l.stellar(0, "remove", deployed.Dir)
			if stand := l.names(); len(stand) > 0 {
				t.Errorf("after: %v", stand)
			}
			l.stellar(0, "remove", deployed.Dir) // twice is no error
		})
	}
}

// azureChecks are those of the conformance suite that apply.
func azureChecks(t *testing.T, c *cell, says string) {
	first, second := c.work(t, plain, ""), c.work(t, plain, "")
	if i := first.Instance; i.Cold == nil || !*i.Cold || i.Invocation != 1 || !strings.HasPrefix(i.Runtime, says) || i.InitNs <= 0 || stamp(t, i.StartedAt).IsZero() {
		t.Errorf("first request: %+v", i)
	}
	if i := second.Instance; i.Cold == nil || *i.Cold || i.Invocation != 2 || i.ID != first.Instance.ID || first.RequestID == second.RequestID {
		t.Errorf("second request: %+v", second)
	}
	for name, check := range map[string]func(*testing.T, *cell){"spin": checkSpin, "payload": checkPayload, "token": checkToken,
		"errors": checkErrors, "one cold": checkOneCold, "filler": checkFiller} {
		t.Run(name, func(t *testing.T) { check(t, c) })
	}
	if f := c.functions[filled]; f.PackageBytes != 9<<20 {
		t.Errorf("the package has %d bytes", f.PackageBytes)
	}
}

// TestAzureFaults: whatever goes wrong on the way, nothing stays, and the user is told what Azure said.
func TestAzureFaults(t *testing.T) {
	bin := buildBinary(t)
	one := `{"Provider": "azure", "Runtime": "nodejs22.x", "Seed": 7, "SubExperiments": [{"Title": "a", "Function": "measure", "Bursts": 2, "Parallelism": 2}]}`
	for _, c := range []struct {
		name, fault, code string
		env               string
		exit              int
		says              string
		deploying         bool
	}{
		{name: "the secret is wrong", env: "AZURE_CLIENT_SECRET=wrong", exit: 2, says: "Invalid client secret"},
		{name: "the subscription is another's", fault: "GET /resourcegroups", code: "AuthorizationFailed", exit: 1, says: "AuthorizationFailed"},
		{name: "the template fails", fault: "PUT /deployments/", code: "StorageAccountAlreadyTaken", exit: 1, says: "StorageAccountAlreadyTaken"},
		{name: "cut off, the template is at work", fault: "PUT /deployments/", code: "StorageAccountAlreadyTaken", exit: 1, says: "StorageAccountAlreadyTaken", deploying: true},
		{name: "throttled", fault: "PUT -f0-1", code: "TooManyRequests", exit: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newAzureLab(t, bin, one)
			if c.env != "" {
				l.env = append(l.env, c.env)
			}
			if c.fault != "" {
				l.locked(func() { l.faults[c.fault] = c.code })
			}
			l.deploying = c.deploying
			_, said := l.stellar(c.exit, "-c", "exp.json", "-o", "out", "--yes")
			if stand := l.names(); len(stand) > 0 || !strings.Contains(said, c.says) {
				t.Errorf("left %v; said:\n%s", stand, said)
			}
			l.locked(func() {
				if len(l.faults) > 0 {
					t.Errorf("the fault was never met: %q", l.calls)
				}
			})
			if out, _ := l.stellar(0, "clean"); strings.Contains(out, "removed") {
				t.Errorf("clean found something: %s", out)
			}
		})
	}
}

// TestAzureFindsWhatWasLost: the folders and the home are gone, and the tags tell what is there.
func TestAzureFindsWhatWasLost(t *testing.T) {
	l := newAzureLab(t, buildBinary(t), `{"Provider": "azure", "Runtime": "nodejs22.x", "SubExperiments": [{"Title": "a", "Function": "measure", "Bursts": 1}]}`)
	l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes")
	if stand := l.names(); len(stand) != 1 {
		t.Fatalf("deployed %v", stand)
	}
	for _, dir := range []string{"out", "home"} {
		if err := os.RemoveAll(filepath.Join(l.lab.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	l.stellar(0, "clean", "--all")
	if stand := l.names(); len(stand) != 1 {
		t.Errorf("it has not expired, and is gone: %v", stand)
	}
	name := l.names()[0]
	l.locked(func() { l.groups[name].Tags["stellar-expires"] = "2026-01-02T03:04:05Z" })
	l.stellar(0, "clean", "--all")
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after clean: %v", stand)
	}
}
