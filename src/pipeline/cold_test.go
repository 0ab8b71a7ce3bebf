package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/deploy"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// app is an app of a cloud whose settings cold starts change.
type app struct {
	mu       sync.Mutex
	settings map[string]string
	updates  int
	before   func() // called before each update
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/token") {
		_, _ = fmt.Fprint(w, `{"access_token": "tok", "expires_in": 3599}`)
		return
	}
	body := struct {
		Properties map[string]string `json:"properties"`
	}{a.settings}
	if r.Method == http.MethodPut {
		a.before()
		body.Properties = nil
		_ = json.NewDecoder(r.Body).Decode(&body)
		a.settings = body.Properties
		a.updates++
	}
	_ = json.NewEncoder(w).Encode(body)
}

// coldJob is a run with two functions, of which the first one has an endpoint.
func coldJob(t *testing.T, at string, keep bool) (*Job, *run.Run) {
	t.Helper()
	j, r := testJob(t, `{"Provider":"azure","SubExperiments":[{"Runtime":"nodejs22.x","Bursts":1,"Parallelism":2,`+
		`"ColdStart":"force"}]}`)
	config, getenv := j.Config, j.Getenv
	config.Keep = keep
	config.Getenv = func(name string) string {
		switch name {
		case "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET":
			return "s3cret"
		case "STELLAR_AZURE_URL", "AZURE_AUTHORITY_HOST":
			return at
		}
		return getenv(name)
	}
	unit := r.Service + "-f0-0"
	r.Functions[0].Endpoint = &provider.Endpoint{Function: "f0-0", URL: "https://h/f0-0", Provider: "azure",
		Detail: map[string]string{provider.DetailUnit: unit, provider.DetailDir: "/d", "subscription": "s3cret"}}
	if _, err := r.Journal.Intend(deploy.KindService, unit, map[string]string{"provider": "azure",
		provider.DetailUnit: unit}); err != nil {
		t.Fatal(err)
	}
	return NewJob(config, r.Experiment), r
}

// configured are the configurations that the journal on the disk has.
func configured(t *testing.T, r *run.Run) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, run.JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"kind":"`+KindConfiguration+`"`) && strings.Contains(line, run.EventIntent) {
			out = append(out, line)
		}
	}
	return out
}

// TestConfigurationIsWrittenDownFirst: of a function that stays the journal has the configuration before the first
// update, without a secret, and another process puts it back; of one that is removed it has none.
func TestConfigurationIsWrittenDownFirst(t *testing.T) {
	for keep, want := range map[bool]int{true: 1, false: 0} {
		a := &app{settings: map[string]string{"KEY": "secret value"}}
		server := httptest.NewServer(a)
		t.Cleanup(server.Close)
		before := maps.Clone(a.settings)
		j, r := coldJob(t, server.URL, keep)
		a.before = func() {
			if all := configured(t, r); len(all) != want || strings.Contains(strings.Join(all, ""), "secret value") {
				t.Errorf("keep %t: at an update the journal has %q", keep, all)
			}
		}
		colds := &coldStarts{job: j}
		for range 3 {
			if err := colds.makeCold(t.Context(), r, []study.Endpoint{{Function: "f0-0"}}); err != nil {
				t.Fatal(err)
			}
		}
		if a.updates != 3 || maps.Equal(a.settings, before) {
			t.Errorf("keep %t: %d updates, settings %v", keep, a.updates, a.settings)
		}
		if err := colds.makeCold(t.Context(), r, []study.Endpoint{{Function: "f0-1"}}); err == nil {
			t.Error("a function without an endpoint was made cold")
		}
		if !keep {
			continue
		}
		later := NewJob(j.Config, nil) // knows nothing of the run but its journal
		res := r.Journal.Pending()[0]
		own, err := later.own(r, res)
		if err != nil || res.Attrs[provider.DetailDir] != "" {
			t.Fatalf("%+v: %v", res, err)
		}
		if err := later.removals(r)[KindConfiguration].Remove(t.Context(), own); err != nil ||
			!maps.Equal(a.settings, before) {
			t.Errorf("put back: %v, settings %v", err, a.settings)
		}
	}
}

// TestConfigurationInUseIsLeftAlone: while another run measures the functions of a kept run, a dead run's change of
// their configuration is not put back, and the error says why.
func TestConfigurationInUseIsLeftAlone(t *testing.T) {
	a := &app{settings: map[string]string{"KEY": "value", provider.ColdVariable: "7"}, before: func() {}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	j, kept := coldJob(t, server.URL, true)
	if err := kept.Remember(); err != nil {
		t.Fatal(err)
	}
	conn, err := j.connect(kept)
	if err != nil {
		t.Fatal(err)
	}
	to, ok := conn.(provider.Restorer)
	if !ok {
		t.Fatal("no Restorer")
	}
	at := *kept.Functions[0].Endpoint
	delete(a.settings, provider.ColdVariable)
	was, err := to.Configuration(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	a.settings[provider.ColdVariable] = "7"
	res := run.Resource{Kind: KindConfiguration, Name: configurationName(at.Detail),
		Attrs: map[string]string{"provider": "azure", attrRun: kept.ID}}
	maps.Copy(res.Attrs, at.Detail)
	maps.Copy(res.Attrs, was)
	dead := &run.Run{ID: "20261128T100000Z-azure-dead"}
	later := NewJob(j.Config, nil)
	if err := later.restore(t.Context(), dead, res); err == nil || a.updates != 0 ||
		!strings.Contains(err.Error(), "is in use by another run") {
		t.Errorf("%d updates, error %v", a.updates, err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	if err := later.restore(t.Context(), dead, res); err != nil || a.settings[provider.ColdVariable] != "" {
		t.Errorf("settings %v, error %v", a.settings, err)
	}
	again, err := run.Open(j.Deps, kept.Dir) // the lock was given back
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyFunctionsOfRunsAreConfigured: whatever a journal names, no other function is touched.
func TestOnlyFunctionsOfRunsAreConfigured(t *testing.T) {
	const id, other = "20261128T100000Z-azure-abcd", "20261128T090000Z-azure-efgh"
	service := run.ServiceName(other)
	r := &run.Run{ID: id}
	good := func() run.Resource {
		return run.Resource{Kind: KindConfiguration, Name: service + "-f0-0", Attrs: map[string]string{
			"provider": "azure", attrRun: other, provider.DetailUnit: service + "-f0-0"}}
	}
	for what, change := range map[string]func(*run.Resource){
		"":                         func(*run.Resource) {},
		"a name in the service":    func(r *run.Resource) { r.Attrs[provider.DetailName] = r.Name },
		"!no run":                  func(r *run.Resource) { r.Attrs[attrRun] = "mine" },
		"!a unit of another run":   func(r *run.Resource) { r.Attrs[attrRun] = id },
		"!somebody's function":     func(r *run.Resource) { r.Name, r.Attrs[provider.DetailName] = "prod", "prod" },
		"!a name of another thing": func(r *run.Resource) { r.Name = service + "-f0-1" },
		"!another provider":        func(r *run.Resource) { r.Attrs["provider"] = "aws" },
	} {
		res := good()
		change(&res)
		if _, err := ownConfiguration(r, res); (err != nil) != strings.HasPrefix(what, "!") {
			t.Errorf("%q: %v", what, err)
		}
	}
}
