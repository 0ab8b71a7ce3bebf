package plugin_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rawcode "stellar/raw-code"
	"stellar/src/local"
)

// The whole way by hand: the real framework, the real platform, the measurement function.
func TestOnTheRealPlatform(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed: nothing to deploy")
	}
	platform, err := local.New(local.Options{Dir: filepath.Join(t.TempDir(), "state"), Token: secret,
		CPU: local.CPUOff})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- platform.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-served
		if err := platform.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newService(t, minimalFor("main.lambda_handler"), at(platform.ControlURL())...)
	zipped(t, filepath.Join(s.dir, "packages", "a.zip"))

	s.succeed(t, "deploy")
	var file struct {
		Endpoints []struct{ URL, RuntimeVersion string }
	}
	if err := json.Unmarshal([]byte(s.endpoints(t)), &file); err != nil || len(file.Endpoints) != 1 {
		t.Fatalf("endpoints: %v\n%s", err, s.endpoints(t))
	}
	if v := file.Endpoints[0].RuntimeVersion; !strings.HasPrefix(v, "Python 3.") {
		t.Errorf("runtime version %q", v)
	}
	for i, cold := range []bool{true, false} {
		status, body := fetch(t, file.Endpoints[0].URL+"?IncrementLimit=10")
		var a struct {
			Instance   struct{ Cold bool }
			Increments int64
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil || status != http.StatusOK || a.Instance.Cold != cold ||
			a.Increments != 10 {
			t.Errorf("request %d: status %d, %s", i, status, body)
		}
	}
	if log := s.succeed(t, "logs", "-f", "f0-0"); strings.Count(log, "REPORT RequestId:") != 2 {
		t.Errorf("log of two requests:\n%s", log)
	}
	s.succeed(t, "info")
	s.succeed(t, "remove")
	if status, body := fetch(t, file.Endpoints[0].URL); status != http.StatusNotFound {
		t.Errorf("after remove: status %d, %s", status, body)
	}
	s.succeed(t, "remove")
}

func minimalFor(handler string) string { return strings.Replace(minimal, "main.f", handler, 1) }

func zipped(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := rawcode.FS.ReadFile("measure/python/main.py")
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	w, err := archive.Create("main.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
