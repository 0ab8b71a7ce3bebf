package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// fakeAzure is a subscription with resource groups in it, and a Serverless CLI that works there.
type fakeAzure struct {
	t      *testing.T
	server *httptest.Server
	env    map[string]string
	said   string // what `serverless deploy` prints; empty: what the plugin does
	fails  error  // of the CLI
	logins []int  // statuses of the next logins
	left   bool   // `serverless remove` leaves the group there

	mu      sync.Mutex
	groups  map[string]map[string]string // name to tags
	calls   []string                     // of the CLI, and requests
	refusal []int                        // statuses of the next requests
	code    string                       // error code of the requests that are refused

	settings map[string]string // of the app; nil: there is no app
	slow     int               // so many looks show the settings of before
	before   map[string]string
}

func newFakeAzure(t *testing.T) *fakeAzure {
	f := &fakeAzure{t: t, groups: map[string]map[string]string{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	f.env = map[string]string{"AZURE_SUBSCRIPTION_ID": "sub1", "AZURE_TENANT_ID": "ten1", "AZURE_CLIENT_ID": "cli1",
		"AZURE_CLIENT_SECRET": "s3cret",
		"STELLAR_AZURE_URL":   f.server.URL, "AZURE_AUTHORITY_HOST": f.server.URL + "/"}
	return f
}

func (f *fakeAzure) open(dir string) *connection {
	return connect(provider.Options{Service: "stellar-x", ServiceDir: dir,
		Getenv: func(n string) string { return f.env[n] }, Serverless: f.serverless,
		Patience: provider.Patience{Wait: time.Millisecond, Settle: time.Millisecond}}.WithDefaults()).(*connection)
}

func (f *fakeAzure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/ten1/oauth2/v2.0/token" {
		if len(f.logins) > 0 {
			w.WriteHeader(f.logins[0])
			f.logins = f.logins[1:]
			fmt.Fprint(w,
				`{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred."}`)
			return
		}
		if err := r.ParseForm(); err != nil || r.Form.Get("client_secret") != "s3cret" ||
			r.Form.Get("client_id") != "cli1" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w,
				`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"tok","expires_in":3599}`)
		return
	}
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/query") {
		f.insights(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer tok" || r.URL.Query().Get("api-version") == "" {
		f.t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
	}
	if len(f.refusal) > 0 {
		w.WriteHeader(f.refusal[0])
		f.refusal = f.refusal[1:]
		fmt.Fprintf(w, `{"error":{"code":%q,"message":"it says why"}}`, f.code)
		return
	}
	name := filepath.Base(r.URL.Path)
	tags, there := f.groups[name]
	switch {
	case name == "resourcegroups":
		var page struct{ Value []armGroup }
		for n, tags := range f.groups {
			page.Value = append(page.Value, armGroup{Name: n, Tags: tags})
		}
		_ = json.NewEncoder(w).Encode(page)
	case name == "functions":
		fmt.Fprint(w,
			`{"value":[{"properties":{"invoke_url_template":"https://stellar-x-f0-0.azurewebsites.net/api/measure"}}]}`)
	case strings.Contains(r.URL.Path, "/config/appsettings"):
		f.appSettings(w, r)
	case !there:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":"ResourceGroupNotFound","message":"gone"}}`)
	case r.Method == http.MethodDelete:
		delete(f.groups, name)
		w.WriteHeader(http.StatusAccepted)
	default:
		_ = json.NewEncoder(w).Encode(armGroup{Name: name, Tags: tags})
	}
}

// appSettings lists the settings of the app, or takes them as a whole.
func (f *fakeAzure) appSettings(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Properties map[string]string `json:"properties"`
	}{f.settings}
	switch {
	case f.settings == nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":"ResourceNotFound","message":"gone"}}`)
		return
	case r.Method == http.MethodPut:
		f.before, body.Properties = f.settings, nil
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			f.t.Error(err)
		}
		f.settings = body.Properties
	case f.slow > 0 && f.before != nil:
		f.slow--
		body.Properties = f.before
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fakeAzure) serverless(which, dir string) provider.Serverless { return azureCLI{f, which, dir} }

type azureCLI struct {
	*fakeAzure
	which, dir string
}

func (c azureCLI) Ready(context.Context) provider.Tool {
	return provider.Tool{Name: c.which, Version: "3.40.0"}
}
func (c azureCLI) Command(verb string, args ...string) shell.Command {
	return shell.Command{Name: "serverless", Args: append([]string{verb}, args...), Dir: c.dir}
}

func (c azureCLI) note(verb string, args []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	unit := "stellar-x-" + filepath.Base(c.dir)
	c.calls = append(c.calls, strings.Join(append([]string{c.which, filepath.Base(c.dir), verb}, args...), " "))
	return unit
}

func (c azureCLI) Deploy(_ context.Context, args ...string) (string, error) {
	unit := c.note("deploy", args)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups[unit] = map[string]string{"stellar-run": "r1"}
	if c.said != "" || c.fails != nil {
		return c.said, c.fails
	}
	return "Deployed serverless functions:\n-> measure: [GET] " + unit + ".azurewebsites.net/api/measure\n", nil
}

func (c azureCLI) Info(context.Context, ...string) (string, error) { return "", nil }

func (c azureCLI) Remove(_ context.Context, args ...string) (string, error) {
	unit := c.note("remove", args)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.left {
		delete(c.groups, unit)
	}
	return "", c.fails
}
