package cloud

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Cloudflare stands in for an account of Cloudflare's: the part of its API that the pinned Wrangler calls when it
// deploys, lists and deletes, with Cloudflare's own error codes. What is uploaded runs in workerd, the runtime of
// Cloudflare's own.
type Cloudflare struct {
	account
	workerd  string
	workers  map[string]*worker
	versions map[string]upload // uploaded, not deployed
}

// worker is a Worker that runs.
type worker struct {
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
		Bindings          []binding
	}
	modules []uploadedModule
}

type uploadedModule struct {
	name, kind string
	text       []byte
}

const cloudflareID = "0123456789abcdef0123456789abcdef"

// NewCloudflare opens an account with nothing in it.
func NewCloudflare(t *testing.T) *Cloudflare {
	t.Helper()
	a := &Cloudflare{workers: map[string]*worker{}, versions: map[string]upload{}}
	// The program itself: what lies in .bin may be a script that starts it.
	found, err := filepath.Glob(filepath.Join(filepath.Dir(lab.Module("wrangler")), "@cloudflare", "workerd-*",
		"bin", "workerd"))
	if err != nil || len(found) != 1 {
		t.Fatalf("workerd is not installed, run `make wrangler`: found %v", found)
	}
	a.workerd = found[0]
	a.serve(t, a, func() {
		for name := range a.workers {
			a.stop(name)
		}
	})
	if err := os.Mkdir(a.addresses(), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// Environment leads Wrangler and the tool to the account.
func (a *Cloudflare) Environment(string) []string {
	return []string{
		"PATH=" + lab.Path(lab.Module("wrangler")),
		preloaded("workers.cjs"),
		"STELLAR_TEST_WORKERS=" + a.addresses(),
		"CLOUDFLARE_API_TOKEN=" + cloudflareToken,
		"CLOUDFLARE_ACCOUNT_ID=" + cloudflareID,
		"CLOUDFLARE_API_BASE_URL=" + a.server.URL + "/client/v4",
	}
}

// addresses is the folder that has a file with the address of each Worker, for workers.cjs.
func (a *Cloudflare) addresses() string { return filepath.Join(a.dir, "addresses") }

// Prefixes are those of Cloudflare's variables.
func (a *Cloudflare) Prefixes() []string { return []string{"CLOUDFLARE_"} }

// Secret is the API token.
func (a *Cloudflare) Secret() string { return cloudflareToken }

// Left lists the Workers of the account.
func (a *Cloudflare) Left() (names []string) {
	a.Locked(func() { names = slices.Sorted(maps.Keys(a.workers)) })
	return names
}

// Put adds a Worker to the account without a deployment. run is the value of its variable STELLAR_RUN.
func (a *Cloudflare) Put(name, run string) {
	var u upload
	u.metadata.Bindings = []binding{{Name: "STELLAR_RUN", Type: "plain_text", Text: run}}
	a.Locked(func() { a.workers[name] = &worker{upload: u} })
}

// Restart runs a Worker in another process.
func (a *Cloudflare) Restart(t *testing.T, name string) {
	t.Helper()
	a.Locked(func() {
		if err := a.start(name, a.workers[name].upload); err != nil {
			t.Error(err)
		}
	})
}

// Drop removes Workers by hand.
func (a *Cloudflare) Drop(names ...string) {
	a.Locked(func() {
		for _, name := range names {
			a.stop(name)
		}
	})
}

// ServeHTTP answers in the envelope of Cloudflare's API.
func (a *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/client/v4")
	if code := a.record(r.Method, path); code != "" {
		respond(w, http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed", nil)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+cloudflareToken {
		respond(w, http.StatusForbidden, 9109, "Invalid access token", nil)
		return
	}
	rest, ok := strings.CutPrefix(path, "/accounts/"+cloudflareID+"/")
	if !ok {
		respond(w, http.StatusNotFound, 7003, "Could not route to "+path, nil)
		return
	}
	a.route(w, r, strings.Split(rest, "/"))
}

// binding is a variable of a Worker, in the form of Cloudflare's API.
type binding struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// workerStore is what Cloudflare knows of Workers, wherever an account keeps them.
type workerStore interface {
	list() []string
	bindings(name string) []binding // nil where there is no such Worker
}

// serveWorkers answers which Workers there are, and with which variables (developers.cloudflare.com/api/resources/
// workers): the paths workers/scripts and workers/scripts/<name>/settings. It reports false for all else.
func serveWorkers(w http.ResponseWriter, path []string, workers workerStore) bool {
	if len(path) < 2 || path[0] != "workers" || path[1] != "scripts" {
		return false
	}
	switch {
	case len(path) == 2:
		scripts := []any{}
		for _, name := range workers.list() {
			scripts = append(scripts, map[string]any{"id": name})
		}
		respond(w, http.StatusOK, 0, "", scripts)
	case len(path) == 4 && path[3] == "settings":
		all := workers.bindings(path[2])
		if all == nil {
			respond(w, http.StatusNotFound, 10007, "This Worker does not exist on your account.", nil)
			return true
		}
		respond(w, http.StatusOK, 0, "", map[string]any{"bindings": all})
	default:
		return false
	}
	return true
}

const cloudflareToken = "a-token-of-this-test"

func (a *Cloudflare) route(w http.ResponseWriter, r *http.Request, path []string) {
	what := strings.Join(path[:min(2, len(path))], "/")
	switch {
	case what == "workers/subdomain":
		respond(w, http.StatusOK, 0, "", map[string]any{"subdomain": "example"})
	case r.Method == http.MethodGet && serveWorkers(w, path, a):
	case r.Method == http.MethodPatch && what == "workers/scripts" && len(path) == 4 && path[3] == "settings":
		a.reconfigure(w, r, path[2])
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

func (a *Cloudflare) list() []string { return slices.Collect(maps.Keys(a.workers)) }

func (a *Cloudflare) bindings(name string) []binding {
	if h := a.workers[name]; h != nil {
		return append([]binding{}, h.metadata.Bindings...)
	}
	return nil
}

func (a *Cloudflare) service(w http.ResponseWriter, r *http.Request, name string) {
	if a.workers[name] == nil {
		respond(w, http.StatusNotFound, 10090, "This Worker does not exist on your account.", nil)
		return
	}
	if r.Method == http.MethodDelete {
		a.stop(name)
		respond(w, http.StatusOK, 0, "", nil)
		return
	}
	respond(w, http.StatusOK, 0, "", map[string]any{"id": name,
		"default_environment": map[string]any{"environment": "production", "script": map[string]any{"id": name,
			"tag": "t", "tags": []string{}, "last_deployed_from": "wrangler"}}})
}

const versionID = "01234567-89ab-cdef-0123-456789abcdef"

func (a *Cloudflare) script(w http.ResponseWriter, r *http.Request, name, what string) {
	if a.workers[name] == nil && r.Method != http.MethodPut {
		respond(w, http.StatusNotFound, 10007, "This Worker does not exist on your account.", nil)
		return
	}
	var err error
	var result any
	switch {
	case what == "" && r.Method == http.MethodDelete:
		a.stop(name)
	case what == "" && r.Method == http.MethodPut:
		var u upload
		if u, err = readUpload(r); err == nil {
			err = a.start(name, u)
		}
		result = map[string]any{
			"id":              name,
			"etag":            "e",
			"startup_time_ms": 9,
			"deployment_id":   strings.ReplaceAll(versionID, "-", ""),
		}
	case what == "versions" && r.Method == http.MethodPost:
		a.versions[name], err = readUpload(r)
		result = map[string]any{
			"id":              versionID,
			"startup_time_ms": 9,
			"resources":       map[string]any{"script": map[string]any{"etag": "e"}},
			"metadata":        map[string]any{"has_preview": false},
		}
	case what == "deployments" && r.Method == http.MethodPost:
		err = a.start(name, a.versions[name])
		result = map[string]any{"id": versionID}
	case what == "deployments":
		result = map[string]any{
			"deployments": []any{
				map[string]any{
					"id":           "d",
					"source":       "wrangler",
					"strategy":     "percentage",
					"author_email": "a@example.com",
					"created_on":   "2026-11-21T10:00:00Z",
					"annotations":  map[string]any{},
					"versions":     []any{map[string]any{"version_id": versionID, "percentage": 100}},
				},
			},
		}
	default: // script-settings, subdomain
		result = map[string]any{"enabled": true, "previews_enabled": false}
	}
	if err != nil {
		respond(w, http.StatusBadRequest, 10021, err.Error(), nil)
		return
	}
	respond(w, http.StatusOK, 0, "", result)
}

// reconfigure deploys a version with other bindings and the same modules: Patch Settings of
// developers.cloudflare.com/api/resources/workers/subresources/scripts/subresources/settings.
func (a *Cloudflare) reconfigure(w http.ResponseWriter, r *http.Request, name string) {
	h := a.workers[name]
	if h == nil {
		respond(w, http.StatusNotFound, 10007, "This Worker does not exist on your account.", nil)
		return
	}
	var in struct{ Bindings []binding }
	err := json.Unmarshal([]byte(r.FormValue("settings")), &in)
	if err == nil {
		u := h.upload
		u.metadata.Bindings = nil
		for _, b := range in.Bindings {
			at := slices.IndexFunc(h.metadata.Bindings, func(old binding) bool { return old.Name == b.Name })
			if b.Type == "inherit" && at >= 0 {
				b = h.metadata.Bindings[at]
			}
			u.metadata.Bindings = append(u.metadata.Bindings, b)
		}
		err = a.start(name, u)
	}
	if err != nil {
		respond(w, http.StatusBadRequest, 10021, err.Error(), nil)
		return
	}
	respond(w, http.StatusOK, 0, "", map[string]any{"bindings": in.Bindings})
}

func respond(w http.ResponseWriter, status, code int, message string, result any) {
	errs := []any{}
	if code != 0 {
		errs = append(errs, map[string]any{"code": code, "message": message})
	}
	answer(w, status, map[string]any{"success": code == 0, "errors": errs, "messages": []any{}, "result": result})
}
