package pipeline

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// controlAPI answers as a local platform that has one service. With stays, it refuses to delete it.
func controlAPI(t *testing.T, service string, stays bool) (server *httptest.Server, has func() bool) {
	t.Helper()
	services := []map[string]string{{"service": service}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	mux.HandleFunc("GET /v1/services", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"services": services})
	})
	mux.HandleFunc("DELETE /v1/services/{name}", func(w http.ResponseWriter, q *http.Request) {
		if stays {
			http.Error(w, `{"error":"it stays"}`, http.StatusInternalServerError)
			return
		}
		services = slices.DeleteFunc(services,
			func(s map[string]string) bool { return s["service"] == q.PathValue("name") })
		_, _ = w.Write([]byte("{}"))
	})
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, func() bool { return len(services) > 0 }
}

// TestLocalServiceIsDeletedWhereServerlessFails holds that a service of the local platform is removed although
// `serverless remove` fails, as with a full disk: the platform is asked to delete it. Only where that fails, too, is it
// left behind, and the error then has both causes.
func TestLocalServiceIsDeletedWhereServerlessFails(t *testing.T) {
	for name, stays := range map[string]bool{"the platform deletes it": false, "the platform fails too": true} {
		t.Run(name, func(t *testing.T) {
			j, r := testJob(t, small)
			cli := filepath.Join(t.TempDir(), "osls")
			dir := filepath.Join(r.ServiceDir, "unit")
			for path, mode := range map[string]os.FileMode{cli: 0o755, filepath.Join(dir, "serverless.yml"): 0o644} {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, mode); err != nil {
					t.Fatal(err)
				}
			}
			config := j.Config
			getenv := config.Getenv
			config.Getenv = func(key string) string {
				if key == "STELLAR_SERVERLESS" {
					return cli
				}
				return getenv(key)
			}
			ran := 0
			config.Runner = func(context.Context, shell.Command) (shell.Result, error) {
				ran++
				return shell.Result{ExitCode: 1}, fail.With(fail.CodeFailed, "ENOSPC: no space left on device")
			}
			config.Patience = provider.Patience{Attempts: 1, Wait: time.Millisecond}
			service := run.ServiceName(r.ID)
			server, has := controlAPI(t, service, stays)
			j = NewJob(config, r.Experiment)
			j.platform.client = client.New(server.URL, "token")
			res, err := r.Journal.Intend(deploy.KindService, service, map[string]string{
				"provider": "local", "url": server.URL, provider.DetailUnit: service, provider.DetailDir: dir})
			if err == nil {
				err = r.Journal.Created(res, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			err = run.Undo(t.Context(), r.Journal, j.Undoing(r))
			if ran == 0 {
				t.Error("serverless remove was not tried")
			}
			if has() != stays || len(r.Journal.Pending()) > 0 != stays {
				t.Errorf("the service is there: %t; pending: %v", has(), r.Journal.Pending())
			}
			if !stays && err != nil {
				t.Errorf("undo: %v", err)
			}
			if stays && (fail.Code(err) != fail.CodeLeftBehind || !strings.Contains(err.Error(), "ENOSPC") ||
				!strings.Contains(err.Error(), "it stays")) {
				t.Errorf("undo: %v; want exit code 4 and both causes", err)
			}
		})
	}
}
