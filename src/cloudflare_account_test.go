package main

import (
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// account stands in for an account of Cloudflare's: the part of its API that the pinned Wrangler calls when it deploys, lists
// and deletes, with Cloudflare's own error codes. What is uploaded runs in workerd, the runtime of Cloudflare's own.
type account struct {
	t       *testing.T
	server  *httptest.Server
	workerd string
	dir     string

	mu       sync.Mutex
	workers  map[string]*hosted
	versions map[string]upload // uploaded, not deployed
	calls    []string          // method and path of each request
	busy     int               // so many requests are answered with 429
}

// hosted is a Worker that runs.
type hosted struct {
	upload
	address string
	process *exec.Cmd
}

// upload is what Wrangler sends of a Worker.
type upload struct {
	metadata struct {
		MainModule        string   `json:"main_module"`
		CompatibilityDate string   `json:"compatibility_date"`
		Flags             []string `json:"compatibility_flags"`
		Bindings          []struct{ Name, Type, Text string }
	}
	modules []uploadedModule
}

type uploadedModule struct {
	name, kind string
	text       []byte
}

const cloudflareAccount = "0123456789abcdef0123456789abcdef"

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, dir: t.TempDir(), workers: map[string]*hosted{}, versions: map[string]upload{}}
	// The program itself: what lies in .bin may be a script that starts it.
	found, err := filepath.Glob(filepath.Join(wranglerModules(t), "@cloudflare", "workerd-*", "bin", "workerd"))
	if err != nil || len(found) != 1 {
		t.Fatalf("workerd is not installed, run `make wrangler`: found %v", found)
	}
	a.workerd = found[0]
	a.server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.server.Close()
		a.mu.Lock()
		defer a.mu.Unlock()
		for name := range a.workers {
			a.stop(name)
		}
	})
	return a
}

// wranglerModules is where the pinned Wrangler lies.
func wranglerModules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "scripts", "wrangler", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// names lists what stands in the account.
func (a *account) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for name := range a.workers {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// ServeHTTP answers in the envelope of Cloudflare's API.
func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/client/v4")
	a.calls = append(a.calls, r.Method+" "+path)
	if name, ok := strings.CutPrefix(path, "/where/"); ok { // not Cloudflare's: for the shim of these tests
		if h := a.workers[name]; h != nil {
			fmt.Fprint(w, "http://"+h.address)
		}
		return
	}
	if a.busy > 0 {
		a.busy--
		respond(w, http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed", nil)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+cloudflareToken {
		respond(w, http.StatusForbidden, 9109, "Invalid access token", nil)
		return
	}
	rest, ok := strings.CutPrefix(path, "/accounts/"+cloudflareAccount+"/")
	if !ok {
		respond(w, http.StatusNotFound, 7003, "Could not route to "+path, nil)
		return
	}
	a.route(w, r, strings.Split(rest, "/"))
}

const cloudflareToken = "a-token-of-this-test"

func (a *account) route(w http.ResponseWriter, r *http.Request, path []string) {
	what := strings.Join(path[:min(2, len(path))], "/")
	switch {
	case what == "workers/subdomain":
		respond(w, http.StatusOK, 0, "", map[string]any{"subdomain": "example"})
	case what == "workers/scripts" && len(path) == 2:
		scripts := []any{}
		for name := range a.workers {
			scripts = append(scripts, map[string]any{"id": name})
		}
		respond(w, http.StatusOK, 0, "", scripts)
	case what == "storage/kv":
		respond(w, http.StatusOK, 0, "", []any{})
	case what == "workers/services" && len(path) == 3:
		a.service(w, r, path[2])
	case what == "workers/scripts" && len(path) >= 3:
		a.script(w, r, path[2], strings.Join(path[3:], "/"))
	default:
		respond(w, http.StatusNotFound, 7003, "Could not route to "+strings.Join(path, "/"), nil)
	}
}

func (a *account) service(w http.ResponseWriter, r *http.Request, name string) {
	if a.workers[name] == nil {
		respond(w, http.StatusNotFound, 10090, "This Worker does not exist on your account.", nil)
		return
	}
	if r.Method == http.MethodDelete {
		a.stop(name)
		respond(w, http.StatusOK, 0, "", nil)
		return
	}
	respond(w, http.StatusOK, 0, "", map[string]any{"id": name, "default_environment": map[string]any{"environment": "production",
		"script": map[string]any{"id": name, "tag": "t", "tags": []string{}, "last_deployed_from": "wrangler"}}})
}

const versionID = "01234567-89ab-cdef-0123-456789abcdef"

func (a *account) script(w http.ResponseWriter, r *http.Request, name, what string) {
	if a.workers[name] == nil && r.Method != http.MethodPut {
		respond(w, http.StatusNotFound, 10007, "This Worker does not exist on your account.", nil)
		return
	}
	var err error
	var result any
	switch {
	case what == "" && r.Method == http.MethodPut:
		var u upload
		if u, err = readUpload(r); err == nil {
			err = a.start(name, u)
		}
		result = map[string]any{"id": name, "etag": "e", "startup_time_ms": 9, "deployment_id": strings.ReplaceAll(versionID, "-", "")}
	case what == "versions" && r.Method == http.MethodPost:
		a.versions[name], err = readUpload(r)
		result = map[string]any{"id": versionID, "startup_time_ms": 9, "resources": map[string]any{"script": map[string]any{"etag": "e"}},
			"metadata": map[string]any{"has_preview": false}}
	case what == "deployments" && r.Method == http.MethodPost:
		err = a.start(name, a.versions[name])
		result = map[string]any{"id": versionID}
	case what == "deployments":
		result = map[string]any{"deployments": []any{map[string]any{"id": "d", "source": "wrangler", "strategy": "percentage", "author_email": "a@example.com",
			"created_on": "2026-11-21T10:00:00Z", "annotations": map[string]any{}, "versions": []any{map[string]any{"version_id": versionID, "percentage": 100}}}}}
	case what == "settings":
		bindings := []any{}
		for _, b := range a.workers[name].metadata.Bindings {
			bindings = append(bindings, map[string]any{"type": b.Type, "name": b.Name, "text": b.Text})
		}
		result = map[string]any{"bindings": bindings}
	default: // script-settings, subdomain
		result = map[string]any{"enabled": true, "previews_enabled": false}
	}
	if err != nil {
		respond(w, http.StatusBadRequest, 10021, err.Error(), nil)
		return
	}
	respond(w, http.StatusOK, 0, "", result)
}

func respond(w http.ResponseWriter, status, code int, message string, result any) {
	errs := []any{}
	if code != 0 {
		errs = append(errs, map[string]any{"code": code, "message": message})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"success": code == 0, "errors": errs, "messages": []any{}, "result": result})
}

func readUpload(r *http.Request) (u upload, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return u, err
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return u, nil
		}
		if err != nil {
			return u, err
		}
		if err := u.add(part); err != nil {
			return u, err
		}
	}
}

func (u *upload) add(part *multipart.Part) error {
	text, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	if part.FormName() == "metadata" {
		return json.Unmarshal(text, &u.metadata)
	}
	u.modules = append(u.modules, uploadedModule{part.FormName(), part.Header.Get("Content-Type"), text})
	return nil
}

// moduleKinds are the names that workerd's configuration has for what Wrangler uploads.
var moduleKinds = map[string]string{"application/javascript+module": "esModule", "application/javascript": "commonJsModule",
	"application/octet-stream": "data", "text/plain": "text", "application/wasm": "wasm"}

// start runs an upload in workerd, in the place of what runs under the name.
func (a *account) start(name string, u upload) error {
	dir, err := os.MkdirTemp(a.dir, name+"-")
	if err != nil {
		return err
	}
	slices.SortStableFunc(u.modules, func(x, y uploadedModule) int { // the first module is the main one
		first := func(m uploadedModule) int { return map[bool]int{false: 1}[m.name == u.metadata.MainModule] }
		return first(x) - first(y)
	})
	var modules, bindings []string
	for i, m := range u.modules {
		kind := moduleKinds[m.kind]
		if kind == "" {
			return fmt.Errorf("module %s has the type %q", m.name, m.kind)
		}
		file := fmt.Sprintf("module-%d", i)
		if err := os.WriteFile(filepath.Join(dir, file), m.text, 0o644); err != nil {
			return err
		}
		modules = append(modules, fmt.Sprintf("(name = %q, %s = embed %q)", m.name, kind, file))
	}
	for _, b := range u.metadata.Bindings {
		if b.Type != "plain_text" {
			return fmt.Errorf("binding %s has the type %q", b.Name, b.Type)
		}
		bindings = append(bindings, fmt.Sprintf("(name = %q, text = %q)", b.Name, b.Text))
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = %q, http = (), service = "main")]);
const worker :Workerd.Worker = (compatibilityDate = %q, modules = [%s], bindings = [%s]);
`, address, u.metadata.CompatibilityDate, strings.Join(modules, ",\n"), strings.Join(bindings, ",\n"))
	if err := os.WriteFile(filepath.Join(dir, "config.capnp"), []byte(config), 0o644); err != nil {
		return err
	}
	a.stop(name)
	cmd := exec.Command(a.workerd, "serve", "config.capnp")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	a.workers[name] = &hosted{u, address, cmd}
	return awaitAddress(address)
}

func (a *account) stop(name string) {
	h := a.workers[name]
	delete(a.workers, name)
	if h != nil && h.process != nil {
		_ = h.process.Process.Kill()
		_ = h.process.Wait()
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func awaitAddress(address string) error {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var conn net.Conn
		if conn, err = net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("workerd does not listen: %w", err)
}
