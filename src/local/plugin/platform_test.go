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
	"slices"
	"strings"
	"testing"
	"time"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
)

// The whole way by hand, as docs/local-platform.md shows it: the real framework, which packages the folder, the real
// platform, the measurement function.
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
	s := newService(t, documented(t), at(platform.ControlURL())...)
	source, err := rawcode.FS.ReadFile("measure/python/main.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "main.py"), source, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := plugin.Install(filepath.Join(s.dir, ".serverless_plugins")); err != nil {
		t.Fatal(err)
	}

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
	if got := packed(t, filepath.Join(s.dir, ".serverless", "shop.zip")); !slices.Equal(got, []string{"main.py"}) {
		t.Errorf("the framework packaged %q", got)
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
	if log := s.succeed(t, "logs", "-f", "hello"); strings.Count(log, "REPORT RequestId:") != 2 {
		t.Errorf("log of two requests:\n%s", log)
	}
	s.succeed(t, "info")
	s.succeed(t, "remove")
	if status, body := fetch(t, file.Endpoints[0].URL); status != http.StatusNotFound {
		t.Errorf("after remove: status %d, %s", status, body)
	}
	s.succeed(t, "remove")
}

// documented is the serverless.yml of docs/local-platform.md.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/local-platform.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "$ cat serverless.yml\n")
	yml, _, found := strings.Cut(rest, "$ ")
	if !found {
		t.Fatal("docs/local-platform.md has no serverless.yml")
	}
	return yml
}

// packed lists the files of a package, without those that the harness puts beside serverless.yml.
func packed(t *testing.T, name string) (files []string) {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		if f.Name != plugin.Name && f.Name != plugin.FunctionsName {
			files = append(files, f.Name)
		}
	}
	return files
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
