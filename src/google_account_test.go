package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// googleCloud stands in for a project of Google Cloud's: the part of its APIs that gcloud calls when it deploys, lists and
// deletes. gcloud talks to it as to a proxy. Images run in Docker, functions in Google's own frameworks; both start at their
// first request, as on Cloud Run.
type googleCloud struct {
	t      *testing.T
	server *httptest.Server

	mu        sync.Mutex
	services  map[string]*googleHosted // of Cloud Run
	functions map[string]*googleHosted
	uploads   map[string][]byte // archives of sources, by function
	images    map[string]bool   // what was built, by package
	calls     []string          // method and URL of each request
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

func newGoogleCloud(t *testing.T) *googleCloud {
	t.Helper()
	g := &googleCloud{t: t, services: map[string]*googleHosted{}, functions: map[string]*googleHosted{}, uploads: map[string][]byte{}, images: map[string]bool{}}
	g.server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.server.Close()
		for _, all := range []map[string]*googleHosted{g.services, g.functions} {
			for _, h := range all {
				h.stop()
			}
		}
	})
	return g
}

func (h *googleHosted) stop() {
	h.gateway.Close()
	h.instance.stop()
}

// names are what stands, services and functions.
func (g *googleCloud) names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for _, all := range []map[string]*googleHosted{g.services, g.functions} {
		for name := range all {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// leftovers are what Google keeps of functions beside them.
func (g *googleCloud) leftovers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.uploads) + len(g.images)
}

type object = map[string]any

type googleRoute struct {
	pattern *regexp.Regexp // of method, host without the region, and path
	answer  func(g *googleCloud, r *http.Request, part []string) (int, any)
}

func googleRoutes() []googleRoute {
	route := func(pattern string, answer func(*googleCloud, *http.Request, []string) (int, any)) googleRoute {
		return googleRoute{regexp.MustCompile("^" + pattern + "$"), answer}
	}
	fixed := func(body any) func(*googleCloud, *http.Request, []string) (int, any) {
		return func(*googleCloud, *http.Request, []string) (int, any) { return http.StatusOK, body }
	}
	const services, functions = `run\.test/apis/serving\.knative\.dev/v1/namespaces/[^/]+/services`, `cloudfunctions\.test/v2/projects/[^/]+/locations/([^/]+)/functions`
	return []googleRoute{
		route(`GET serviceusage\.test/.*`, fixed(object{"state": "ENABLED"})),
		route(`GET cloudbuild\.test/v1/projects/[^/]+/locations/[^/]+/defaultServiceAccount`, fixed(object{"name": "projects/" + googleProject + "/defaultServiceAccount",
			"serviceAccountEmail": "projects/" + googleProject + "/serviceAccounts/" + googleNumber + "-compute@developer.gserviceaccount.com"})),
		route(`(?:GET|POST) cloudresourcemanager\.test/v1/projects/[^/]+:[gs]etIamPolicy`, fixed(object{"version": 1, "etag": "QUJD", "bindings": []object{
			{"role": "roles/cloudbuild.builds.builder", "members": []string{"serviceAccount:" + googleNumber + "-compute@developer.gserviceaccount.com"}}}})),
		route(`GET cloudresourcemanager\.test/v1/projects/[^/]+`, fixed(object{"projectId": googleProject, "projectNumber": googleNumber, "lifecycleState": "ACTIVE"})),
		route(`(?:GET|POST) run\.test/v1/projects/.*IamPolicy`, fixed(object{"version": 1, "etag": "QUJD", "bindings": []object{{"role": "roles/run.invoker", "members": []string{"allUsers"}}}})),
		route(`GET `+services, (*googleCloud).listServices),
		route(`POST `+services, (*googleCloud).createService),
		route(`GET `+services+`/([^/]+)`, (*googleCloud).getService),
		route(`DELETE `+services+`/([^/]+)`, (*googleCloud).deleteService),
		route(`GET cloudfunctions\.test/v2/projects/[^/]+/locations/[^/]+/runtimes`, fixed(object{"runtimes": googleRuntimes()})),
		route(`GET cloudfunctions\.test/v[12]/projects/[^/]+/locations`, fixed(object{"locations": []object{{"locationId": googleRegion, "name": "projects/" + googleProject + "/locations/" + googleRegion}}})),
		route(`GET cloudfunctions\.test/v1/.*/functions`, fixed(object{})),
		route(`POST `+functions+`:generateUploadUrl`, (*googleCloud).uploadURL),
		route(`PUT uploads\.test/(.+)`, (*googleCloud).upload),
		route(`GET `+functions, (*googleCloud).listFunctions),
		route(`POST `+functions, (*googleCloud).createFunction),
		route(`GET `+functions+`/([^/]+)`, (*googleCloud).getFunction),
		route(`DELETE `+functions+`/([^/]+)`, (*googleCloud).deleteFunction),
		route(`GET cloudfunctions\.test/v2/(projects/.*/operations/[^/]+)`, func(_ *googleCloud, _ *http.Request, part []string) (int, any) {
			o := operation(object{"@type": "type.googleapis.com/google.protobuf.Empty"})
			o["name"] = part[1]
			return http.StatusOK, o
		}),
		route(`(GET|DELETE) storage\.test/storage/v1/b/([^/]+)/o(?:/(.+))?`, (*googleCloud).bucket),
		route(`(GET|DELETE) artifactregistry\.test/v1/projects/[^/]+/locations/[^/]+/repositories/gcf-artifacts/packages(?:/([^/]+))?`, (*googleCloud).packages),
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

func (g *googleCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimPrefix(r.Host, googleRegion+"-")
	what := r.Method + " " + host + r.URL.Path
	g.mu.Lock()
	g.calls = append(g.calls, what)
	g.mu.Unlock()
	known := false
	status, body := http.StatusBadRequest, any(object{"error": object{"code": 400, "message": "the stand-in knows no " + what, "status": "INVALID_ARGUMENT"}})
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
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// notFound is Google's answer about what is not there.
func notFound(what string) (int, any) {
	return http.StatusNotFound, object{"error": object{"code": 404, "message": fmt.Sprintf("Resource '%s' was not found", what), "status": "NOT_FOUND"}}
}

func bodyOf(r *http.Request) object {
	var o object
	_ = json.NewDecoder(r.Body).Decode(&o)
	return o
}

// at follows a path of keys and indices; nil where it leads nowhere.
func at(v any, keys ...any) any {
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

func (g *googleCloud) listServices(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	items := []any{}
	for _, h := range g.services {
		items = append(items, h.resource)
	}
	return http.StatusOK, object{"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList", "items": items}
}

func (g *googleCloud) createService(r *http.Request, _ []string) (int, any) {
	s := bodyOf(r)
	name, _ := at(s, "metadata", "name").(string)
	container := at(s, "spec", "template", "spec", "containers", 0)
	env := map[string]string{}
	list, _ := at(container, "env").([]any)
	for _, e := range list {
		env[fmt.Sprint(at(e, "name"))] = fmt.Sprint(at(e, "value"))
	}
	h := newHosted(&instance{t: g.t, image: fmt.Sprint(at(container, "image")), name: name, env: env})
	meta, _ := s["metadata"].(object)
	meta["namespace"], meta["generation"], meta["creationTimestamp"] = googleNumber, 1, "2026-11-21T10:00:00.000000Z"
	meta["selfLink"], meta["uid"], meta["resourceVersion"] = "/apis/serving.knative.dev/v1/namespaces/"+googleNumber+"/services/"+name, "5f0c1d2e", "AAYX"
	labels, _ := meta["labels"].(object)
	labels["cloud.googleapis.com/location"] = googleRegion
	ready := []object{}
	for _, kind := range []string{"Ready", "ConfigurationsReady", "RoutesReady"} {
		ready = append(ready, object{"type": kind, "status": "True", "lastTransitionTime": "2026-11-21T10:00:10.000000Z"})
	}
	s["status"] = object{"observedGeneration": 1, "conditions": ready, "latestReadyRevisionName": name + "-00001-abc", "latestCreatedRevisionName": name + "-00001-abc",
		"url": h.gateway.URL, "address": object{"url": h.gateway.URL}, "traffic": []object{{"revisionName": name + "-00001-abc", "percent": 100, "latestRevision": true}}}
	h.resource = s
	g.mu.Lock()
	defer g.mu.Unlock()
	g.services[name] = h
	return http.StatusOK, s
}

func (g *googleCloud) getService(_ *http.Request, part []string) (int, any) {
	return get(g, g.services, "services/", part[1])
}

func get(g *googleCloud, all map[string]*googleHosted, kind, name string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := all[name]; h != nil {
		return http.StatusOK, h.resource
	}
	return notFound(kind + name)
}

func (g *googleCloud) deleteService(_ *http.Request, part []string) (int, any) {
	if !g.drop(g.services, part[1]) {
		return notFound("services/" + part[1])
	}
	return http.StatusOK, object{"kind": "Status", "status": "Success"}
}

func (g *googleCloud) drop(all map[string]*googleHosted, name string) bool {
	g.mu.Lock()
	h := all[name]
	delete(all, name)
	g.mu.Unlock()
	if h != nil {
		h.stop()
	}
	return h != nil
}

func (g *googleCloud) uploadURL(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := fmt.Sprintf("upload-%d.zip", len(g.calls))
	return http.StatusOK, object{"uploadUrl": "http://uploads.test/" + name, "storageSource": object{"bucket": "gcf-v2-uploads-" + googleNumber, "object": name}}
}

func (g *googleCloud) upload(r *http.Request, part []string) (int, any) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uploads[part[1]] = text
	return http.StatusOK, nil
}

func (g *googleCloud) listFunctions(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := []any{}
	for _, h := range g.functions {
		all = append(all, h.resource)
	}
	return http.StatusOK, object{"functions": all}
}

// createFunction builds: what was uploaded becomes the function's archive, and an image is there.
func (g *googleCloud) createFunction(r *http.Request, _ []string) (int, any) {
	f := bodyOf(r)
	name := r.URL.Query().Get("functionId")
	uploaded := fmt.Sprint(at(f, "buildConfig", "source", "storageSource", "object"))
	env := map[string]string{}
	set, _ := at(f, "serviceConfig", "environmentVariables").(object)
	for k, v := range set {
		env[k] = fmt.Sprint(v)
	}
	source, _ := at(f, "buildConfig", "environmentVariables", "GOOGLE_FUNCTION_SOURCE").(string)
	g.mu.Lock()
	archive := g.uploads[uploaded]
	delete(g.uploads, uploaded)
	g.uploads[name+"/function-source.zip"] = archive
	g.images[googleProject+"__"+strings.ReplaceAll(googleRegion, "-", "--")+"__"+strings.ReplaceAll(name, "-", "--")] = true
	g.mu.Unlock()
	h := newHosted(&instance{t: g.t, archive: archive, runtime: fmt.Sprint(at(f, "buildConfig", "runtime")), target: fmt.Sprint(at(f, "buildConfig", "entryPoint")), source: source, name: name, env: env})
	f["name"], f["state"], f["environment"] = "projects/"+googleProject+"/locations/"+googleRegion+"/functions/"+name, "ACTIVE", "GEN_2"
	f["url"] = h.gateway.URL
	service, _ := f["serviceConfig"].(object)
	service["uri"], service["revision"], service["service"] = h.gateway.URL, name+"-00001-wav", "projects/"+googleProject+"/locations/"+googleRegion+"/services/"+name
	h.resource = f
	g.mu.Lock()
	g.functions[name] = h
	g.mu.Unlock()
	return http.StatusOK, operation(f)
}

func operation(response any) object {
	return object{"name": "projects/" + googleProject + "/locations/" + googleRegion + "/operations/op", "done": true, "response": response,
		"metadata": object{"@type": "type.googleapis.com/google.cloud.functions.v2.OperationMetadata", "apiVersion": "v2", "stages": []object{}}}
}

func (g *googleCloud) getFunction(_ *http.Request, part []string) (int, any) {
	return get(g, g.functions, "projects/"+googleProject+"/locations/"+part[1]+"/functions/", part[2])
}

func (g *googleCloud) deleteFunction(_ *http.Request, part []string) (int, any) {
	if !g.drop(g.functions, part[2]) {
		return notFound("projects/" + googleProject + "/locations/" + part[1] + "/functions/" + part[2])
	}
	return http.StatusOK, operation(object{"@type": "type.googleapis.com/google.protobuf.Empty"})
}

// bucket is the one of sources: archives stay there when their function is deleted.
func (g *googleCloud) bucket(r *http.Request, part []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if part[2] != "gcf-v2-sources-"+googleNumber+"-"+googleRegion {
		return notFound(part[2])
	}
	if part[1] == http.MethodDelete {
		if _, ok := g.uploads[part[3]]; !ok {
			return notFound(part[3])
		}
		delete(g.uploads, part[3])
		return http.StatusNoContent, nil
	}
	items := []object{}
	for name, text := range g.uploads {
		if strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
			items = append(items, object{"name": name, "bucket": part[2], "generation": "1732183200123456", "size": fmt.Sprint(len(text))})
		}
	}
	return http.StatusOK, object{"kind": "storage#objects", "items": items}
}

func (g *googleCloud) packages(_ *http.Request, part []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if part[1] == http.MethodDelete {
		if !g.images[part[2]] {
			return notFound(part[2])
		}
		delete(g.images, part[2])
		return http.StatusOK, object{"name": "projects/p/locations/r/operations/op", "done": true, "response": object{"@type": "type.googleapis.com/google.protobuf.Empty"}}
	}
	all := []object{}
	for name := range g.images {
		all = append(all, object{"name": path.Join("projects", googleProject, "locations", googleRegion, "repositories/gcf-artifacts/packages", name)})
	}
	return http.StatusOK, object{"packages": all}
}
