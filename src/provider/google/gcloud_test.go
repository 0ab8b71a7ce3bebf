package google

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// fakeGcloud is a gcloud that answers from files; answers are by file name (testdata/gcloud/gcloud says which).
type fakeGcloud struct {
	dir string
	t   *testing.T
}

func newFakeGcloud(t *testing.T, answers map[string]string) *fakeGcloud {
	t.Helper()
	g := &fakeGcloud{t.TempDir(), t}
	script, err := os.ReadFile("testdata/gcloud/gcloud")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, "gcloud"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"version.out": output(t, "version.out"), "auth-list.out": "someone@example.org\n"}
	maps.Copy(all, answers)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// output is a file of what gcloud prints.
func output(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "gcloud", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// calls are the command lines that it was called with, in the order of their beginning.
func (g *fakeGcloud) calls() []string {
	text, err := os.ReadFile(filepath.Join(g.dir, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		g.t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		words := strings.Split(strings.TrimSuffix(line, "\x1f\n"), "\x1f")
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// open connects through the table, as everybody does.
func (g *fakeGcloud) open(kind string, env map[string]string) provider.Connection {
	g.t.Helper()
	row := map[string]provider.Provider{"gcr": CloudRun(), "google": CloudFunctions()}[kind]
	conn, err := row.Open(provider.Options{Service: "stellar-r", ServiceDir: "/s",
		Tags: map[string]string{"stellar-run": "20261121T100000Z-gcr-abcd",
			"stellar-expires": "2026-11-22T10:00:00Z"}, Getenv: func(k string) string { return env[k] },
		LookPath: func(string) (string, error) { return filepath.Join(g.dir, "gcloud"), nil },
		Patience: provider.Patience{Command: 5 * time.Second, Attempts: 3, Wait: time.Millisecond,
			Settle: time.Millisecond, Parallel: 1}})
	if err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// here is an environment that says where to go.
func here() map[string]string {
	return map[string]string{"CLOUDSDK_CORE_PROJECT": "p", "CLOUDSDK_RUN_REGION": "europe-west1",
		"CLOUDSDK_FUNCTIONS_REGION": "europe-west1"}
}

func TestGoogleLocates(t *testing.T) {
	for name, c := range map[string]struct {
		region  string
		env     map[string]string
		answers map[string]string
		want    map[string]string
		missing string
	}{
		"experiment and environment": {"asia-east1", here(), nil,
			map[string]string{"project": "p", "region": "asia-east1"}, ""},
		"environment": {"", map[string]string{"GOOGLE_CLOUD_PROJECT": "q",
			"CLOUDSDK_RUN_REGION": "us-east1"}, nil, map[string]string{"project": "q", "region": "us-east1"}, ""},
		"configuration": {"", nil, map[string]string{"config-get-project.out": "from-config\n",
			"config-get-run-region.out": "europe-north1\n"},
			map[string]string{"project": "from-config", "region": "europe-north1"}, ""},
		"nothing": {"", nil, map[string]string{"config-get-project.err": "(unset)\n",
			"config-get-run-region.err": "(unset)\n"}, nil,
			"no Google Cloud project is set\nno Google Cloud region is set"},
	} {
		g := newFakeGcloud(t, c.answers)
		conn := g.open("gcr", c.env).(*cloudRun)
		conn.Region = c.region
		got, err := conn.Locate(t.Context())
		if c.missing != "" {
			if err == nil || err.Error() != c.missing || fail.Code(err) != fail.CodeInput || fail.Hint(err) == "" {
				t.Errorf("%s: %v, want %q", name, err, c.missing)
			}
			continue
		}
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestGoogleReady(t *testing.T) {
	for name, c := range map[string]struct {
		env     map[string]string
		answers map[string]string
		found   string
		missing string
	}{
		"account": {here(), nil, "gcloud auth", ""},
		"token": {merged(here(), map[string]string{"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/t"}), nil,
			"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", ""},
		"no account": {here(), map[string]string{"auth-list.out": "",
			"auth-list.err": "No credentialed accounts.\n"}, "", "gcloud auth login"},
		"a key for others": {merged(here(), map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/k"}),
			map[string]string{"auth-list.out": ""}, "", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"},
		"old": {here(), map[string]string{"version.out": "Google Cloud SDK 400.0.0\n"}, "",
			"450.0.0 or later"},
		"newer than known": {here(), map[string]string{"version.out": "Google Cloud SDK 700.0.0\n"}, "",
			"450.0.0 or later"},
		"another program": {here(), map[string]string{"version.out": "hello\n"}, "", "450.0.0 or later"},
		"nowhere to deploy": {nil, map[string]string{"config-get-project.out": "\n", "config-get-run-region.out": "\n"},
			"gcloud auth", "gcloud config set project"},
	} {
		g := newFakeGcloud(t, c.answers)
		ready := g.open("gcr", c.env).(provider.Checker).Ready(t.Context())
		err := ready.Err()
		if ready.Credentials != c.found || (err == nil) != (c.missing == "") {
			t.Errorf("%s: %+v, %v", name, ready, err)
		}
		if c.missing != "" && !slices.ContainsFunc(append(ready.Missing, ready.Tools[0].Err),
			func(err error) bool { return strings.Contains(fail.Hint(err), c.missing) }) {
			t.Errorf("%s: no hint says %q: %v", name, c.missing, err)
		}
		for _, call := range g.calls() {
			if !strings.HasPrefix(call, "version") && !strings.HasPrefix(call, "auth list") &&
				!strings.HasPrefix(call, "config get") {
				t.Errorf("%s: asking what is missing ran %s", name, call)
			}
		}
	}
	row := CloudRun()
	conn, err := row.Open(provider.Options{LookPath: func(string) (string, error) { return "", errors.New("none") }})
	if err != nil {
		t.Fatal(err)
	}
	if ready := conn.(provider.Checker).Ready(t.Context()); ready.Tools[0].Err == nil ||
		!strings.Contains(fail.Hint(ready.Tools[0].Err), "cloud.google.com/sdk") {
		t.Errorf("without gcloud: %+v", ready)
	}
}

// TestGoogleAsksOnce holds that readiness, the plan's place and the location ask gcloud each question once, all at the
// same time, and that a gcloud that does not answer is a warning for a plan and stops a run.
func TestGoogleAsksOnce(t *testing.T) {
	for _, kind := range []string{"gcr", "google"} {
		g := newFakeGcloud(t, map[string]string{"config-get-project.out": "p\n", "config-get-run-region.out": "r\n",
			"config-get-functions-region.out": "r\n"})
		conn := g.open(kind, nil)
		for range 2 {
			if ready := conn.(provider.Checker).Ready(t.Context()); ready.Err() != nil ||
				ready.Where["project"] != "p" || ready.Where["region"] != "r" {
				t.Errorf("%s: %+v", kind, ready)
			}
			conn.(provider.Planner).
				Commands(provider.Unit{Name: "u", Functions: []*provider.Function{sourceFunction("f0-0", "python",
					"python3.13", "main.f")}})
		}
		asked := map[string]int{}
		for _, call := range g.calls() {
			asked[strings.Join(strings.Fields(call)[:1], " ")]++
		}
		if asked["config"] != 2 || asked["auth"] != 1 {
			t.Errorf("%s: %v", kind, g.calls())
		}
	}
}

func TestGoogleThatDoesNotAnswer(t *testing.T) {
	late := func(ctx context.Context, c shell.Command) (shell.Result, error) {
		if c.Timeout != 3*time.Second || c.Grace == 0 || c.Grace > time.Second {
			t.Errorf("%v may take %v and %v", c.Args, c.Timeout, c.Grace)
		}
		return shell.Result{ExitCode: -1}, &fail.Error{Code: fail.CodeFailed,
			Err: &shell.ExitError{Code: -1, TimedOut: true, After: c.Timeout}}
	}
	row := CloudRun()
	conn, err := row.Open(provider.Options{Runner: late,
		LookPath: func(string) (string, error) { return "/gcloud", nil },
		Patience: provider.Patience{Ask: 3 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	ready := conn.(provider.Checker).Ready(t.Context())
	var needed, other []string
	for _, u := range ready.Unanswered {
		if u.Needed {
			needed = append(needed, u.Err.Error())
		} else {
			other = append(other, u.Err.Error())
		}
	}
	if got := strings.Join(needed, "\n"); got != "`gcloud version`: no answer in 3s\n`gcloud config get project`: "+
		"no answer in 3s\n`gcloud config get run/region`: no answer in 3s" {
		t.Errorf("needed: %s", got)
	}
	if got := strings.Join(other, "\n"); got != "`gcloud auth list`: no answer in 3s" {
		t.Errorf("others: %s", got)
	}
	if ready.Tools[0].Err != nil || len(ready.Missing) > 0 || ready.Err() == nil {
		t.Errorf("%+v", ready)
	}
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func TestLabels(t *testing.T) {
	for in, want := range map[string]string{"20261121T100000Z-gcr-abcd": "20261121t100000z-gcr-abcd",
		"2026-11-22T10:00:00Z": "2026-11-22t10-00-00z",
		"a.b c":                "a-b-c", "RUN": "RUN", strings.Repeat("x", 70): strings.Repeat("x", 63)} {
		if got := label(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	back := fromLabels(map[string]string{"stellar-run": "r", "stellar-expires": "2026-11-22t10-00-00z", "else": "x"})
	if len(back) != 2 || back["stellar-run"] != "r" || back["stellar-expires"] != "2026-11-22T10:00:00Z" {
		t.Errorf("read back: %v", back)
	}
}

func TestShortNames(t *testing.T) {
	units := shortNames(20)("stellar-service", []*provider.Function{{Name: "f0-0"}, {Name: "f0-1000"},
		{Name: "f0-1001"}})
	if units[0].Name != "stellar-service-f0-0" || len(units[1].Name) != 20 || units[1].Name == units[2].Name ||
		units[1].Dir != "f0-1000" {
		t.Errorf("names %v %v %v", units[0].Name, units[1].Name, units[2].Name)
	}
}

func TestWholeCPUs(t *testing.T) {
	for memory, want := range map[int]int{128: 1, 4096: 1, 4097: 2, 8192: 2, 8193: 4, 16384: 4, 16385: 6, 24576: 6,
		24577: 8, 32768: 8} {
		if got := wholeCPUs(memory); got != want {
			t.Errorf("%d MiB: %d", memory, got)
		}
	}
}

func imageFunction(name string, memory int) *provider.Function {
	return &run.Function{Name: name, MemoryMB: memory, PackageType: "Image", TimeoutSeconds: 60,
		Package: &run.Package{Image: "europe-west1-docker.pkg.dev/p/r/stellar@sha256:1f2e3d", Bytes: 24 << 20}}
}

// fault is what a command of gcloud does wrong, and what must come of it.
type fault struct {
	answers map[string]string
	calls   int    // of the command, its second attempts among them
	want    string // in the error; empty: none
	hint    string
}

func (f fault) check(t *testing.T, name, words string, g *fakeGcloud, err error) {
	t.Helper()
	n := 0
	for _, call := range g.calls() {
		if strings.HasPrefix(call, words) {
			n++
		}
	}
	if n != f.calls {
		t.Errorf("%s: %s was run %d times, want %d", name, words, n, f.calls)
	}
	if (err == nil) != (f.want == "") {
		t.Errorf("%s: error is %v", name, err)
		return
	}
	if err == nil {
		return
	}
	var e *fail.Error
	text := err.Error()
	if errors.As(err, &e) {
		text += e.Output
	}
	if !strings.Contains(text, f.want) || !strings.Contains(fail.Hint(err), f.hint) {
		t.Errorf("%s: error is %q with hint %q", name, text, fail.Hint(err))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: the test's own patience ended", name)
	}
}

func result(stdout, stderr string) shell.Result { return shell.Result{Stdout: stdout, Stderr: stderr} }

// No command reports its use to Google: not one that only asks either.
func TestGcloudReportsNothing(t *testing.T) {
	var ran atomic.Int64
	o := provider.Options{Getenv: func(string) string { return "" },
		LookPath: func(n string) (string, error) { return "/tools/" + n, nil },
		Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
			if ran.Add(1); !slices.Contains(c.Env, "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true") {
				t.Errorf("gcloud %q runs in %q", c.Args, c.Env)
			}
			return shell.Result{Stdout: "42"}, nil
		}}
	conn := connectFunctions(o.WithDefaults())
	if _, err := conn.(provider.Locator).Locate(t.Context()); err != nil {
		t.Error(err)
	}
	u := provider.Unit{Name: "stellar-r-f0-0", Confirmed: true}
	if err := conn.RemoveFunctions(t.Context(), []provider.Unit{u}); err == nil {
		t.Error("a function that is still there was removed")
	}
	if n := ran.Load(); n < 5 { // project, region, number, delete, describe
		t.Errorf("%d commands were run", n)
	}
}
