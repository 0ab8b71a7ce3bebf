package cloudflare

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// workersAPI answers as Cloudflare's API does; busy says how often it throttles first.
func workersAPI(t *testing.T, busy int) *httptest.Server {
	answers := map[string]string{
		"/accounts/acc1/workers/scripts":                         `[{"id":"shop"},{"id":"stellar-x-f0-0"},{"id":"stellar-y-f0-0"},{"id":"stellar-shop"},{"id":"stellar-gone"}]`,
		"/accounts/acc1/workers/scripts/stellar-x-f0-0/settings": `{"bindings":[{"type":"plain_text","name":"STELLAR_RUN","text":"X"},{"type":"plain_text","name":"STELLAR_EXPIRES","text":"2026-11-21T07:02:03Z"}]}`,
		"/accounts/acc1/workers/scripts/stellar-y-f0-0/settings": `{"bindings":[{"type":"plain_text","name":"STELLAR_RUN","text":"Y"},{"type":"plain_text","name":"STELLAR_EXPIRES","text":"some day"}]}`,
		"/accounts/acc1/workers/scripts/stellar-shop/settings":   `{"bindings":[{"type":"secret_text","name":"STELLAR_RUN"}]}`,
		"/accounts/acc1/workers/subdomain":                       `{"subdomain":"example"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, result, errs := http.StatusOK, answers[r.URL.Path], ""
		switch {
		case busy > 0:
			busy--
			status, errs = http.StatusTooManyRequests, `{"code":971,"message":"Please wait"}`
		case r.Header.Get("Authorization") != "Bearer s3cret":
			status, errs = http.StatusForbidden, `{"code":9109,"message":"Invalid access token"}`
		case r.URL.Path == "/accounts/acc1/workers/scripts/shop/settings":
			t.Error("a Worker of somebody else was looked into")
		case result == "":
			status, errs = http.StatusNotFound, `{"code":10007,"message":"This Worker does not exist on your account."}`
		}
		if errs != "" {
			result = "null"
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"success":%t,"errors":[%s],"messages":[],"result":%s}`, errs == "", errs, result)
	}))
	t.Cleanup(server.Close)
	return server
}

func (f *fakeWrangler) openAt(address string) *connection {
	f.env["CLOUDFLARE_API_BASE_URL"] = address
	c := f.open()
	c.Patience.Wait, c.Patience.Attempts = time.Millisecond, 3
	return c
}

func TestCloudflareFindsByItsVariables(t *testing.T) {
	c := newFakeWrangler(t, nil).openAt(workersAPI(t, 2).URL)
	all, err := c.Tagged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range all {
		got = append(got, fmt.Sprintf("%s %s %t %s", u.Unit.Name, u.Run, u.Expires.IsZero(), u.Unit.Where["account"]))
	}
	if want := []string{"stellar-x-f0-0 X false acc1", "stellar-y-f0-0 Y true acc1"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	mine, err := c.ListAPIs(t.Context())
	if err != nil || len(mine) != 1 || mine[0].URL != "https://stellar-x-f0-0.example.workers.dev" ||
		mine[0].Function != "f0-0" {
		t.Errorf("of the run: %+v, %v", mine, err)
	}
}

func TestCloudflareSaysWhyItCannotList(t *testing.T) {
	f := newFakeWrangler(t, nil)
	f.env["CLOUDFLARE_API_TOKEN"] = "wrong"
	if _, err := f.openAt(workersAPI(t, 0).URL).Tagged(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "Invalid access token [code: 9109]") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong token: %v", err)
	}
	if _, err := newFakeWrangler(t, nil).openAt(workersAPI(t, 3).URL).
		Tagged(t.Context()); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("throttled for ever: %v", err)
	}
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	if _, err := newFakeWrangler(t, nil).openAt(page.URL).
		Tagged(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page: %v", err)
	}
	login := newFakeWrangler(t, map[string][]string{"whoami": {`{"loggedIn": true, "accounts": [{"id": "acc1"}]}`}})
	login.env = map[string]string{}
	if _, err := login.openAt(page.URL).Tagged(t.Context()); err == nil ||
		!strings.Contains(fail.Hint(err), "CLOUDFLARE_API_TOKEN") {
		t.Errorf("a login: %v", err)
	}
}
