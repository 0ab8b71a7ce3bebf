package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stellar/src/run"
)

// The Google paths with nothing left out but the company: the tool generates, packs and deploys with the gcloud of this machine
// (STELLAR_TEST_GCLOUD=none does as if there were none), which talks to a project that stands in for Google's APIs; what it deploys runs in Docker, or in Google's own frameworks.

// googleLab is a lab whose gcloud deploys into a project of its own.
type googleLab struct {
	*lab
	*googleCloud
	extra []string // environment
}

func newGoogleLab(t *testing.T, experiment string) *googleLab {
	t.Helper()
	l := &googleLab{lab: newLab(t, buildBinary(t), experiment), googleCloud: newGoogleCloud(t)}
	if _, err := exec.LookPath("gcloud"); err == nil && os.Getenv("STELLAR_TEST_GCLOUD") == "" {
		return l
	}
	t.Log("no gcloud on this machine: one of the tests' own asks for the same")
	text, err := os.ReadFile("testdata/gcloud.py")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(l.lab.dir, "bin")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.WriteFile(filepath.Join(bin, "gcloud"), text, 0o755)); err != nil {
		t.Fatal(err)
	}
	l.extra = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	return l
}

const googleToken = "ya29.a-secret-of-this-test"

// env is that of a gcloud which talks to the stand-in: every API has a host that only the proxy knows.
func (l *googleLab) env() []string {
	token := filepath.Join(l.lab.dir, "token")
	if err := os.WriteFile(token, []byte(googleToken), 0o600); err != nil {
		l.lab.Fatal(err)
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(l.server.URL, "http://"), ":")
	env := []string{"CLOUDSDK_CONFIG=" + filepath.Join(l.lab.dir, "gcloud"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + token, "CLOUDSDK_CORE_PROJECT=" + googleProject,
		"CLOUDSDK_RUN_REGION=" + googleRegion, "CLOUDSDK_FUNCTIONS_REGION=" + googleRegion, "CLOUDSDK_PROXY_TYPE=http_no_tunnel", "CLOUDSDK_PROXY_ADDRESS=" + host,
		"CLOUDSDK_PROXY_PORT=" + port, "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://storage.test/storage/v1/", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true"}
	for _, api := range []string{"run", "cloudfunctions", "serviceusage", "cloudresourcemanager", "artifactregistry", "iam", "cloudbuild", "logging"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+strings.ToUpper(api)+"=http://"+api+".test/")
	}
	return append(env, l.extra...)
}

// stellar runs the tool against the project and gives what it printed on standard output.
func (l *googleLab) stellar(code int, args ...string) string {
	l.lab.Helper()
	c := l.command(args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool {
		return strings.HasPrefix(v, "CLOUDSDK_") || strings.HasPrefix(v, "GOOGLE_")
	}), l.env()...)
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		l.lab.Fatalf("stellar %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	if text := out.String() + errs.String(); strings.Contains(text, googleToken) {
		l.lab.Errorf("stellar %s shows the token:\n%s", strings.Join(args, " "), text)
	}
	return out.String()
}

// deploy leaves the functions of exp.json up and gives the run's record, folder and token.
func (l *googleLab) deploy() (*run.Record, string, string) {
	l.lab.Helper()
	var deployed struct{ Dir string }
	if text := l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json"); json.Unmarshal([]byte(text), &deployed) != nil {
		l.lab.Fatalf("deploy --json: %s", text)
	}
	record, err := run.ReadRecord(deployed.Dir)
	if err != nil {
		l.lab.Fatal(err)
	}
	token, err := run.ReadToken(deployed.Dir)
	if err != nil {
		l.lab.Fatal(err)
	}
	return record, deployed.Dir, token
}

const googleExperiment = `{"Provider": "google", "Seed": 7, "SubExperiments": [
 {"Bursts": 2, "FunctionMemoryMB": 512, "Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}},
 {"Bursts": 1, "FunctionMemoryMB": 512, "Platform": {"Concurrency": 8}, "Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}},
 {"Bursts": 1, "FunctionMemoryMB": 512, "FunctionImageSizeMB": 9, "FillerRead": true, "Sweep": {"Runtime": ["go", "python3.13", "nodejs22.x"]}}]}`

// TestGoogleFunctions deploys to Google's functions, asks them what the conformance suite asks, probes and removes them.
func TestGoogleFunctions(t *testing.T) {
	for _, program := range []string{"venv/bin/functions-framework", "node_modules/.bin/functions-framework"} {
		if _, err := os.Stat(filepath.Join("..", "scripts", "google", program)); err != nil {
			t.Fatalf("Google's frameworks are not installed, run `make google`: %v", err)
		}
	}
	l := newGoogleLab(t, googleExperiment)
	record, dir, token := l.deploy()
	if stand := l.names(); len(stand) != 9 || !slices.Contains(stand, record.Service+"-f0-0") {
		t.Fatalf("deployed: %v", stand)
	}
	for r := range 3 {
		c := &cell{lab: l.lab, runtime: r, token: token}
		for v := range variants {
			c.functions[v] = record.Functions[v*3+r]
		}
		for _, check := range checks {
			switch check.name {
			case "log": // the platform keeps it
			case "size":
				t.Run(runtimes[r].id+"/size", func(t *testing.T) { checkUploaded(t, l, c) })
			default:
				t.Run(runtimes[r].id+"/"+check.name, func(t *testing.T) { check.run(t, c) })
			}
		}
	}
	l.stellar(0, "probe", "-o", "out", dir)
	l.stellar(0, "remove", dir)
	if stand := l.names(); len(stand) > 0 || l.leftovers() > 0 {
		t.Errorf("after: %v, and %d archives and images", stand, l.leftovers())
	}
	l.stellar(0, "remove", dir) // twice is no error
}

// checkUploaded compares the size that was told with that of the archive which gcloud made.
func checkUploaded(t *testing.T, l *googleLab, c *cell) {
	for variant, target := range map[int]int64{plain: 0, filled: 9 << 20} {
		f := c.functions[variant]
		l.mu.Lock()
		got := int64(len(l.uploads[f.Endpoint.Detail["unit"]+"/function-source.zip"]))
		l.mu.Unlock()
		if off := got - f.PackageBytes; off > max(200, got/1000) || -off > max(200, got/1000) {
			t.Errorf("%d bytes were packed, gcloud uploaded %d", f.PackageBytes, got)
		}
		if off := target - f.PackageBytes; target > 0 && (off < 0 || off > 16) {
			t.Errorf("%d bytes were packed, %d were asked for", f.PackageBytes, target)
		}
	}
}
