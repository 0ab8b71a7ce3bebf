package azure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
)

func TestAzureDeploys(t *testing.T) {
	f := newFakeAzure(t)
	f.env["AZURE_LOCATION"] = "westeurope"
	dir := t.TempDir()
	a := f.open(dir)
	fns := []*provider.Function{providertest.Packaged("f0-0"), providertest.Packaged("f0-1"),
		providertest.Packaged("f1-0")}
	for _, fn := range fns {
		fn.Package.Path = filepath.Join(dir, "packages", "p.zip")
	}
	got, err := a.DeployFunctions(t.Context(), fns)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		if e.Function != fns[i].Name || e.URL != "https://stellar-x-"+e.Function+".azurewebsites.net/api/measure" ||
			e.ImageSizeMB != 3 ||
			e.Detail[provider.DetailUnit] != "stellar-x-"+e.Function || e.Detail[detailSubscription] != "sub1" ||
			e.Detail[provider.DetailDir] != filepath.Join(dir, e.Function) {
			t.Errorf("endpoint %d: %+v", i, e)
		}
	}
	slices.Sort(f.calls)
	if want := "azure f0-0 deploy --package ../packages/p.zip --region westeurope"; len(f.calls) != 3 ||
		f.calls[0] != want {
		t.Errorf("called %q, want %q", f.calls, want)
	}
	where, err := a.Locate(t.Context())
	if err != nil || where[provider.DetailRegion] != "westeurope" || where[detailSubscription] != "sub1" {
		t.Errorf("located %v, %v", where, err)
	}
	deploy, remove := a.Commands(provider.OnePerFunction("stellar-x",
		[]*provider.Function{providertest.Zip("f0-0", 0, 128)})[0])
	if deploy[0].CommandLine() != "cd "+dir+"/f0-0 && serverless deploy --package PACKAGE.zip --region westeurope" ||
		remove[0].CommandLine() != "cd "+dir+"/f0-0 && serverless remove --force --subscriptionId sub1" {
		t.Errorf("commands %v, %v", deploy, remove)
	}
}

// The plugin would open a browser where a credential is missing; nothing is begun without all of them, and none is
// shown.
func TestAzureWantsAllCredentials(t *testing.T) {
	for _, name := range []string{"AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID",
		"AZURE_CLIENT_SECRET"} {
		f := newFakeAzure(t)
		f.env[name] = " "
		a := f.open(t.TempDir())
		_, derr := a.DeployFunctions(t.Context(), []*provider.Function{providertest.Packaged("f0-0")})
		for what, err := range map[string]error{"deploy": derr, "ready": a.Ready(t.Context()).
			Err(), "remove": a.RemoveFunctions(t.Context(), nil)} {
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), name+" not set") ||
				strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s without %s: %v", what, name, err)
			}
		}
		if len(f.calls) > 0 {
			t.Errorf("without %s: %q", name, f.calls)
		}
	}
	r := newFakeAzure(t).open(t.TempDir()).Ready(t.Context())
	if r.Err() != nil || r.Where[detailSubscription] != "sub1" || strings.Contains(fmt.Sprint(r), "s3cret") ||
		r.Tools[0].Version != "3.40.0" {
		t.Errorf("ready: %+v", r)
	}
}

func TestAzureReadsWhatThePluginPrints(t *testing.T) {
	for text, want := range map[string][]string{
		"Deployed serverless functions:\n-> subexperiment2_1_0: [GET] " +
			"sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/subexperiment2_1_0\n" +
			"-> subexperiment2_1_1: [GET] " +
			"sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/subexperiment2_1_1\n": {
			"https://sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/subexperiment2_1_0",
			"https://sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/subexperiment2_1_1"},
		"Serverless: -> measure: [*] a-1.azurewebsites.net/api/measure": {"https://a-1.azurewebsites.net/api/measure"},
		"-> Deploying service package @ /x/p.zip":                       nil,
		"-> ARM deployment complete":                                    nil,
		"":                                                              nil,
	} {
		var got []string
		for _, e := range readEndpoints(text) {
			got = append(got, e.URL)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f := newFakeAzure(t)
	f.said = "Deployed serverless functions:\n"
	_, err := f.open(t.TempDir()).DeployFunctions(t.Context(), []*provider.Function{providertest.Packaged("f0-0")})
	var said *fail.Error
	if !errors.As(err, &said) || said.Output != f.said {
		t.Errorf("no address: %v", err)
	}
}

func TestAzureRemoves(t *testing.T) {
	withFolder := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "f0-0")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "serverless.yml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	noFolder := func(t *testing.T) string { return filepath.Join(t.TempDir(), "f0-0") }
	for name, c := range map[string]struct {
		dir    func(*testing.T) string
		change func(f *fakeAzure)
		want   string // in the error; empty: removed
		calls  []string
	}{
		"by the plugin": {dir: withFolder, calls: []string{"azure f0-0 remove --force --subscriptionId then",
			"DELETE /subscriptions/then/resourcegroups/stellar-x-f0-0",
			"GET /subscriptions/then/resourcegroups/stellar-x-f0-0",
			"GET /subscriptions/then/resourcegroups/stellar-x-f0-0"}},
		"not there":                {dir: withFolder, change: func(f *fakeAzure) { clear(f.groups) }},
		"the folder is gone":       {dir: noFolder},
		"neither folder nor group": {dir: noFolder, change: func(f *fakeAzure) { clear(f.groups) }},
		"the plugin fails, but it went": {dir: withFolder,
			change: func(f *fakeAzure) { f.fails = errors.New("exit code 1") }},
		"the plugin lies": {dir: withFolder, change: func(f *fakeAzure) { f.left = true }},
		"the deployment goes on": {dir: withFolder,
			change: func(f *fakeAzure) { f.left, f.fails = true, errors.New("409 DeploymentActive") }},
		"the group is locked": {dir: withFolder, change: func(f *fakeAzure) {
			f.left, f.fails, f.refusal, f.code = true, errors.New("it is locked"), []int{409}, "ScopeLocked"
		}, want: "it is locked"},
		"the plugin lies, it is locked": {dir: withFolder,
			change: func(f *fakeAzure) { f.left, f.refusal, f.code = true, []int{409}, "ScopeLocked" },
			want:   "ScopeLocked"},
		"throttled": {dir: withFolder,
			change: func(f *fakeAzure) { f.refusal, f.code = []int{429, 503}, "TooManyRequests" }},
		"throttled for ever": {dir: withFolder, change: func(f *fakeAzure) {
			f.refusal, f.code = []int{429, 429, 429, 429, 429, 429, 429, 429}, "TooManyRequests"
		}, want: "429"},
		"another subscription, it seems": {dir: withFolder,
			change: func(f *fakeAzure) { f.refusal, f.code = []int{404, 404}, "SubscriptionNotFound" },
			want:   "SubscriptionNotFound"},
		"not allowed to look": {dir: noFolder,
			change: func(f *fakeAzure) { f.refusal, f.code = []int{403, 403}, "AuthorizationFailed" },
			want:   "AuthorizationFailed"},
		"the secret is wrong": {dir: noFolder,
			change: func(f *fakeAzure) { f.env["AZURE_CLIENT_SECRET"] = "old" }, want: "Invalid client secret"},
	} {
		f := newFakeAzure(t)
		f.groups["stellar-x-f0-0"] = map[string]string{"stellar-run": "r1"}
		f.groups["another"] = nil
		if c.change != nil {
			c.change(f)
			f.groups["another"] = nil
		}
		u := provider.Unit{Name: "stellar-x-f0-0", Folder: c.dir(t),
			Where: map[string]string{detailSubscription: "then"}}
		err := f.open(t.TempDir()).RemoveFunctions(t.Context(), []provider.Unit{u})
		_, other := f.groups["another"]
		_, stands := f.groups["stellar-x-f0-0"]
		switch {
		case (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case !other || err == nil && stands:
			t.Errorf("%s: left are %v", name, f.groups)
		case c.calls != nil && !slices.Equal(f.calls, c.calls):
			t.Errorf("%s: called %q", name, f.calls)
		}
	}
	if err := newFakeAzure(t).open(t.TempDir()).RemoveFunctions(t.Context(),
		[]provider.Unit{{Dir: "f0-0"}}); err == nil {
		t.Error("a group without a name was removed")
	}
}

// Only a refusal is about the credentials; Azure's own trouble passes.
func TestAzureLogsInAgain(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		want     string
		code     int
	}{
		"in trouble once": {[]int{503}, "", 0},
		"throttled once":  {[]int{429}, "", 0},
		"in trouble for ever": {[]int{503, 503, 503, 503},
			"Azure answers 503 temporarily_unavailable: log in: AADSTS90033", fail.CodeFailed},
		"refused":  {[]int{400}, "the service principal may not log in: AADSTS90033", fail.CodeInput},
		"no token": {[]int{200, 200, 200, 200}, "the answer has no token", fail.CodeFailed},
	} {
		f := newFakeAzure(t)
		f.logins = c.statuses
		_, err := f.open(t.TempDir()).Locate(t.Context())
		if fail.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v with exit code %d", name, err, fail.Code(err))
		}
	}
}

func TestAzureFindsWhatStands(t *testing.T) {
	f := newFakeAzure(t)
	f.groups = map[string]map[string]string{"stellar-x-f0-0": {"stellar-run": "r1",
		"stellar-expires": "2026-01-02T03:04:05Z"}, "stellar-xy-f0-0": {"stellar-run": "r2"}, "theirs": nil}
	a := f.open(t.TempDir())
	found, err := a.Tagged(t.Context())
	slices.SortFunc(found, func(a, b provider.Tagged) int { return strings.Compare(a.Run, b.Run) })
	if err != nil || len(found) != 2 || found[0].Run != "r1" || found[0].Expires.Year() != 2026 ||
		found[0].Unit.Name != "stellar-x-f0-0" || !found[1].Expires.IsZero() {
		t.Errorf("tagged %+v, %v", found, err)
	}
	if err := a.RemoveFunctions(t.Context(), []provider.Unit{found[0].Unit}); err != nil || len(f.groups) != 2 {
		t.Errorf("removed: %v, left %v", err, f.groups)
	}
	f.groups["stellar-x-f0-0"] = nil
	stand, err := a.ListAPIs(t.Context())
	if err != nil || len(stand) != 1 || stand[0].Function != "f0-0" ||
		stand[0].URL != "https://stellar-x-f0-0.azurewebsites.net/api/measure" {
		t.Errorf("stands %+v, %v", stand, err)
	}
}

func TestAzureUpdates(t *testing.T) {
	f := newFakeAzure(t)
	a := f.open(t.TempDir())
	f.settings, f.slow = map[string]string{"AzureWebJobsStorage": "secret key"}, 2
	e := provider.Endpoint{Function: "f0-0", MemoryMB: 128, ImageSizeMB: 3,
		Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0"}}
	fn := providertest.Packaged("f0-0")
	const settings = "/subscriptions/sub1/resourceGroups/stellar-x-f0-0/providers/Microsoft.Web/sites/stellar-x-f0-0" +
		"/config/appsettings"
	if err := a.UpdateFunction(t.Context(), e, nil); err != nil || len(f.calls) != 5 ||
		f.calls[1] != "PUT "+settings || f.calls[4] != "POST "+settings+"/list" ||
		f.settings["AzureWebJobsStorage"] != "secret key" {
		t.Errorf("cold start: %v, %q, %v", err, f.calls, f.settings)
	}
	first := f.settings[provider.ColdVariable]
	if err := a.UpdateFunction(t.Context(), e, fn); err != nil || first == "" ||
		f.settings[provider.ColdVariable] == first {
		t.Errorf("a second cold start: %v, %v", err, f.settings)
	}
	fn.Package.Bytes = 5 << 20
	f.calls = nil
	if err := a.UpdateFunction(t.Context(), e, fn); err != nil || len(f.calls) != 4 ||
		!strings.HasPrefix(f.calls[0], "azure f0-0 deploy") {
		t.Errorf("new code: %v, %q", err, f.calls)
	}
	fn.MemoryMB = 256
	if err := a.UpdateFunction(t.Context(), e, fn); !errors.Is(err, fail.ErrUnsupported) {
		t.Errorf("memory: %v", err)
	}
}

func TestAzureNames(t *testing.T) {
	a, b := namesOf(provider.Unit{Name: "stellar-20261121t010203z-azure-abcd-f0-0"}),
		namesOf(provider.Unit{Name: "stellar-20261121t010203z-azure-abcd-f0-1"})
	if len(a.Storage) != 24 || a.Storage == b.Storage || a.App != "stellar-20261121t010203z-azure-abcd-f0-0" {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestOutputsOfRealDeployments(t *testing.T) {
	const apps = "https://sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/"
	providertest.Outputs(t, func(text string) (urls []string) {
		for _, e := range readEndpoints(text) {
			urls = append(urls, e.URL)
		}
		return urls
	}, map[string][]string{"deploy.txt": {apps + "subexperiment2_1_0", apps + "subexperiment2_1_1"}})
}
