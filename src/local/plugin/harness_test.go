package plugin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
)

const secret = "0123456789abcdef"

// control is a control API that keeps what it is told and answers as its contract says.
type control struct {
	*httptest.Server
	mu       sync.Mutex
	services map[string]json.RawMessage // last PUT
	refuse   string                     // what every PUT is answered with, and 422
	raw      string                     // what every GET of a service is answered with
	log      string
}

func newControl(t *testing.T) *control {
	c := &control{services: map[string]json.RawMessage{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// set changes what the control API knows, while nothing else looks.
func (c *control) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+secret {
		http.Error(w, `{"error":"wrong token"}`, http.StatusUnauthorized)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/services/"), "/")
	body, stands := c.services[name]
	switch {
	case r.Method == http.MethodPut && c.refuse != "":
		http.Error(w, c.refuse, http.StatusUnprocessableEntity)
	case r.Method == http.MethodPut:
		c.services[name], _ = io.ReadAll(r.Body)
		c.answer(w, name, c.services[name])
	case !stands:
		http.Error(w, `{"error":"there is no such service"}`, http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(c.services, name)
	case rest != "":
		c.answerLog(w, r)
	case c.raw != "":
		_, _ = io.WriteString(w, c.raw)
	default:
		c.answer(w, name, body)
	}
}

// answer gives the functions in another order than they came in, which the contract allows.
func (c *control) answer(w http.ResponseWriter, name string, put []byte) {
	var spec struct{ Functions []struct{ Name, Path string } }
	if err := json.Unmarshal(put, &spec); err != nil {
		http.Error(w, `{"error":"not JSON"}`, http.StatusBadRequest)
		return
	}
	functions := []map[string]any{}
	for i := len(spec.Functions) - 1; i >= 0; i-- {
		f := spec.Functions[i]
		functions = append(functions, map[string]any{"name": f.Name, "url": "http://127.0.0.1:1/" + name + f.Path,
			"packageBytes": 10485760, "packageSHA256": "abc", "runtimeVersion": "Python 3.13.1",
			"limitsEnforced": true})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"service": name, "tags": map[string]string{}, "functions": functions})
}

func (c *control) answerLog(w http.ResponseWriter, r *http.Request) {
	offset := 0
	_ = json.Unmarshal([]byte(r.URL.Query().Get("offset")), &offset)
	if offset < len(c.log) {
		next, _ := json.Marshal(offset + 5)
		w.Header().Set("X-Next-Offset", string(next))
		_, _ = io.WriteString(w, c.log[offset:offset+5])
		return
	}
	next, _ := json.Marshal(offset)
	w.Header().Set("X-Next-Offset", string(next))
}

// osls finds the pinned Serverless CLI, or any on the PATH.
func osls(t *testing.T) string {
	t.Helper()
	pinned, err := filepath.Abs("../../../scripts/serverless/node_modules/.bin/osls")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("OSLS"), pinned, "osls"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("osls is not installed (npm ci in scripts/serverless, or $OSLS): the plugin is not tested")
	return ""
}

const minimal = `service: stellar-test
provider: {name: stellar-local}
plugins: [./stellar-local.js]
functions:
  f0-0: {handler: main.f, runtime: python3.13, package: {artifact: packages/a.zip}}
`

// service is a folder with a serverless.yml, and the environment that osls is run in.
type service struct {
	dir string
	cli string
	env []string
}

func newService(t *testing.T, yml string, env ...string) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), cli: osls(t)}
	for name, text := range map[string]string{"serverless.yml": yml, plugin.Name: string(plugin.Source),
		plugin.FunctionsName: string(plugin.FunctionsSource)} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, kv := range os.Environ() {
		own := strings.HasPrefix(kv, "STELLAR_") && !strings.HasPrefix(kv, "STELLAR_TEST_NODE_CACHE=")
		if !own && !strings.HasPrefix(kv, "XDG_STATE_HOME=") {
			s.env = append(s.env, kv)
		}
	}
	s.env = append(s.env, "XDG_STATE_HOME="+t.TempDir())
	s.env = append(s.env, env...)
	return s
}

func at(url string) []string {
	return []string{"STELLAR_LOCAL_URL=" + url, "STELLAR_LOCAL_TOKEN=" + secret}
}

// run gives what osls printed and its exit code.
func (s *service) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.cli, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (s *service) succeed(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := s.run(t, args...)
	if code != 0 {
		t.Fatalf("osls %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	if strings.Contains(strings.ToLower(stdout+stderr), "warning") {
		t.Errorf("osls %s warns:\n%s%s", strings.Join(args, " "), stdout, stderr)
	}
	return stdout + stderr
}

func (s *service) refused(t *testing.T, want string, args ...string) {
	t.Helper()
	stdout, stderr, code := s.run(t, args...)
	if code == 0 || !strings.Contains(stdout+stderr, want) {
		t.Errorf("osls %s: exit code %d, want an error with %q\n%s%s", strings.Join(args, " "), code, want, stdout,
			stderr)
	}
}

func (s *service) endpoints(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, plugin.EndpointsFile))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
