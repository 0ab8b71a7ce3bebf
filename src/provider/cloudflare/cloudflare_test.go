package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// fakeWrangler plays Wrangler with texts that the pinned one has printed (testdata/wrangler).
type fakeWrangler struct {
	t     *testing.T
	dir   string // the service folder
	mu    sync.Mutex
	calls []shell.Command
	// answers are by verb: file names under testdata/wrangler, without their ending. One ending in ! is a failure. The
	// last one is given for ever.
	answers map[string][]string
	output  func(c shell.Command) string // text of the file for programs that `deploy` writes; nil: none
	env     map[string]string
}

func newFakeWrangler(t *testing.T, answers map[string][]string) *fakeWrangler {
	return &fakeWrangler{t: t, dir: t.TempDir(), answers: answers,
		env: map[string]string{"CLOUDFLARE_API_TOKEN": "s3cret", "CLOUDFLARE_ACCOUNT_ID": "acc1"}}
}

// login takes the token away: a `wrangler login` is all that is left.
func (f *fakeWrangler) login() { f.env = map[string]string{} }

// ran is how often a verb was run.
func (f *fakeWrangler) ran(verb string) (times int) {
	for _, c := range f.calls {
		if c.Args[0] == verb {
			times++
		}
	}
	return times
}

func (f *fakeWrangler) open() *connection {
	c := connect(provider.Options{Service: "stellar-x", ServiceDir: f.dir, Runner: f.run,
		Getenv:   func(n string) string { return f.env[n] },
		LookPath: func(n string) (string, error) { return "/tools/" + n, nil },
		Patience: provider.Patience{Settle: time.Millisecond}}.WithDefaults())
	return c.(*connection)
}

func (f *fakeWrangler) run(_ context.Context, c shell.Command) (shell.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	verb := c.Args[0]
	if len(f.answers[verb]) == 0 {
		f.t.Errorf("unexpected call: %s", c.CommandLine())
		return shell.Result{}, errors.New("unexpected")
	}
	name := f.answers[verb][0]
	if len(f.answers[verb]) > 1 {
		f.answers[verb] = f.answers[verb][1:]
	}
	for _, v := range c.Env {
		if file, ok := strings.CutPrefix(v, "WRANGLER_OUTPUT_FILE_PATH="); ok && f.output != nil {
			if err := os.WriteFile(file, []byte(f.output(c)), 0o644); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	name, fails := strings.CutSuffix(name, "!")
	res := shell.Result{Stdout: f.text(name + ".out"), Stderr: f.text(name + ".err")}
	if fails {
		res.ExitCode = 1
		return res, &fail.Error{Code: fail.CodeFailed, Output: res.Stdout + res.Stderr,
			Err: fmt.Errorf("wrangler %s: exit code 1", verb)}
	}
	return res, nil
}

// text is a recorded text; a name with a blank in it is a text itself.
func (f *fakeWrangler) text(name string) string {
	if plain, ok := strings.CutSuffix(name, ".out"); ok && strings.ContainsAny(plain, " {") {
		return plain
	}
	text, err := os.ReadFile(filepath.Join("testdata", "wrangler", name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	return string(text)
}

// folders makes what generate writes for a Worker each.
func (f *fakeWrangler) folders(fns ...*provider.Function) {
	for _, fn := range fns {
		if err := os.MkdirAll(filepath.Join(f.dir, fn.Name), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(f.dir, fn.Name, wranglerConfig), []byte("{}"), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "wrangler", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCloudflareDeploys(t *testing.T) {
	f := newFakeWrangler(t, map[string][]string{"deploy": {"deploy"}})
	f.output = func(c shell.Command) string {
		return strings.ReplaceAll(recorded(t, "deploy.ndjson"), "stellar-x-f0-0", "stellar-x-"+filepath.Base(c.Dir))
	}
	fns := []*provider.Function{providertest.Zip("f0-0", 0, 128), providertest.Zip("f0-1", 0, 128),
		providertest.Zip("f1-0", 1, 128)}
	for _, fn := range fns {
		fn.Package = &run.Package{Bytes: 2 << 20}
	}
	f.folders(fns...)
	got, err := f.open().DeployFunctions(t.Context(), fns)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		name := "stellar-x-" + fns[i].Name
		if e.URL != "https://"+name+".example.workers.dev" || e.Function != fns[i].Name || e.MemoryMB != 128 ||
			e.ImageSizeMB != 2 ||
			e.Detail[provider.DetailUnit] != name || e.Detail["account"] != "acc1" ||
			e.Detail["uploadKiB"] != "2940.41" || e.Detail["gzipKiB"] != "2936.34" || e.Detail["startupMs"] != "9" {
			t.Errorf("endpoint %d: %+v", i, e)
		}
	}
	for _, c := range f.calls {
		if c.Name != "/tools/wrangler" || !slices.Equal(c.Args, []string{"deploy", "--config", "wrangler.jsonc"}) ||
			filepath.Dir(c.Dir) != f.dir {
			t.Errorf("ran %s", c.CommandLine())
		}
		for _, want := range []string{"CI=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_SEND_ERROR_REPORTS=false",
			"CLOUDFLARE_ACCOUNT_ID=acc1"} {
			if !slices.Contains(c.Env, want) {
				t.Errorf("without %s: %q", want, c.Env)
			}
		}
		if strings.Contains(strings.Join(append(c.Args, c.Env...), " "), "s3cret") ||
			!slices.Contains(c.Secrets, "s3cret") {
			t.Errorf("the token is in the command, or not known as a secret: %+v", c)
		}
	}
}

// The address is in the file for programs, in the text of the pinned version and of older ones; text without one is an
// error that carries the text.
func TestCloudflareFindsTheAddress(t *testing.T) {
	older := "Published hellojs_wrangler0 (3.48 sec)\nhttps://hellonode.stellarbench.workers.dev\nCurrent " +
		"Deployment ID: 26923084-4e66-4b4b-b876-cb85341b75f6"
	for name, c := range map[string]struct{ text, file, want string }{
		"for programs":    {"deploy", recorded(t, "deploy.ndjson"), "https://stellar-x-f0-0.example.workers.dev"},
		"pinned, as text": {"deploy", "", "https://stellar-x-f0-0.example.workers.dev"},
		"older, as text":  {older, "", "https://hellonode.stellarbench.workers.dev"},
		"garbage file": {older, "not " +
			"JSON\n{\"type\":\"deploy\",\"worker_name\":\"other\",\"targets\":[\"https://other.example\"]}\n",
			"https://hellonode.stellarbench.workers.dev"},
		"routes first": {"no address here",
			`{"type":"deploy","worker_name":"stellar-x-f0-0","targets":["example.com/*","https://stellar-x-f0-0.e.workers.dev"]}`,
			"https://stellar-x-f0-0.e.workers.dev"},
		"no address": {"Uploaded stellar-x-f0-0 (0.19 sec)", "", ""},
		"no target":  {"no address here", `{"type":"deploy","worker_name":"stellar-x-f0-0"}`, ""},
	} {
		f := newFakeWrangler(t, map[string][]string{"deploy": {c.text}})
		if c.file != "" {
			f.output = func(shell.Command) string { return c.file }
		}
		fn := providertest.Zip("f0-0", 0, 128)
		f.folders(fn)
		// What an earlier deployment has written is not this one's.
		if err := os.WriteFile(filepath.Join(f.dir, "f0-0", wranglerOutput),
			[]byte(strings.ReplaceAll(recorded(t, "deploy.ndjson"), "example", "stale")), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := f.open().DeployFunctions(t.Context(), []*provider.Function{fn})
		var e *fail.Error
		switch {
		case c.want == "" && (!errors.As(err, &e) || !strings.Contains(e.Output, f.text(c.text+".out"))):
			t.Errorf("%s: %v does not carry the text", name, err)
		case c.want != "" && (err != nil || got[0].URL != c.want):
			t.Errorf("%s: %+v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestCloudflareErrorsSayWhatToDo(t *testing.T) {
	f := newFakeWrangler(t, map[string][]string{"deploy": {"deploy-forbidden!"}})
	fn := providertest.Zip("f0-0", 0, 128)
	f.folders(fn)
	_, err := f.open().DeployFunctions(t.Context(), []*provider.Function{fn})
	var e *fail.Error
	if !errors.As(err, &e) || !strings.Contains(fail.Hint(err), "Workers Scripts: Edit") ||
		!strings.Contains(err.Error(), "stellar-x-f0-0") {
		t.Errorf("%v, hint %q", err, fail.Hint(err))
	}
	if e != nil && (strings.Contains(e.Output, "\x1b") ||
		!strings.Contains(e.Output, "Authentication error [code: 10000]")) {
		t.Errorf("output %q", e.Output)
	}
}
