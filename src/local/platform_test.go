package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

func TestColdThenWarm(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	first, second := getOK(t, url), getOK(t, url)
	if !first.Cold || second.Cold || first.ID != second.ID || second.N != 2 {
		t.Fatalf("first %+v, second %+v", first, second)
	}
	if id := first.header.Get("X-Amzn-Requestid"); id == "" || id != first.Req {
		t.Errorf("header has request id %q, the function %q", id, first.Req)
	}
	got := reports(t, c)
	if len(got) != 2 || !got[0].Cold || got[1].Cold || got[0].Init <= 0 || got[1].Init != 0 ||
		got[0].Instance != got[1].Instance {
		t.Fatalf("reports %+v", got)
	}
	if got[0].RequestID != first.Req || got[1].RequestID != second.Req || got[0].MemoryMB != 256 {
		t.Errorf("reports %+v", got)
	}
	if got[0].Billed < got[0].Duration+got[0].Init {
		t.Errorf("billed %v for %v and %v of init", got[0].Billed, got[0].Duration, got[0].Init)
	}
	log := logOf(t, c)
	start, end, report := strings.Index(log, "START RequestId: "+first.Req+" Version: $LATEST\n"),
		strings.Index(log, "END RequestId: "+first.Req+"\n"), strings.Index(log, "REPORT RequestId: "+first.Req)
	if start < 0 || end < start || report < end {
		t.Errorf("lines out of order:\n%s", log)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("CALLERS_SECRET", "x")
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.Environment = map[string]string{"MINE": "a=b c",
			"TZ": "Mars"}
	})
	r := getOK(t, url+"?do=env")
	for _, want := range []string{
		"MINE=a=b c", "TZ=Mars", "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"_HANDLER=bootstrap",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_REGION=local", "AWS_EXECUTION_ENV=AWS_Lambda_go",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
	} {
		if !contains(r.Env, want) {
			t.Errorf("no %s in %q", want, r.Env)
		}
	}
	for _, e := range r.Env {
		key, value, _ := strings.Cut(e, "=")
		switch key {
		case "CALLERS_SECRET", "HOME", "STELLAR_LOCAL_TOKEN":
			t.Errorf("the caller's %s got through", key)
		case "LAMBDA_TASK_ROOT":
			if !strings.HasPrefix(value, p.opts.Dir) {
				t.Errorf("%s=%s is not in the state folder", key, value)
			}
		case "TMPDIR":
			if private := p.sandboxes.SharedTmp() == nil; private != (value == sandbox.PrivateTmp) ||
				!private && !strings.HasPrefix(value, p.opts.Dir) {
				t.Errorf("%s=%s, mounts of its own: %t", key, value, private)
			}
		}
	}
	var told struct{ CWD string }
	if err := json.Unmarshal(r.body, &told); err != nil || !contains(r.Env, "LAMBDA_TASK_ROOT="+told.CWD) {
		t.Errorf("works in %q", told.CWD)
	}
}

func TestEventForm(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Path, f.Method = "/a/b", "POST" })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"?x=1&y=%20z&x=2&do=event",
		strings.NewReader("{\"k\":\"v\\n\u00e9\"}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Add("X-Two", "1")
	req.Header.Add("X-Two", "2")
	req.Header.Set("Cookie", "a=b; c=d")
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var e struct {
		Version, RouteKey, RawPath, RawQueryString, Body string
		Cookies                                          []string
		Headers, QueryStringParameters                   map[string]string
		IsBase64Encoded                                  bool
		RequestContext                                   struct {
			RequestID, Stage, Time string
			TimeEpoch              int64
			HTTP                   struct{ Method, Path, Protocol, SourceIP string }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&e); err != nil {
		t.Fatal(err)
	}
	ctx := e.RequestContext
	checks := map[string]bool{
		"version": e.Version == "2.0", "route": e.RouteKey == "POST /a/b", "path": e.RawPath == "/a/b",
		"query": e.RawQueryString == "x=1&y=%20z&x=2&do=event", "parameters": e.QueryStringParameters["x"] == "1,2" &&
			e.QueryStringParameters["y"] == " z",
		"cookies": slices.Equal(e.Cookies, []string{"a=b", "c=d"}) && e.Headers["cookie"] == "",
		"headers": e.Headers["x-two"] == "1,2" && e.Headers["host"] != "",
		"body":    e.Body == "{\"k\":\"v\\n\u00e9\"}" && !e.IsBase64Encoded,
		"id":      ctx.RequestID == res.Header.Get("X-Amzn-Requestid"),
		"time":    ctx.TimeEpoch > 1e12 && strings.HasSuffix(ctx.Time, " +0000") && ctx.Stage == "$default",
		"http": ctx.HTTP.Method == "POST" && ctx.HTTP.Path == "/a/b" && ctx.HTTP.Protocol == "HTTP/1.1" &&
			ctx.HTTP.SourceIP == "127.0.0.1",
	}
	for what, ok := range checks {
		if !ok {
			t.Errorf("%s is wrong in %+v", what, e)
		}
	}
	if r, err := send(http.MethodPost, url+"?do=event", bytes.NewReader([]byte{0, 255})); err != nil ||
		!bytes.Contains(r.body, []byte(`"body":"AP8=","isBase64Encoded":true`)) {
		t.Errorf("binary body: %v %s", err, r.body)
	}
}

func TestResponseForms(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	r, err := send(http.MethodPost, url+"?do=echo", strings.NewReader(""))
	if err != nil || r.status != 201 || r.header.Get("X-Mine") != "yes" || r.header.Get("X-Number") != "7" ||
		r.header.Get("Content-Type") != "text/x-mine" || len(r.header["Set-Cookie"]) != 2 {
		t.Errorf("object form: %v %d %v", err, r.status, r.header)
	}
	if r := getOK(t, url+"?do=base64"); !bytes.Equal(r.body, []byte{0, 1, 2}) {
		t.Errorf("base64 body: %q", r.body)
	}
	for raw, want := range map[string]string{`{"a":1}`: `{"a":1}`, `"text"`: "text", `[1]`: "[1]", "null": "null",
		`{"headers":3}`: `{"headers":3}`} {
		r := getOK(t, url+"?do=raw&raw="+strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(raw))
		if string(r.body) != want || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: answered %q as %s", raw, r.body, r.header.Get("Content-Type"))
		}
	}
	wantFailure(t, url+"?do=notjson", 502, kindBadResponse, "not JSON")
	wantFailure(t, url+"?do=raw&raw=%7B%22statusCode%22:99%7D", 502, kindBadResponse, "statusCode 99")
	wantFailure(t, url+"?do=raw&raw=%7B%22statusCode%22:200,%22body%22:%7B%7D%7D", 502, kindBadResponse, "malformed")
	wantFailure(t, url+"?do=error", 502, kindFunctionError, "Broken: it is broken")
	if r := getOK(t, url); r.Cold {
		t.Error("an error that the function reported itself ended its instance")
	}
}

func TestRuntimeAPIRefusals(t *testing.T) {
	_, c := testPlatform(t, nil)
	r := getOK(t, deployTo(t, c, nil)+"?do=misuse")
	var got map[string]int
	if err := json.Unmarshal(r.body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"unknown": 400, "unknownerror": 400, "initerror": 403, "path": 404, "post": 405,
		"second": 403}
	for what, status := range want {
		if got[what] != status {
			t.Errorf("%s: status %d, want %d", what, got[what], status)
		}
	}
}

func TestRoutes(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Method = "POST" })
	wantFailure(t, p.GatewayURL()+"/s/nowhere", 404, kindNoRoute, "/s/nowhere")
	wantFailure(t, p.GatewayURL()+"/other/f", 404, kindNoRoute, "no function")
	wantFailure(t, p.GatewayURL()+"/", 404, kindNoRoute, "no function")
	if r := wantFailure(t, url, 405, kindMethod, "POST"); r.header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", r.header.Get("Allow"))
	}
}

// TestGreedyRoute: a variable at the end of a path leads all below to the function; the longest path is preferred, and
// the bare path is not its.
func TestGreedyRoute(t *testing.T) {
	p, c := testPlatform(t, nil)
	f := testSpec(func(f *client.FunctionSpec) { f.Path = "/f/{proxy+}" }).Functions[0]
	deeper := testSpec(func(f *client.FunctionSpec) { f.Name, f.Path = "g", "/f/deep/{rest+}" }).Functions[0]
	exact := testSpec(func(f *client.FunctionSpec) { f.Name, f.Path = "h", "/f/exact" }).Functions[0]
	made, err := c.Put(t.Context(), "s", client.ServiceSpec{Functions: []client.FunctionSpec{f, deeper, exact}})
	if err != nil {
		t.Fatal(err)
	}
	base := p.GatewayURL() + "/s/f"
	if made.Functions[0].URL != base {
		t.Errorf("the function is called at %s", made.Functions[0].URL)
	}
	for path, want := range map[string][3]string{
		"/a%20b/c":   {"ANY /f/{proxy+}", "proxy", "a b/c"},
		"/deep":      {"ANY /f/{proxy+}", "proxy", "deep"},
		"/deep/x/":   {"ANY /f/deep/{rest+}", "rest", "x/"},
		"/exact":     {"ANY /f/exact"},
		"/exact/not": {"ANY /f/{proxy+}", "proxy", "exact/not"},
	} {
		var e struct {
			RouteKey       string
			PathParameters map[string]string
		}
		if err := json.Unmarshal(getOK(t, base+path+"?do=event").body, &e); err != nil {
			t.Fatal(err)
		}
		if e.RouteKey != want[0] || e.PathParameters[want[1]] != want[2] ||
			(want[1] == "") != (e.PathParameters == nil) {
			t.Errorf("%s: %+v, want %q", path, e, want)
		}
	}
	wantFailure(t, base, 404, kindNoRoute, "no function")
	wantFailure(t, p.GatewayURL()+"/s/other/f/x", 404, kindNoRoute, "no function")
	for _, path := range []string{"/{a+}/b", "/a{b+}", "/{a}", "/{}"} {
		f.Path = path
		if _, err := c.Put(t.Context(), "s2", client.ServiceSpec{Functions: []client.FunctionSpec{f}}); err == nil ||
			!strings.Contains(err.Error(), "only its last element can be a variable") {
			t.Errorf("%s: %v", path, err)
		}
	}
	other := f
	f.Path, other.Name, other.Path = "/f/{a+}", "other", "/f/{b+}"
	if _, err := c.Put(t.Context(), "s2", client.ServiceSpec{Functions: []client.FunctionSpec{f, other}}); err == nil ||
		!strings.Contains(err.Error(), "is taken by") {
		t.Errorf("the same paths twice: %v", err)
	}
}

func TestBodyLimits(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	r, err := send(http.MethodPost, url, bytes.NewReader(make([]byte, maxEvent+1)))
	if err != nil || r.status != 413 || r.header.Get("X-Stellar-Error") != kindRequestTooLarge {
		t.Errorf("over the limit: %v %d %s", err, r.status, r.body)
	}
	if r, err = send(http.MethodPost, url, bytes.NewReader(make([]byte, maxEvent*4/5))); err != nil ||
		r.status != 413 || !strings.Contains(r.Error, "as an event") {
		t.Errorf("over the limit once encoded: %v %d %s", err, r.status, r.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"?do=echo",
		bytes.NewReader(bytes.Repeat([]byte("a\n"), 2_500_000)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 { // line breaks are escaped in JSON: 5 MB become 7.5
		t.Errorf("escaped body: status %d", res.StatusCode)
	}
	wantFailure(t, fmt.Sprintf("%s?do=big&bytes=%d", url, maxResponse), 413, kindResponseTooLarge,
		"maximum allowed payload size")
	if r := getOK(t, fmt.Sprintf("%s?do=big&bytes=%d", url, maxResponse-2)); len(r.body) != maxResponse-2 {
		t.Errorf("largest response: %d bytes", len(r.body))
	}
}

func TestPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	_, c := testPlatform(t, nil)
	artifact := filepath.Join(t.TempDir(), "p.zip")
	code := "import sys\ndef handler(event, context):\n    print('said by python')\n    return {'statusCode': 200, " +
		"'body': sys.version.split()[0] + event['rawPath']}\n"
	if err := os.WriteFile(artifact, zipOf(entry{"main.py", 0o644, []byte(code)}), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := c.Put(t.Context(), "s", testSpec(func(f *client.FunctionSpec) {
		f.Runtime, f.Handler, f.Artifact = "python3.13", "main.handler", artifact
	}))
	if err != nil {
		t.Fatal(err)
	}
	version, ok := strings.CutPrefix(s.Functions[0].RuntimeVersion, "Python ")
	if r := getOK(t, s.Functions[0].URL); !ok || string(r.body) != version+"/f" {
		t.Errorf("recorded version %q, the function says %q", s.Functions[0].RuntimeVersion, r.body)
	}
	eventually(t, "the function's output in its log",
		func() bool { return strings.Contains(logOf(t, c), "said by python\n") })
}
