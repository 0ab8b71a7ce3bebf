package main

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
	"time"
)

// invoke hands a request to the app's instance, which the first one starts.
func (a *azureAccount) invoke(w http.ResponseWriter, r *http.Request, rest string) {
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
func (a *azureAccount) run(g *azureGroup) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Error(err)
		return
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	testdata, err := filepath.Abs(filepath.Join("testdata", "azure"))
	if err != nil {
		a.t.Error(err)
	}
	switch worker := g.settings["FUNCTIONS_WORKER_RUNTIME"]; worker {
	case "python":
		g.process = exec.Command("python3", filepath.Join(testdata, "host.py"), g.folder, port)
	case "node":
		g.process = exec.Command("node", filepath.Join(testdata, "host.js"), g.folder, port)
	case "custom":
		g.process = exec.Command(filepath.Join(g.folder, "bootstrap"))
	default:
		a.t.Errorf("worker %q", worker)
		return
	}
	g.process.Dir, g.process.Stderr = g.folder, os.Stderr
	g.process.Env = append(os.Environ(), "FUNCTIONS_CUSTOMHANDLER_PORT="+port, "PORT=1", "PYTHONPATH="+azureLibrary(a.t), "PYTHONDONTWRITEBYTECODE=1")
	for k, v := range g.settings {
		g.process.Env = append(g.process.Env, k+"="+v)
	}
	if err := g.process.Start(); err != nil {
		a.t.Error(err)
		return
	}
	target, _ := url.Parse("http://127.0.0.1:" + port)
	g.proxy = httputil.NewSingleHostReverseProxy(target)
	for range 200 {
		if c, err := net.Dial("tcp", target.Host); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	a.t.Errorf("%s does not answer", g.Name)
}

// azureLibrary is where the platform's own Python library lies, which its workers have.
func azureLibrary(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "bin", "azure-functions"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "azure", "functions")); err != nil {
		t.Errorf("the Python library azure-functions is not installed, run ./scripts/test-setup.sh: %v", err)
	}
	return dir
}
