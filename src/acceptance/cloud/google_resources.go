package cloud

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

func (g *Google) listServices(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	items := []any{}
	for _, h := range g.services {
		items = append(items, h.resource)
	}
	return http.StatusOK, object{"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList", "items": items}
}

func (g *Google) createService(r *http.Request, _ []string) (int, any) {
	s := bodyOf(r)
	name, _ := At(s, "metadata", "name").(string)
	container := At(s, "spec", "template", "spec", "containers", 0)
	env := map[string]string{}
	list, _ := At(container, "env").([]any)
	for _, e := range list {
		env[fmt.Sprint(At(e, "name"))] = fmt.Sprint(At(e, "value"))
	}
	h := newHosted(&instance{t: g.t, image: fmt.Sprint(At(container, "image")), name: name, env: env})
	meta, _ := s["metadata"].(object)
	meta["namespace"], meta["generation"], meta["creationTimestamp"] = googleNumber, 1, "2026-11-21T10:00:00.000000Z"
	meta["selfLink"] = "/apis/serving.knative.dev/v1/namespaces/" + googleNumber + "/services/" + name
	meta["uid"], meta["resourceVersion"] = "5f0c1d2e", "AAYX"
	labels, _ := meta["labels"].(object)
	labels["cloud.googleapis.com/location"] = googleRegion
	ready := []object{}
	for _, kind := range []string{"Ready", "ConfigurationsReady", "RoutesReady"} {
		ready = append(ready, object{"type": kind, "status": "True",
			"lastTransitionTime": "2026-11-21T10:00:10.000000Z"})
	}
	s["status"] = object{
		"observedGeneration":        1,
		"conditions":                ready,
		"latestReadyRevisionName":   name + "-00001-abc",
		"latestCreatedRevisionName": name + "-00001-abc",
		"url":                       h.gateway.URL,
		"address":                   object{"url": h.gateway.URL},
		"traffic": []object{
			{"revisionName": name + "-00001-abc", "percent": 100, "latestRevision": true},
		},
	}
	h.resource = s
	g.mu.Lock()
	defer g.mu.Unlock()
	g.services[name] = h
	return http.StatusOK, s
}

func (g *Google) getService(_ *http.Request, part []string) (int, any) {
	return get(g, g.services, "services/", part[1])
}

func get(g *Google, all map[string]*googleHosted, kind, name string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := all[name]; h != nil {
		return http.StatusOK, h.resource
	}
	return notFound(kind + name)
}

func (g *Google) deleteService(_ *http.Request, part []string) (int, any) {
	if !g.drop(g.services, part[1]) {
		return notFound("services/" + part[1])
	}
	return http.StatusOK, object{"kind": "Status", "status": "Success"}
}

func (g *Google) drop(all map[string]*googleHosted, name string) bool {
	g.mu.Lock()
	h := all[name]
	delete(all, name)
	g.mu.Unlock()
	if h != nil {
		h.stop()
	}
	return h != nil
}

func (g *Google) uploadURL(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.offered++
	name := fmt.Sprintf("upload-%d.zip", g.offered)
	return http.StatusOK, object{
		"uploadUrl":     "http://uploads.test/" + name,
		"storageSource": object{"bucket": "gcf-v2-uploads-" + googleNumber, "object": name},
	}
}

func (g *Google) upload(r *http.Request, part []string) (int, any) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uploads[part[1]] = text
	return http.StatusOK, nil
}

func (g *Google) listFunctions(*http.Request, []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := []any{}
	for _, h := range g.functions {
		all = append(all, h.resource)
	}
	return http.StatusOK, object{"functions": all}
}

// createFunction builds: what was uploaded becomes the function's archive, and an image is there.
func (g *Google) createFunction(r *http.Request, _ []string) (int, any) {
	f := bodyOf(r)
	name := r.URL.Query().Get("functionId")
	uploaded := fmt.Sprint(At(f, "buildConfig", "source", "storageSource", "object"))
	env := map[string]string{}
	set, _ := At(f, "serviceConfig", "environmentVariables").(object)
	for k, v := range set {
		env[k] = fmt.Sprint(v)
	}
	source, _ := At(f, "buildConfig", "environmentVariables", "GOOGLE_FUNCTION_SOURCE").(string)
	g.mu.Lock()
	archive := g.uploads[uploaded]
	delete(g.uploads, uploaded)
	g.uploads[name+"/function-source.zip"] = archive
	g.images[googleProject+"__"+strings.ReplaceAll(googleRegion+"__"+name, "-", "--")] = true
	g.mu.Unlock()
	h := newHosted(&instance{t: g.t, archive: archive, runtime: fmt.Sprint(At(f, "buildConfig", "runtime")),
		target: fmt.Sprint(At(f, "buildConfig", "entryPoint")), source: source, name: name, env: env})
	f["name"] = "projects/" + googleProject + "/locations/" + googleRegion + "/functions/" + name
	f["state"], f["environment"] = "ACTIVE", "GEN_2"
	f["url"] = h.gateway.URL
	service, _ := f["serviceConfig"].(object)
	service["uri"], service["revision"], service["service"] = h.gateway.URL, name+"-00001-wav",
		"projects/"+googleProject+"/locations/"+googleRegion+"/services/"+name
	h.resource = f
	g.mu.Lock()
	g.functions[name] = h
	g.mu.Unlock()
	return http.StatusOK, operation(f)
}

func operation(response any) object {
	return object{
		"name":     "projects/" + googleProject + "/locations/" + googleRegion + "/operations/op",
		"done":     true,
		"response": response,
		"metadata": object{
			"@type":      "type.googleapis.com/google.cloud.functions.v2.OperationMetadata",
			"apiVersion": "v2",
			"stages":     []object{},
		},
	}
}

func (g *Google) getFunction(_ *http.Request, part []string) (int, any) {
	return get(g, g.functions, "projects/"+googleProject+"/locations/"+part[1]+"/functions/", part[2])
}

func (g *Google) deleteFunction(_ *http.Request, part []string) (int, any) {
	if !g.drop(g.functions, part[2]) {
		return notFound("projects/" + googleProject + "/locations/" + part[1] + "/functions/" + part[2])
	}
	return http.StatusOK, operation(object{"@type": "type.googleapis.com/google.protobuf.Empty"})
}

// bucket is the one of sources: archives stay there when their function is deleted.
func (g *Google) bucket(r *http.Request, part []string) (int, any) {
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
			items = append(items, object{"name": name, "bucket": part[2], "generation": "1732183200123456",
				"size": fmt.Sprint(len(text))})
		}
	}
	return http.StatusOK, object{"kind": "storage#objects", "items": items}
}

func (g *Google) packages(_ *http.Request, part []string) (int, any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if part[1] == http.MethodDelete {
		if !g.images[part[2]] {
			return notFound(part[2])
		}
		delete(g.images, part[2])
		return http.StatusOK, object{
			"name":     "projects/p/locations/r/operations/op",
			"done":     true,
			"response": object{"@type": "type.googleapis.com/google.protobuf.Empty"},
		}
	}
	all := []object{}
	for name := range g.images {
		all = append(all, object{"name": path.Join("projects", googleProject, "locations", googleRegion,
			"repositories/gcf-artifacts/packages", name)})
	}
	return http.StatusOK, object{"packages": all}
}
