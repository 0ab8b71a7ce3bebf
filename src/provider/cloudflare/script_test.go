package cloudflare

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// scripts is the part of Cloudflare's API that is about one Worker of account acc1.
type scripts struct {
	t        *testing.T
	url      string
	name     string    // empty: there is no Worker
	versions []version // the last one is deployed
	calls    []string
	refuse   map[string][]int // codes of errors, by call in turn; 0: none
	stays    bool             // it says that it is deleted, and is not
	after    int              // so many looks find nothing
}

type version struct {
	id       string
	bindings []binding
}

func newScripts(t *testing.T, name string) *scripts {
	s := &scripts{t: t, name: name, refuse: map[string][]int{}, versions: []version{{"v1", []binding{
		{"plain_text", "STELLAR_RUN", "X"}, {"secret_text", "KEY", ""}}}}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *scripts) open() *connection {
	c := newFakeWrangler(s.t, nil).openAt(s.url)
	c.Patience.Attempts = 4
	return c
}

func (s *scripts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, of := strings.CutPrefix(r.URL.Path, "/accounts/acc1/workers/scripts/stellar-x-f0-0")
	call := r.Method + what
	s.calls = append(s.calls, call)
	code := 0
	if turns := s.refuse[call]; len(turns) > 0 {
		code, s.refuse[call] = turns[0], turns[1:]
	}
	switch {
	case !of || r.Header.Get("Authorization") != "Bearer s3cret":
		code = 7003
	case code == 0 && (s.name == "" || call == "GET/deployments" && s.after > 0):
		s.after--
		code = codeNoWorker
	}
	if code != 0 {
		w.WriteHeader(map[int]int{971: 429, codeNoWorker: 404, codeNoService: 404, 7003: 404, 10000: 403}[code])
		fmt.Fprintf(w, `{"success":false,"errors":[{"code":%d,"message":"no"}],"result":null}`, code)
		return
	}
	text, err := json.Marshal(s.answer(call, r))
	if err != nil {
		s.t.Error(err)
	}
	fmt.Fprintf(w, `{"success":true,"errors":[],"result":%s}`, text)
}

func (s *scripts) answer(call string, r *http.Request) any {
	now := s.versions[len(s.versions)-1]
	switch call {
	case "GET/settings":
		return map[string]any{"bindings": now.bindings}
	case "PATCH/settings":
		var in struct{ Bindings []binding }
		if err := json.Unmarshal([]byte(r.FormValue("settings")), &in); err != nil {
			s.t.Error(err)
		}
		s.versions = append(s.versions, version{fmt.Sprintf("v%d", len(s.versions)+1), in.Bindings})
	case "GET/deployments":
		all := []any{}
		for i, v := range s.versions {
			all = append(all, map[string]any{"created_on": fmt.Sprintf("2026-11-28T10:00:0%dZ", i),
				"versions": []any{map[string]any{"version_id": v.id, "percentage": 100}}})
		}
		slices.Reverse(all)
		return map[string]any{"deployments": all}
	case "DELETE":
		if r.URL.RawQuery != "force=true" {
			s.t.Errorf("deleted with %q", r.URL.RawQuery)
		}
		if !s.stays {
			s.name = ""
		}
	}
	return nil
}

// With a token, no Wrangler is started for a removal.
func TestCloudflareRemovesThroughTheAPI(t *testing.T) {
	const remove, look = "DELETE", "GET/deployments"
	for name, c := range map[string]struct {
		absent, stays, unconfirmed bool
		after                      int
		refuse                     map[string][]int
		calls                      []string
		want                       string // part of the error; empty: removed
	}{
		"removed":         {calls: []string{remove, look}},
		"never confirmed": {absent: true, unconfirmed: true, calls: []string{remove, look, look}},
		"was not there":   {absent: true, calls: []string{remove, look}},
		"was no service": {absent: true, refuse: map[string][]int{remove: {codeNoService}},
			calls: []string{remove, look}},
		"says so and stays": {stays: true, calls: []string{remove, look}, want: "stellar-x-f0-0 is still there"},
		"fails and stays": {refuse: map[string][]int{remove: {10000}}, calls: []string{remove, look},
			want: "[code: 10000]"},
		"another page": {refuse: map[string][]int{look: {7003}}, calls: []string{remove, look}, want: "ask whether"},
		"nobody can tell": {refuse: map[string][]int{look: {10000}}, calls: []string{remove, look},
			want: "is gone: "},
		"throttled": {refuse: map[string][]int{remove: {971, 971}}, calls: []string{remove, remove, remove, look}},
		"throttled for ever": {refuse: map[string][]int{remove: {971, 971, 971, 971}},
			calls: []string{remove, remove, remove, remove, look}, want: "429"},
		"appears after a look": {stays: true, after: 1, unconfirmed: true, calls: []string{remove, look, look},
			want: "still there"},
	} {
		s := newScripts(t, "stellar-x-f0-0")
		if s.stays, s.after = c.stays, c.after; c.absent {
			s.name = ""
		}
		maps.Copy(s.refuse, c.refuse)
		u := provider.Unit{Name: "stellar-x-f0-0", Confirmed: !c.unconfirmed,
			Where: map[string]string{provider.DetailAccount: "acc1"}}
		err := s.open().RemoveFunctions(t.Context(), []provider.Unit{u})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if !slices.Equal(s.calls, c.calls) {
			t.Errorf("%s: asked %q, want %q", name, s.calls, c.calls)
		}
	}
}

// A new version has the variables of before, what is bound to it is inherited, and its own variable always differs.
func TestCloudflareMakesAVersionThroughTheAPI(t *testing.T) {
	s := newScripts(t, "stellar-x-f0-0")
	// in the account of the environment
	e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0"}}
	seen := map[string]bool{}
	for range 2 {
		if err := s.open().UpdateFunction(t.Context(), e, nil); err != nil {
			t.Fatal(err)
		}
		got := s.versions[len(s.versions)-1].bindings
		if len(got) != 3 || got[0].Name != versionVariable || got[0].Type != "plain_text" ||
			!slices.Contains(got, binding{"plain_text", "STELLAR_RUN", "X"}) ||
			!slices.Contains(got, binding{"inherit", "KEY", ""}) {
			t.Errorf("bindings %+v", got)
		}
		seen[got[0].Text] = true
	}
	if len(seen) != 2 {
		t.Errorf("versions %v: they must differ", seen)
	}
	s.refuse["PATCH/settings"] = []int{10000}
	err := s.open().UpdateFunction(t.Context(), e, nil)
	if err == nil || !strings.Contains(err.Error(), "[code: 10000]") ||
		!strings.Contains(fail.Hint(err), "Workers Scripts: Edit") {
		t.Errorf("%v, hint %q", err, fail.Hint(err))
	}
}

// TestCloudflareKnowsTheVersionThroughTheAPI: what a cold start has changed is put back only where it was changed.
func TestCloudflareKnowsTheVersionThroughTheAPI(t *testing.T) {
	s := newScripts(t, "stellar-x-f0-0")
	e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0",
		provider.DetailAccount: "acc1"}}
	was, err := s.open().Configuration(t.Context(), e)
	if err != nil || was[wasVersion] != "v1" {
		t.Fatalf("%v, %v", was, err)
	}
	maps.Copy(was, e.Detail)
	if err := s.open().Restore(t.Context(), was); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
	s.name = ""
	c := newFakeWrangler(t, map[string][]string{"versions": {"This Worker does not exist on your account. " +
		"[code: 10007]!"}}).openAt(s.url)
	if err := c.Restore(t.Context(), was); err != nil {
		t.Errorf("the Worker is gone: %v", err)
	}
	if _, err := s.open().Configuration(t.Context(), e); err == nil {
		t.Error("a Worker that is gone has a version")
	}
}
