package cloud

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// invoke hands a request to the app's instance, which the first one starts.
func (a *Azure) invoke(w http.ResponseWriter, r *http.Request, rest string) {
	name, path, _ := strings.Cut(rest, "/")
	a.mu.Lock()
	g := a.groups[name]
	a.mu.Unlock()
	if g == nil || g.folder == "" {
		http.NotFound(w, r)
		return
	}
	g.start.Do(func() { a.run(g) })
	r.URL.Path = "/" + path
	g.proxy.ServeHTTP(w, r)
}

// run starts what the app's settings name: a worker, or a program of the package's own.
func (a *Azure) run(g *AzureGroup) {
	address, err := relaytest.FreeAddress()
	if err != nil {
		a.t.Error(err)
		return
	}
	_, port, _ := net.SplitHostPort(address)
	switch worker := g.Settings["FUNCTIONS_WORKER_RUNTIME"]; worker {
	case "python":
		g.process = exec.Command("python3", testdata("azure", "host.py"), g.folder, port)
	case "node":
		g.process = exec.Command("node", testdata("azure", "host.js"), g.folder, port)
	case "custom":
		g.process = exec.Command(filepath.Join(g.folder, "bootstrap"))
	default:
		a.t.Errorf("worker %q", worker)
		return
	}
	g.process.Dir, g.process.Stderr = g.folder, os.Stderr
	g.process.Env = append(
		os.Environ(),
		"FUNCTIONS_CUSTOMHANDLER_PORT="+port,
		"PORT=1",
		"PYTHONPATH="+azureLibrary(a.t),
		"PYTHONDONTWRITEBYTECODE=1",
	)
	for k, v := range g.Settings {
		g.process.Env = append(g.process.Env, k+"="+v)
	}
	if err := g.process.Start(); err != nil {
		a.t.Error(err)
		return
	}
	g.proxy = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	if err := lab.Listens(address); err != nil {
		a.t.Errorf("%s: %v", g.Name, err)
	}
}

// azureLibrary is where the platform's own Python library lies, which its workers have.
func azureLibrary(t *testing.T) string {
	dir := filepath.Join(lab.Repo(), "bin", "azure-functions")
	lab.Installed(
		t,
		"the Python library azure-functions",
		filepath.Join(dir, "azure", "functions"),
		"./scripts/test-setup.sh",
	)
	return dir
}
