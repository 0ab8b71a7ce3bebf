package cloud

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Google stands in for a project of Google Cloud's: the part of its APIs that gcloud calls when it deploys, lists and
// deletes. gcloud talks to it as to a proxy. Images run in Docker, functions in Google's own frameworks; both start at
// their first request, as on Cloud Run.
type Google struct {
	account
	services  map[string]*googleHosted // of Cloud Run
	functions map[string]*googleHosted
	uploads   map[string][]byte // archives of sources, by function
	offered   int               // addresses for uploads so far
	images    map[string]bool   // what was built, by package
}

// googleHosted is a service or function that stands.
type googleHosted struct {
	resource map[string]any // as the API gives it
	gateway  *httptest.Server
	instance *instance
}

const (
	googleProject = "stellar-test"
	googleNumber  = "424242"
	googleRegion  = "europe-west1"
)

// NewGoogle opens a project with nothing in it.
func NewGoogle(t *testing.T) *Google {
	t.Helper()
	g := &Google{
		services:  map[string]*googleHosted{},
		functions: map[string]*googleHosted{},
		uploads:   map[string][]byte{},
		images:    map[string]bool{},
	}
	g.serve(t, g, func() {
		for _, all := range []map[string]*googleHosted{g.services, g.functions} {
			for _, h := range all {
				h.stop()
			}
		}
	})
	return g
}

const googleToken = "ya29.a-secret-of-this-test"

// Environment leads gcloud to the account: every API has a host that only the account, its proxy, knows. Where this
// machine has no gcloud, or STELLAR_TEST_GCLOUD is set, one of the tests' own takes its place.
func (g *Google) Environment(dir string) []string {
	token := filepath.Join(g.dir, "token")
	if err := os.WriteFile(token, []byte(googleToken), 0o600); err != nil {
		g.t.Fatal(err)
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(g.server.URL, "http://"), ":")
	env := []string{"CLOUDSDK_CONFIG=" + filepath.Join(dir, "gcloud"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + token,
		"CLOUDSDK_CORE_PROJECT=" + googleProject, "CLOUDSDK_RUN_REGION=" + googleRegion,
		"CLOUDSDK_FUNCTIONS_REGION=" + googleRegion,
		"CLOUDSDK_PROXY_TYPE=http_no_tunnel", "CLOUDSDK_PROXY_ADDRESS=" + host, "CLOUDSDK_PROXY_PORT=" + port,
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://storage.test/storage/v1/",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true"}
	for _, api := range []string{"run", "cloudfunctions", "serviceusage", "cloudresourcemanager", "artifactregistry",
		"iam", "cloudbuild", "logging"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+strings.ToUpper(api)+"=http://"+api+".test/")
	}
	return append(env, g.cli()...)
}

// Prefixes are those of Google's variables.
func (g *Google) Prefixes() []string { return []string{"CLOUDSDK_", "GOOGLE_"} }

// Secret is the access token.
func (g *Google) Secret() string { return googleToken }

func (h *googleHosted) stop() {
	h.gateway.Close()
	h.instance.stop()
}

// Left lists services, functions, and what Google keeps of functions beside them: archives of sources, and images.
func (g *Google) Left() []string {
	out := g.Names()
	g.Locked(func() {
		for name := range g.uploads {
			out = append(out, "archive "+name)
		}
		for name := range g.images {
			out = append(out, "image "+name)
		}
	})
	return out
}

// Names lists services and functions.
func (g *Google) Names() (out []string) {
	g.Locked(func() {
		out = slices.Concat(slices.Collect(maps.Keys(g.services)), slices.Collect(maps.Keys(g.functions)))
	})
	slices.Sort(out)
	return out
}

// Service gives a Cloud Run service's resource as the API has it.
func (g *Google) Service(name string) (resource map[string]any) {
	g.Locked(func() { resource = g.services[name].resource })
	return resource
}

// Restart ends the instance of a service or function: the next request starts another.
func (g *Google) Restart(name string) {
	g.Locked(func() {
		hosted := g.services[name]
		if hosted == nil {
			hosted = g.functions[name]
		}
		hosted.instance.restart()
	})
}

// Uploaded is the size of the archive of a function's sources.
func (g *Google) Uploaded(function string) (bytes int64) {
	g.Locked(func() { bytes = int64(len(g.uploads[function+"/function-source.zip"])) })
	return bytes
}

type object = map[string]any

type googleRoute struct {
	pattern *regexp.Regexp // of method, host without the region, and path
	answer  func(g *Google, r *http.Request, part []string) (int, any)
}

func googleRoutes() []googleRoute {
	return slices.Concat(googleProjectRoutes(), googleRunRoutes(), googleFunctionRoutes(), googleStorageRoutes())
}

func route(pattern string, answer func(*Google, *http.Request, []string) (int, any)) googleRoute {
	return googleRoute{regexp.MustCompile("^" + pattern + "$"), answer}
}

// fixed answers every request with the same body.
func fixed(body any) func(*Google, *http.Request, []string) (int, any) {
	return func(*Google, *http.Request, []string) (int, any) { return http.StatusOK, body }
}

func googleProjectRoutes() []googleRoute {
	const buildAccount = googleNumber + "-compute@developer.gserviceaccount.com"
	return []googleRoute{
		route(`GET serviceusage\.test/.*`, fixed(object{"state": "ENABLED"})),
		route(
			`GET cloudbuild\.test/v1/projects/[^/]+/locations/[^/]+/defaultServiceAccount`,
			fixed(object{"name": "projects/" + googleProject + "/defaultServiceAccount",
				"serviceAccountEmail": "projects/" + googleProject + "/serviceAccounts/" + buildAccount}),
		),
		route(
			`(?:GET|POST) cloudresourcemanager\.test/v1/projects/[^/]+:[gs]etIamPolicy`,
			fixed(object{"version": 1, "etag": "QUJD", "bindings": []object{
				{"role": "roles/cloudbuild.builds.builder", "members": []string{"serviceAccount:" + buildAccount}}}}),
		),
		route(
			`GET cloudresourcemanager\.test/v1/projects/[^/]+`,
			fixed(object{"projectId": googleProject, "projectNumber": googleNumber, "lifecycleState": "ACTIVE"}),
		),
	}
}

func googleRunRoutes() []googleRoute {
	const services = `run\.test/apis/serving\.knative\.dev/v1/namespaces/[^/]+/services`
	return []googleRoute{
		route(
			`(?:GET|POST) run\.test/v1/projects/.*IamPolicy`,
			fixed(object{"version": 1, "etag": "QUJD", "bindings": []object{{"role": "roles/run.invoker",
				"members": []string{"allUsers"}}}}),
		),
		route(`GET `+services, (*Google).listServices),
		route(`POST `+services, (*Google).createService),
		route(`GET `+services+`/([^/]+)`, (*Google).getService),
		route(`DELETE `+services+`/([^/]+)`, (*Google).deleteService),
	}
}

func googleFunctionRoutes() []googleRoute {
	const functions = `cloudfunctions\.test/v2/projects/[^/]+/locations/([^/]+)/functions`
	return []googleRoute{
		route(
			`GET cloudfunctions\.test/v2/projects/[^/]+/locations/[^/]+/runtimes`,
			fixed(object{"runtimes": googleRuntimes()}),
		),
		route(
			`GET cloudfunctions\.test/v[12]/projects/[^/]+/locations`,
			fixed(object{"locations": []object{{"locationId": googleRegion, "name": "projects/" + googleProject +
				"/locations/" + googleRegion}}}),
		),
		route(`GET cloudfunctions\.test/v1/.*/functions`, fixed(object{})),
		route(`POST `+functions+`:generateUploadUrl`, (*Google).uploadURL),
		route(`PUT uploads\.test/(.+)`, (*Google).upload),
		route(`GET `+functions, (*Google).listFunctions),
		route(`POST `+functions, (*Google).createFunction),
		route(`GET `+functions+`/([^/]+)`, (*Google).getFunction),
		route(`DELETE `+functions+`/([^/]+)`, (*Google).deleteFunction),
		route(
			`GET cloudfunctions\.test/v2/(projects/.*/operations/[^/]+)`,
			func(_ *Google, _ *http.Request, part []string) (int, any) {
				o := operation(object{"@type": "type.googleapis.com/google.protobuf.Empty"})
				o["name"] = part[1]
				return http.StatusOK, o
			},
		),
	}
}

func googleStorageRoutes() []googleRoute {
	return []googleRoute{
		route(`(GET|DELETE) storage\.test/storage/v1/b/([^/]+)/o(?:/(.+))?`, (*Google).bucket),
		route(
			`(GET|DELETE) artifactregistry\.test/v1/projects/[^/]+/locations/[^/]+/repositories/`+
				`gcf-artifacts/packages(?:/([^/]+))?`,
			(*Google).packages,
		),
	}
}

// googleRuntimes is the list by which gcloud judges --runtime.
func googleRuntimes() []object {
	var all []object
	for _, name := range []string{"go127", "nodejs22", "python313"} {
		all = append(all, object{"name": name, "environment": "GEN_2", "stage": "GA"})
	}
	return all
}

func (g *Google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimPrefix(r.Host, googleRegion+"-")
	what := r.Method + " " + host + r.URL.Path
	g.mu.Lock()
	_ = g.record(r.Method, host+r.URL.Path)
	g.mu.Unlock()
	known := false
	status, body := http.StatusBadRequest, any(object{"error": object{"code": 400,
		"message": "the stand-in knows no " + what, "status": "INVALID_ARGUMENT"}})
	for _, route := range googleRoutes() {
		if m := route.pattern.FindStringSubmatch(what); m != nil {
			status, body = route.answer(g, r, m)
			known = true
			break
		}
	}
	if !known {
		g.t.Errorf("gcloud asked for what the stand-in does not know: %s", what)
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	answer(w, status, body)
}

// notFound is Google's answer about what is not there.
func notFound(what string) (int, any) {
	return http.StatusNotFound, object{
		"error": object{
			"code":    404,
			"message": fmt.Sprintf("Resource '%s' was not found", what),
			"status":  "NOT_FOUND",
		},
	}
}

func bodyOf(r *http.Request) object {
	var o object
	_ = json.NewDecoder(r.Body).Decode(&o)
	return o
}

// At follows a path of keys and indices; nil where it leads nowhere.
func At(v any, keys ...any) any {
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			o, _ := v.(object)
			v = o[k]
		case int:
			list, _ := v.([]any)
			if k >= len(list) {
				return nil
			}
			v = list[k]
		}
	}
	return v
}
