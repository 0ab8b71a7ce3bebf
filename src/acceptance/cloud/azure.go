package cloud

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Azure stands in for a subscription of Azure's: the part of its interfaces that the pinned plugin and the tool use,
// with Azure's own error codes. The apps that are deployed run: their functions are called with requests of the
// platform's form.
type Azure struct {
	account
	groups    map[string]*AzureGroup
	deploying bool // templates are at work for ever: what runs is not deleted by itself
}

// AzureGroup is a resource group, with one app in it.
type AzureGroup struct {
	Name     string            `json:"name"`
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags"`

	Settings map[string]string `json:"-"`
	Kind     string            `json:"-"` // linuxFxVersion

	folder  string // of what was deployed
	process *exec.Cmd
	proxy   *httputil.ReverseProxy
	start   sync.Once
}

const (
	azureTestSubscription = "00000000-1111-2222-3333-444444444444"
	azureTestSecret       = "s3cret-of-the-principal"
)

// NewAzure opens a subscription with nothing in it.
func NewAzure(t *testing.T) *Azure {
	t.Helper()
	a := &Azure{groups: map[string]*AzureGroup{}}
	a.serve(t, a, func() {
		for _, g := range a.groups {
			g.stop()
		}
	})
	return a
}

// Environment leads the Serverless CLI with its plugin, and the tool, to the account.
func (a *Azure) Environment(string) []string {
	cli := lab.Module("serverless-azure")
	lab.Installed(a.t, "the Serverless CLI for Azure", filepath.Join(cli, "serverless"), "make azure")
	return []string{"STELLAR_SERVERLESS_AZURE=" + filepath.Join(cli, "serverless"), redirected(),
		"STELLAR_TEST_ACCOUNT=" + a.server.URL, "STELLAR_AZURE_URL=" + a.server.URL,
		"AZURE_AUTHORITY_HOST=" + a.server.URL,
		"AZURE_SUBSCRIPTION_ID=" + azureTestSubscription, "AZURE_TENANT_ID=tenant", "AZURE_CLIENT_ID=client",
		"AZURE_CLIENT_SECRET=" + azureTestSecret}
}

// Prefixes are those of Azure's variables.
func (a *Azure) Prefixes() []string { return []string{"AZURE_"} }

// Secret is the principal's.
func (a *Azure) Secret() string { return azureTestSecret }

// Left lists the resource groups that there are.
func (a *Azure) Left() (names []string) {
	a.Locked(func() { names = slices.Sorted(maps.Keys(a.groups)) })
	return names
}

// Group is a resource group, nil where there is none of that name.
func (a *Azure) Group(name string) (g *AzureGroup) {
	a.Locked(func() { g = a.groups[name] })
	return g
}

// KeepDeploying lets templates be at work for ever: what they make is not deleted by itself.
func (a *Azure) KeepDeploying() { a.Locked(func() { a.deploying = true }) }

func (g *AzureGroup) stop() { kill(g.process) }

func (g *AzureGroup) restart() {
	g.stop()
	g.process, g.start = nil, sync.Once{}
}

// Restart ends the instance of a group's app: the next request starts another.
func (a *Azure) Restart(name string) { a.Locked(a.groups[name].restart) }

func (a *Azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/app/"); ok {
		a.invoke(w, r, rest)
		return
	}
	host := r.Header.Get("X-Stellar-Host")
	a.mu.Lock()
	defer a.mu.Unlock()
	if code := a.record(r.Method, host+r.URL.Path); code != "" {
		refuse(w, code)
		return
	}
	switch {
	case strings.Contains(r.URL.Path, "/oauth2/"):
		azureLogin(w, r, func(secret string) bool { return secret == azureTestSecret })
	case strings.HasSuffix(host, ".blob.core.windows.net"):
		a.blob(w, r, host)
	case strings.Contains(host, ".scm."):
		a.publish(w, r, host)
	default:
		a.manage(w, r)
	}
}

// manage is Resource Manager.
func (a *Azure) manage(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+azureToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	m := groupPath.FindStringSubmatch(r.URL.Path)
	switch {
	case r.URL.Path == "/subscriptions":
		answer(w, http.StatusOK, map[string]any{"value": []any{map[string]any{"subscriptionId": azureTestSubscription,
			"id": "/subscriptions/" + azureTestSubscription, "displayName": "test", "state": "Enabled"}}})
	case r.URL.Path == "/tenants":
		answer(w, http.StatusOK,
			map[string]any{"value": []any{map[string]string{"id": "/tenants/tenant", "tenantId": "tenant"}}})
	case m == nil || m[1] != azureTestSubscription:
		a.t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		refuse(w, "ResourceNotFound")
	case !serveGroups(w, r, a):
		a.inGroup(w, r, m[2], m[3])
	}
}

func (a *Azure) list() (tagged []*AzureGroup) {
	for _, g := range a.groups {
		if g.Tags["stellar-run"] != "" {
			tagged = append(tagged, g)
		}
	}
	return tagged
}

func (a *Azure) find(name string) (*AzureGroup, string) {
	if g := a.groups[name]; g != nil {
		return g, ""
	}
	return nil, "ResourceGroupNotFound"
}

func (a *Azure) remove(name string) string {
	g, code := a.find(name)
	if code == "" {
		g.stop()
		delete(a.groups, name)
	}
	return code
}

func (a *Azure) tag(name string, tags map[string]string) {
	if g := a.groups[name]; g != nil {
		maps.Copy(g.Tags, tags)
	}
}

func (a *Azure) inGroup(w http.ResponseWriter, r *http.Request, name, path string) {
	g := a.groups[name]
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	if path == "" && r.Method == http.MethodPut {
		made := &AzureGroup{Name: name}
		if err := json.Unmarshal(body, made); err != nil {
			a.t.Errorf("group %s: %v", name, err)
		}
		a.groups[name] = made
		answer(w, http.StatusCreated, made)
		return
	}
	if g == nil {
		refuse(w, "ResourceGroupNotFound")
		return
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	last := parts[len(parts)-1]
	switch {
	case strings.Contains(path, "/deployments") && r.Method == http.MethodPut:
		a.deploy(w, g, body, last)
	case strings.Contains(path, "/deployments") && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"value": []any{}})
	case strings.Contains(path, "/deployments") && r.Method == http.MethodDelete && a.deploying:
		refuse(w, "DeploymentActive")
	case strings.Contains(path, "/deployments") && r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(path, "/listKeys"):
		answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{"keyName": "key1",
			"value": "a2V5", "permissions": "FULL"}}})
	case strings.HasSuffix(path, "/functions"):
		answer(w, http.StatusOK, map[string]any{"value": a.functionsOf(g)})
	case strings.HasSuffix(path, "/restart"):
		g.restart()
	case strings.Contains(path, "/sites/"):
		answer(w, http.StatusOK, map[string]any{"id": r.URL.Path, "name": last, "type": "Microsoft.Web/sites",
			"location": g.Location, "properties": map[string]any{"defaultHostName": last + ".azurewebsites.net",
				"enabledHostNames": []string{last + ".azurewebsites.net", last + ".scm.azurewebsites.net"}}})
	default:
		a.t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		refuse(w, "ResourceNotFound")
	}
}

// deploy takes the template: what is asked for is what Azure would make.
func (a *Azure) deploy(w http.ResponseWriter, g *AzureGroup, body []byte, name string) {
	var asked struct {
		Properties struct {
			Mode     string
			Template struct {
				Resources []struct {
					Type, Name string
					Properties struct {
						SiteConfig struct {
							LinuxFxVersion string
							AppSettings    []struct{ Name, Value string }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &asked); err != nil || len(asked.Properties.Template.Resources) != 3 ||
		asked.Properties.Mode != "Incremental" {
		a.t.Errorf("deployment %s: %v in %s", name, err, body)
	}
	g.Settings = map[string]string{}
	for _, res := range asked.Properties.Template.Resources {
		if res.Type == "Microsoft.Web/sites" {
			g.Kind = res.Properties.SiteConfig.LinuxFxVersion
			for _, s := range res.Properties.SiteConfig.AppSettings {
				g.Settings[s.Name] = s.Value
			}
		}
	}
	answer(w, http.StatusOK, map[string]any{"name": name,
		"properties": map[string]string{"provisioningState": "Succeeded"}})
}

func (a *Azure) functionsOf(g *AzureGroup) []any {
	var out []any
	found, _ := filepath.Glob(filepath.Join(g.folder, "*", "function.json"))
	for _, file := range found {
		text, err := os.ReadFile(file)
		var config map[string]any
		if err != nil || json.Unmarshal(text, &config) != nil {
			a.t.Errorf("%s: %v\n%s", file, err, text)
		}
		name := filepath.Base(filepath.Dir(file))
		out = append(out, map[string]any{"properties": map[string]any{"name": name, "config": config,
			"invoke_url_template": a.server.URL + "/app/" + g.Name + "/api/" + name}})
	}
	return out
}

// blob is the storage account, in which the plugin keeps a copy of the package.
func (a *Azure) blob(w http.ResponseWriter, r *http.Request, host string) {
	if r.Method == http.MethodGet { // the list of containers
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(
			w,
			`<?xml version="1.0" encoding="utf-8"?><EnumerationResults>`+
				`<Containers /><NextMarker /></EnumerationResults>`,
		)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if regexp.MustCompile(`^st[0-9a-f]{22}\.`).MatchString(host) {
		w.WriteHeader(http.StatusCreated)
		return
	}
	a.t.Errorf("storage account %s", host)
	w.WriteHeader(http.StatusBadRequest)
}

// publish takes a package and unpacks it.
func (a *Azure) publish(w http.ResponseWriter, r *http.Request, host string) {
	app, _, _ := strings.Cut(host, ".")
	g := a.groups[app]
	body, err := io.ReadAll(r.Body)
	if g == nil || err != nil || r.URL.Path != "/api/zipdeploy" {
		a.t.Errorf("%s %s%s: %v", r.Method, host, r.URL.Path, err)
		refuse(w, "ResourceNotFound")
		return
	}
	g.folder = filepath.Join(a.dir, app)
	if err := unzip(g.folder, body); err != nil {
		a.t.Error(err)
	}
}
