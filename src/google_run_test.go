package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newRegistry starts Debian's docker-registry and gives its address.
func newRegistry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", filepath.Join(dir, "data"), address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			_ = res.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("docker-registry does not answer: %v", err)
		}
	}
}

const cloudRunExperiment = `{"Provider": "gcr", "Registry": "%s", "Seed": 7, "SubExperiments": [
 {"Runtime": "go", "PackageType": "Image", "Bursts": 3, "BurstSizes": [2], "FunctionMemoryMB": 512, "Platform": {"Concurrency": 4}},
 {"Runtime": "go", "PackageType": "Image", "Bursts": 1, "FunctionMemoryMB": 512, "Platform": {"Concurrency": 8}},
 {"Runtime": "go", "PackageType": "Image", "Bursts": 1, "FunctionMemoryMB": 512, "FunctionImageSizeMB": 12, "FillerRead": true}]}`

// TestCloudRun deploys images to Cloud Run, asks them what the conformance suite asks, and removes them.
func TestCloudRun(t *testing.T) {
	l := newGoogleLab(t, fmt.Sprintf(cloudRunExperiment, newRegistry(t)))
	record, dir, token := l.deploy()
	if stand := l.names(); len(stand) != 3 || !slices.Contains(stand, record.Service+"-f0-0") {
		t.Fatalf("deployed: %v", stand)
	}
	l.deployedAs(t, record.Service+"-f0-0")
	c := &cell{lab: l.lab, kind: 2, token: token}
	copy(c.functions[:], record.Functions)
	for _, check := range checks {
		if check.name != "log" { // the platform keeps it
			t.Run(check.name, func(t *testing.T) { check.run(t, c) })
		}
	}
	l.stellar(0, "remove", dir)
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after: %v", stand)
	}
	if err := leftInEngine(record.ID); err != nil {
		t.Error(err)
	}
	l.stellar(0, "remove", dir) // twice is no error
}

// deployedAs looks at what gcloud asked Google for.
func (l *googleLab) deployedAs(t *testing.T, name string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.services[name].resource
	spec := at(s, "spec", "template", "spec")
	container := at(spec, "containers", 0)
	for what, got := range map[string]any{
		"concurrency 4": at(spec, "containerConcurrency"), "timeout 60": at(spec, "timeoutSeconds"), "memory 512Mi": at(container, "resources", "limits", "memory"),
		"cpu 1": at(container, "resources", "limits", "cpu"), "boost false": at(s, "spec", "template", "metadata", "annotations", "run.googleapis.com/startup-cpu-boost"),
	} {
		if _, want, _ := strings.Cut(what, " "); !strings.EqualFold(fmt.Sprint(got), want) {
			t.Errorf("%s: %v", what, got)
		}
	}
	if run := at(s, "metadata", "labels", "stellar-run"); !strings.Contains(name, fmt.Sprint(run)) {
		t.Errorf("label stellar-run is %v", run)
	}
	if image := fmt.Sprint(at(container, "image")); !strings.Contains(image, "@sha256:") {
		t.Errorf("image %s is no digest", image)
	}
}

// TestCloudRunWhole runs an experiment from its file to its end.
func TestCloudRunWhole(t *testing.T) {
	l := newGoogleLab(t, fmt.Sprintf(cloudRunExperiment, newRegistry(t)))
	l.stellar(0, "-c", "exp.json", "-o", "out", "--yes")
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after: %v", stand)
	}
	checkAllAnswered(t, filepath.Join(l.lab.dir, "out"), 8)
}

// checkAllAnswered counts the rows of all runs below a folder, which are all to be answered.
func checkAllAnswered(t *testing.T, dir string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "latencies.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		status := slices.Index(strings.Split(strings.TrimSpace(lines[0]), ","), "Status")
		for _, line := range lines[1:] {
			rows++
			if cells := strings.Split(line, ","); status < 0 || len(cells) <= status || cells[status] != "200" {
				t.Errorf("row %s", line)
			}
		}
	}
	if rows != want {
		t.Errorf("%d rows in %v, want %d", rows, files, want)
	}
}
