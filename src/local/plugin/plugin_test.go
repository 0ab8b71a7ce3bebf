package plugin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const full = `service: stellar-test
provider:
  name: stellar-local
  runtime: python3.12
  memorySize: 512
  tags: {stellar-run: "1", both: provider}
  environment: {A: provider, B: provider}
  platform: {keepAliveSeconds: 60}
plugins: [./stellar-local.js]
functions:
  zulu:
    handler: hellopy/lambda_function.lambda_handler
    runtime: python3.13
    architecture: amd64
    memorySize: 128
    timeout: 30
    environment: {B: function}
    tags: {both: function}
    package: {artifact: packages/a.zip}
    platform: {keepAliveSeconds: 0.5, keepAliveDistribution: exponential, keepAliveSeed: 9007199254740991, concurrency: 8, maxInstances: 3, queueing: shared}
    events: [{httpApi: {method: "*", path: /zulu/x}}]
  alpha:
    handler: main.f
    package: {artifact: /elsewhere/b.zip}
    events: [{httpApi: get /alpha}]
  plain:
    handler: main.f
    package: {artifact: ./c.zip}
`

const fullSpec = `{"tags":{"stellar-run":"1","both":"provider"},"functions":[
{"name":"zulu","path":"/zulu/x","method":"ANY","runtime":"python3.13","handler":"hellopy/lambda_function.lambda_handler","architecture":"amd64",
 "memoryMB":128,"timeoutSeconds":30,"environment":{"A":"provider","B":"function"},"artifact":"DIR/packages/a.zip",
 "keepAliveSeconds":0.5,"concurrency":8,"maxInstances":3,"queueing":"shared","keepAliveDistribution":"exponential",
 "keepAliveSeed":9007199254740991,"tags":{"stellar-run":"1","both":"function"}},
{"name":"alpha","path":"/alpha","method":"GET","runtime":"python3.12","handler":"main.f",
 "memoryMB":512,"timeoutSeconds":60,"environment":{"A":"provider","B":"provider"},"artifact":"/elsewhere/b.zip",
 "keepAliveSeconds":60,"concurrency":1,"maxInstances":0,"queueing":"spawn","tags":{"stellar-run":"1","both":"provider"}},
{"name":"plain","path":"/plain","method":"ANY","runtime":"python3.12","handler":"main.f",
 "memoryMB":512,"timeoutSeconds":60,"environment":{"A":"provider","B":"provider"},"artifact":"DIR/c.zip",
 "keepAliveSeconds":60,"concurrency":1,"maxInstances":0,"queueing":"spawn","tags":{"stellar-run":"1","both":"provider"}}]}`

const fullOutput = `endpoints:
  ANY - http://127.0.0.1:1/stellar-test/zulu/x
  GET - http://127.0.0.1:1/stellar-test/alpha
  ANY - http://127.0.0.1:1/stellar-test/plain
functions:
  zulu: stellar-test-zulu (10.49 MB)
  alpha: stellar-test-alpha (10.49 MB)
  plain: stellar-test-plain (10.49 MB)
`

func TestDeployInfoRemove(t *testing.T) {
	c := newControl(t)
	s := newService(t, full, at(c.URL)...)
	s.refused(t, `Service "stellar-test" is not deployed`, "info")

	stdout, stderr, code := s.run(t, "deploy")
	if code != 0 || stdout != fullOutput {
		t.Errorf("deploy: exit code %d, prints\n%s%s", code, stdout, stderr)
	}
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := compact(t, strings.ReplaceAll(fullSpec, "DIR", dir))
	var told string
	c.set(func() { told = string(c.services["stellar-test"]) })
	if got := compact(t, told); got != want {
		t.Errorf("the platform was told\n%s\nwant\n%s", got, want)
	}
	first := s.endpoints(t)
	var file struct {
		Service   string
		Endpoints []struct {
			Function, URL, PackageSHA256, RuntimeVersion string
			PackageBytes                                 int64
			LimitsEnforced                               bool
		}
	}
	if err := json.Unmarshal([]byte(first), &file); err != nil || file.Service != "stellar-test" ||
		len(file.Endpoints) != 3 {
		t.Fatalf("endpoints file: %v\n%s", err, first)
	}
	if e := file.Endpoints[1]; e.Function != "alpha" || e.URL != "http://127.0.0.1:1/stellar-test/alpha" ||
		e.PackageBytes != 10485760 ||
		e.PackageSHA256 != "abc" || e.RuntimeVersion != "Python 3.13.1" || !e.LimitsEnforced {
		t.Errorf("endpoint %+v", e)
	}

	if stdout, _, _ := s.run(t, "info"); stdout != fullOutput || s.endpoints(t) != first {
		t.Errorf("info prints\n%sand writes\n%s", stdout, s.endpoints(t))
	}
	if out := s.succeed(t, "remove"); !strings.Contains(out, "Service stellar-test has been removed") ||
		s.endpoints(t) != "" {
		t.Errorf("remove prints %q and leaves %q", out, s.endpoints(t))
	}
	if out := s.succeed(t, "remove"); !strings.Contains(out, "Service stellar-test is not there: nothing to remove") {
		t.Errorf("a second remove prints %q", out)
	}
	if stray, _ := filepath.Glob(filepath.Join(s.dir, ".*")); len(stray) > 0 {
		t.Errorf("left behind: %v", stray)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out.String()
}

func TestRefusals(t *testing.T) {
	c := newControl(t)
	c.set(func() { c.refuse = `{"error":"functions[0]: runtime python3.99 is not installed"}` })
	s := newService(t, minimal, at(c.URL)...)
	s.refused(t, "(422): functions[0]: runtime python3.99 is not installed", "deploy")
	c.set(func() { c.refuse = "<html>a proxy's own words</html>" })
	s.refused(t, "(422): <html>a proxy's own words</html>", "deploy")
	if s.endpoints(t) != "" {
		t.Error("a failed deploy wrote endpoints")
	}
	c.set(func() { c.refuse, c.raw = "", `{"functions":"none"}` })
	s.succeed(t, "deploy")
	s.refused(t, "is not a service", "info")

	wrong := newService(t, minimal, "STELLAR_LOCAL_URL="+c.URL, "STELLAR_LOCAL_TOKEN=wrong")
	wrong.refused(t, "(401): wrong token", "remove")
}

func TestFindingThePlatform(t *testing.T) {
	c := newControl(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	newService(t, minimal, "STELLAR_LOCAL_URL="+c.URL).refused(t, "STELLAR_LOCAL_TOKEN is not", "info")
	newService(t, minimal, at("https://example.com/")...).refused(t, "it must be like http://127.0.0.1:PORT", "info")
	newService(t, minimal, at(gone.URL)...).refused(t, `Start one with "stellar local start"`, "deploy")
	s := newService(t, minimal)
	s.refused(t, `No local platform is running`, "remove")
	var home string
	for _, kv := range s.env {
		if dir, ok := strings.CutPrefix(kv, "XDG_STATE_HOME="); ok {
			home = dir
		}
	}
	file := filepath.Join(home, "stellar", "local", "platform.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"url":"` + c.URL + `","token":"` + secret + `","gateway":"x","pid":1}`:    "",
		`{"url":"` + gone.URL + `","token":"` + secret + `","gateway":"x","pid":1}`: file,
		`{"url":`: "is not a platform's state file",
		`{}`:      "is not a platform's state file",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			s.succeed(t, "remove")
		} else {
			s.refused(t, want, "remove")
		}
	}
}

// The schema's findings come all at once, what goes beyond it one by one.
func TestInvalidConfigurations(t *testing.T) {
	c := newControl(t)
	faulty := `service: stellar-test
provider: {name: stellar-local, colour: red}
plugins: [./stellar-local.js]
functions:
  f1: {handler: main.f, memorysize: 1}
  f2: {handler: main.f, platform: {queueing: pile, concurrency: 0}}
  f3: {handler: main.f, events: [{sqs: x}]}
  f4: {handler: main.f, package: {artifact: ""}}
  f5: {handler: main.f, environment: {"NOT-A-NAME": x}}
`
	stdout, stderr, code := newService(t, faulty, at(c.URL)...).run(t, "deploy")
	for _, want := range []string{"'provider': unrecognized property 'colour'",
		"'functions.f1': unrecognized property 'memorysize'", "'functions.f2.platform.queueing'",
		"'functions.f2.platform.concurrency'",
		"'functions.f3.events.0': unsupported function event",
		"'functions.f4.package.artifact': must NOT have fewer than 1 characters",
		"'functions.f5.environment'"} {
		if code == 0 || !strings.Contains(stdout+stderr, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
	for _, change := range []struct{ old, new, want string }{
		{"handler: main.f, ", "handler: main.f, events: [{httpApi: /x}], ",
			`httpApi is "/x", it must be "*" or "METHOD /path"`},
		{"handler: main.f, ", `handler: main.f, events: [{httpApi: "*"}, {httpApi: "GET /x"}], `, "has 2 events"},
		{"runtime: python3.13, ", "", `function "f0-0" has no runtime`},
		{minimal[strings.Index(minimal, "functions:"):],
			"package: {path: .serverless}\nfunctions: {f0-0: {handler: main.f, runtime: python3.13}}\n",
			`function "f0-0" has no package: leave package.path out`},
		{minimal[strings.Index(minimal, "functions:"):], "", "there is nothing to deploy"},
	} {
		yml := strings.Replace(minimal, change.old, change.new, 1)
		if yml == minimal {
			t.Fatalf("%q is not in the file", change.old)
		}
		newService(t, yml, at(c.URL)...).refused(t, change.want, "deploy")
	}
	c.set(func() {
		if len(c.services) > 0 {
			t.Errorf("deployed all the same: %v", c.services)
		}
	})
	for text, want := range map[string]string{
		"runtime: python3.13":                     `function "f0" has neither a handler nor an image`,
		"handler: main.f, image: 'x@sha256:abcd'": `function "f0" has a handler and an image`,
	} {
		yml := "service: stellar-test\nprovider: {name: stellar-local}\nplugins: [./stellar-local.js]\nfunctions:\n " +
			" f0: {" + text + "}\n"
		if stdout, stderr, code := newService(t, yml, at(c.URL)...).run(t, "deploy"); code == 0 ||
			!strings.Contains(stdout+stderr, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
}

func TestLogs(t *testing.T) {
	c := newControl(t)
	// It comes in pieces of 5 bytes.
	c.set(func() { c.log = "\x1b[31m" + "red\ta" + "\r\u009b\u009b" + "\u202eé" + "tab.\n" })
	s := newService(t, minimal, at(c.URL)...)
	s.refused(t, "there is no such service", "logs", "-f", "f0-0")
	s.succeed(t, "deploy")
	if stdout, _, _ := s.run(t, "logs", "-f",
		"f0-0"); stdout != `\x1b[31mred`+"\ta"+`\x0d\u009b\u009b\u202eétab.`+"\n" {
		t.Errorf("control characters of a function are printed as %q", stdout)
	}
	c.set(func() { c.log = "0123456789" })
	if stdout, stderr, code := s.run(t, "logs", "-f", "f0-0"); stdout != "0123456789" || code != 0 {
		t.Errorf("exit code %d, log %q %s", code, stdout, stderr)
	}
	s.refused(t, `Function "other" doesn't exist`, "logs", "-f", "other")
	s.refused(t, "leave them out", "logs", "-f", "f0-0", "--filter", "x")
	s.refused(t, "50 or more milliseconds", "logs", "-f", "f0-0", "--tail", "--interval", "x")

	tail := exec.CommandContext(t.Context(), s.cli, "logs", "-f", "f0-0", "--tail", "--interval", "50")
	tail.Dir, tail.Env, tail.WaitDelay = s.dir, s.env, 10*time.Second
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(out, got); err != nil {
		t.Errorf("reading the tail: %v", err)
	}
	c.set(func() { c.log += "later" })
	more := make([]byte, 5)
	if _, err := io.ReadFull(out, more); err != nil || string(got)+string(more) != "0123456789later" {
		t.Errorf("tail gives %q, then %q (%v)", got, more, err)
	}
	if err := tail.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = tail.Wait() // killed: it does not end by itself
}
