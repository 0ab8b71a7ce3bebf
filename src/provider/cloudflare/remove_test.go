package cloudflare

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

func TestCloudflareRemovesAndLooks(t *testing.T) {
	for name, c := range map[string]struct {
		remove, look []string
		unconfirmed  bool
		looks        int
		want         string // part of the error; empty: removed
	}{
		"removed": {remove: []string{"Successfully deleted"}, look: []string{"list-absent!"},
			looks: 1},
		"never confirmed": {remove: []string{"delete-absent!"}, look: []string{"list-absent!"},
			unconfirmed: true, looks: 2},
		"was not there": {remove: []string{"delete-absent!"}, look: []string{"list-absent!"},
			looks: 1},
		"deleted, KV may not be read": {remove: []string{"delete-kv!"}, look: []string{"list-absent!"}, looks: 1},
		"says so and stays": {remove: []string{"Successfully deleted"}, look: []string{"list"}, looks: 1,
			want: "stellar-x-f0-0 is still there"},
		"fails and stays": {remove: []string{"deploy-forbidden!"}, look: []string{"list"}, looks: 1,
			want: "exit code 1"},
		"nobody can tell": {remove: []string{"Successfully deleted"},
			look: []string{"deploy-forbidden!"}, looks: 1, want: "ask whether the Worker stellar-x-f0-0 is gone"},
		"comes into being after the look": {remove: []string{"delete-absent!"}, look: []string{"list-absent!", "list"},
			unconfirmed: true, looks: 2, want: "still there"},
	} {
		f := newFakeWrangler(t, map[string][]string{"delete": c.remove, "deployments": c.look})
		f.login()
		f.folders(providertest.Zip("f0-0", 0, 128))
		u := provider.Unit{Name: "stellar-x-f0-0", Folder: filepath.Join(f.dir, "f0-0"), Confirmed: !c.unconfirmed,
			Where: map[string]string{provider.DetailAccount: "acc2"}}
		err := f.open().RemoveFunctions(t.Context(), []provider.Unit{u})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if len(f.calls) != 1+c.looks {
			t.Errorf("%s: %d commands", name, len(f.calls))
		}
		want := [][]string{{"delete", "--name", "stellar-x-f0-0", "--force", "--config", "wrangler.jsonc"},
			{"deployments", "list", "--name", "stellar-x-f0-0", "--json", "--config", "wrangler.jsonc"}}
		for i, call := range f.calls {
			if !slices.Equal(call.Args, want[min(i, 1)]) || !slices.Contains(call.Env, "CLOUDFLARE_ACCOUNT_ID=acc2") {
				t.Errorf("%s: command %d is %s in %q", name, i, call.CommandLine(), call.Env)
			}
		}
	}
}

// A run's folder that was deleted by hand: Wrangler runs in one of our own, which is gone afterwards, and not in the
// folder from which stellar was started.
func TestCloudflareRemovesWithoutTheFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, dir := range []string{"", "/nowhere/f0-0"} {
		f := newFakeWrangler(t, map[string][]string{"delete": {"Successfully deleted"},
			"deployments": {"list-absent!"}})
		f.login()
		u := provider.Unit{Name: "stellar-x-f0-0", Folder: dir, Confirmed: true}
		if err := f.open().RemoveFunctions(t.Context(), []provider.Unit{u}); err != nil {
			t.Fatal(err)
		}
		for _, call := range f.calls {
			if call.Dir == "" || call.Dir == dir {
				t.Errorf("ran in %q", call.Dir)
			}
			if _, err := os.Stat(call.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind %s: %v", call.Dir, err)
			}
		}
	}
	if err := newFakeWrangler(t, nil).open().RemoveFunctions(t.Context(), []provider.Unit{{Dir: "f0-0"}}); err == nil {
		t.Error("a Worker without a name was taken for removed")
	}
}

// A new Worker is deployed again once it answers, by Wrangler or through the API; where it does not, that is no
// failure. The edge's own pages are no answer.
func TestCloudflareWaitsForANewWorker(t *testing.T) {
	for name, c := range map[string]struct {
		own      bool
		statuses []int // of the answers in turn, the last one for ever; JSON from 200 to 401
		deploys  int
	}{
		"ours, after the edge's pages": {statuses: []int{404, 522, 401}, deploys: 2},
		"ours, public":                 {statuses: []int{200}, deploys: 2},
		"ours, never":                  {statuses: []int{404}, deploys: 1},
		"another page":                 {statuses: []int{403}, deploys: 1},
		"a user's own":                 {own: true, statuses: []int{530, 404, 403}, deploys: 2},
	} {
		for _, login := range []bool{true, false} {
			site := httptest.NewServer(pages(c.statuses))
			f := newFakeWrangler(t, map[string][]string{"deploy": {"no address here"},
				"whoami": {`{"loggedIn": true, "accounts": [{"id": "acc1"}]}`}})
			api := newScripts(t, "stellar-x-f0-0")
			f.env["CLOUDFLARE_API_BASE_URL"] = api.url
			if login {
				f.login()
			}
			f.output = func(shell.Command) string {
				return fmt.Sprintf(`{"type":"deploy","worker_name":"stellar-x-f0-0","targets":[%q]}`, site.URL)
			}
			fn := providertest.Zip("f0-0", 0, 128)
			fn.Generated = !c.own
			f.folders(fn)
			cf := f.open()
			cf.Patience.Settle = 20 * time.Millisecond
			if c.deploys > 1 {
				cf.Patience.Settle = time.Second // looks five times a second, for long on a slow machine too
			}
			got, err := cf.DeployFunctions(t.Context(), []*provider.Function{fn})
			byWrangler, byAPI := f.ran("deploy"), len(api.versions)-1
			if err != nil || got[0].URL != site.URL || byWrangler+byAPI != c.deploys || login != (byAPI == 0) &&
				c.deploys > 1 {
				t.Errorf("%s, login %t: %+v, %v, %d deployments and %d through the API; want %d", name, login, got,
					err, byWrangler, byAPI, c.deploys)
			}
			site.Close()
		}
	}
}

// pages answers with statuses in turn, with the last one for ever; in JSON where a Worker answers.
func pages(statuses []int) http.HandlerFunc {
	asked := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(asked, len(statuses)-1)]
		asked++
		if status == 200 || status == 401 {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
	}
}

func TestCloudflareUpdates(t *testing.T) {
	f := newFakeWrangler(t, map[string][]string{"deploy": {"deploy"}})
	fn := providertest.Zip("f0-0", 0, 128)
	f.folders(fn)
	c := f.open()
	for range 2 {
		if err := c.UpdateFunction(t.Context(), provider.Endpoint{Function: "f0-0",
			Detail: map[string]string{"account": "acc1"}}, fn); err != nil {
			t.Fatal(err)
		}
	}
	a, b := f.calls[0].Args, f.calls[1].Args
	if !slices.Equal(a[:2], []string{"deploy", "--var"}) || !strings.HasPrefix(a[2], "STELLAR_VERSION:") ||
		a[2] == b[2] {
		t.Errorf("ran %q, then %q: the version must differ", a, b)
	}
	if f.calls[0].Dir != filepath.Join(f.dir, "f0-0") {
		t.Errorf("ran in %s", f.calls[0].Dir)
	}
}

func TestCloudflareReadiness(t *testing.T) {
	login := func(accounts string) string {
		return `{"loggedIn": true, "authType": "OAuth Token", "email": "user@example.com", "accounts": [` + accounts +
			`]}`
	}
	for name, c := range map[string]struct {
		version, whoami string
		env             map[string]string
		account         string
		want            string // part of what is missing; empty: ready
	}{
		"token and account": {version: "4.86.0 x",
			env: map[string]string{"CLOUDFLARE_API_TOKEN": "s3cret", "CLOUDFLARE_ACCOUNT_ID": "acc1"}, account: "acc1"},
		"newer": {version: "wrangler 4.164.0",
			env: map[string]string{"CLOUDFLARE_API_TOKEN": "s3cret", "CLOUDFLARE_ACCOUNT_ID": "acc1"}, account: "acc1"},
		"token alone": {version: "4.86.0 x", env: map[string]string{"CLOUDFLARE_API_TOKEN": "s3cret"},
			want: "CLOUDFLARE_ACCOUNT_ID is not set"},
		"login, one account": {version: "4.86.0 x", whoami: login(`{"name": "n", "id": "acc3"}`), account: "acc3"},
		"login, two accounts": {version: "4.86.0 x",
			whoami: login(`{"name": "n", "id": "acc3"}, {"name": "m", "id": "acc4"}`), want: "access to 2 accounts"},
		"login, one of two named": {version: "4.86.0 x", whoami: login(`{"id": "acc3"}, {"id": "acc4"}`),
			env: map[string]string{"CLOUDFLARE_ACCOUNT_ID": "acc4"}, account: "acc4"},
		"no login": {version: "4.86.0 x", whoami: `{"loggedIn": false}!`,
			want: "no credentials for Cloudflare"},
		"too old": {version: "3.114.0 x", want: "version 3.114.0, which is not known to work"},
		"too new": {version: "5.0.0 x", want: "version 5.0.0, which is not known to work"},
	} {
		f := newFakeWrangler(t, map[string][]string{"--version": {c.version}, "whoami": {c.whoami}})
		f.env = c.env
		r := f.open().Ready(t.Context())
		err := r.Err()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) ||
			r.Where["account"] != c.account {
			t.Errorf("%s: %v, %+v; want %q", name, err, r.Where, c.want)
		}
		if err == nil && (r.Credentials == "" || strings.Contains(r.Credentials, "s3cret")) {
			t.Errorf("%s: credentials %q", name, r.Credentials)
		}
		if err != nil && len(r.Missing) > 0 && fail.Hint(r.Missing[0]) == "" {
			t.Errorf("%s: %v has no hint", name, r.Missing)
		}
	}
	f := newFakeWrangler(t, nil)
	c := f.open()
	c.LookPath = func(string) (string, error) { return "", errors.New("none") }
	if r := c.Ready(t.Context()); r.Err() == nil || !strings.Contains(fail.Hint(r.Tools[0].Err), "make wrangler") {
		t.Errorf("without Wrangler: %+v", r)
	}
}

func TestCloudflareRefuses(t *testing.T) {
	for _, c := range []struct {
		sub  experiment.SubExperiment
		want string
	}{
		{experiment.SubExperiment{Protocol: "http1", FillerPlacement: "back", FunctionImageSizeMB: 2,
			DesiredServiceTimes: []string{"5m"}}, ""},
		{experiment.SubExperiment{FillerPlacement: "front"}, ""}, // of no filler
		{experiment.SubExperiment{FillerPlacement: "spread", FunctionImageSizeMB: 2}, "FillerPlacement spread"},
		{experiment.SubExperiment{Protocol: "grpc"}, "Protocol grpc"},
		{experiment.SubExperiment{DesiredServiceTimes: []string{"1ms", "301s"}}, "DesiredServiceTimes 5m1s"},
	} {
		fn := providertest.Zip("f0-0", 0, 128)
		fn.Language = run.LanguageWorkers
		no := (&connection{}).Refuse(&c.sub, fn)
		if text := providertest.Said(no, "; "); (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%+v: %q, want %q", c.sub, text, c.want)
		}
	}
}

func TestCloudflareCommands(t *testing.T) {
	deploy := "cd DIR/f0-0 && wrangler deploy --config wrangler.jsonc"
	script := " https://api.cloudflare.com/client/v4/accounts/acc1/workers/scripts/stellar-RUN-f0-0"
	for login, want := range map[bool][]string{
		true: {deploy, "cd DIR/f0-0 && wrangler deploy --var STELLAR_VERSION:TIME --config wrangler.jsonc",
			"cd DIR/f0-0 && wrangler delete --name stellar-RUN-f0-0 --force --config wrangler.jsonc",
			"cd DIR/f0-0 && wrangler deployments list --name stellar-RUN-f0-0 --json --config wrangler.jsonc"},
		false: {deploy, "PATCH" + script + "/settings", "DELETE" + script + "?force=true", "GET" + script +
			"/deployments"},
	} {
		f := newFakeWrangler(t, nil)
		if login {
			f.login()
		}
		deploy, remove := f.open().Commands(provider.OnePerFunction("stellar-RUN",
			[]*provider.Function{providertest.Zip("f0-0", 0, 128)})[0])
		var got []string
		for _, c := range append(deploy, remove...) {
			got = append(got, strings.ReplaceAll(strings.ReplaceAll(c.CommandLine(), f.dir, "DIR"), "'", ""))
		}
		if !slices.Equal(got, want) {
			t.Errorf("login %t: got  %q\nwant %q", login, got, want)
		}
	}
}

func TestOutputsOfRealDeployments(t *testing.T) {
	providertest.Outputs(t, func(text string) []string { return []string{workersDev.FindString(text)} },
		map[string][]string{"deploy.txt": {"https://hellonode.stellarbench.workers.dev"}})
}
