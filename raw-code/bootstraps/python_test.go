package bootstraps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps/apitest"
)

const patience = 60 * time.Second

// instance is a handler that runs behind the bootstrap.
type instance struct {
	*apitest.API
	ctx    context.Context
	done   chan error
	output *bytes.Buffer // complete once done has been read
}

// start writes files, runs the bootstrap on the handler in their folder, and ends it with the test.
func start(t *testing.T, handler string, files map[string]string, env ...string) *instance {
	t.Helper()
	return startWith(t, "python3", []string{"-u"}, "bootstrap.py", bootstraps.Python, handler, files, env...)
}

// startWith does so for any language.
func startWith(
	t *testing.T,
	program string,
	flags []string,
	name string,
	loop []byte,
	handler string,
	files map[string]string,
	env ...string,
) *instance {
	t.Helper()
	program, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("its bootstrap cannot be tested: %v", err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "script", name)
	for name, text := range files {
		write(t, filepath.Join(dir, "task", name), []byte(text))
	}
	write(t, script, loop)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	in := &instance{API: apitest.Start(), ctx: ctx, done: make(chan error, 1), output: &bytes.Buffer{}}
	cmd := exec.CommandContext(ctx, program, append(flags, script, handler)...)
	cmd.Dir = filepath.Join(dir, "task")
	cmd.Env = append(
		os.Environ(),
		append([]string{"AWS_LAMBDA_RUNTIME_API=" + in.Address(), "LAMBDA_TASK_ROOT=" + cmd.Dir,
			"AWS_LAMBDA_FUNCTION_NAME=f0-0", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256"}, env...)...)
	cmd.Stdout, cmd.Stderr = in.output, in.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { in.done <- cmd.Wait() }()
	t.Cleanup(func() {
		in.Close()
		cancel()
	})
	return in
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (in *instance) invoke(t *testing.T, event string) apitest.Answer {
	t.Helper()
	answer, err := in.Invoke(in.ctx, event, patience)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// ended waits for the process and gives its exit code.
func (in *instance) ended(t *testing.T) int {
	t.Helper()
	select {
	case err := <-in.done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if exit != nil {
			return exit.ExitCode()
		}
		return 0
	case <-in.ctx.Done():
		t.Fatal("the bootstrap did not end")
		return 0
	}
}

type described struct {
	ErrorMessage string   `json:"errorMessage"`
	ErrorType    string   `json:"errorType"`
	StackTrace   []string `json:"stackTrace"`
}

func describe(t *testing.T, a apitest.Answer) described {
	t.Helper()
	var d described
	if err := json.Unmarshal(a.Body, &d); err != nil {
		t.Fatalf("%s: %v in %s", a.Path, err, a.Body)
	}
	if d.StackTrace == nil {
		t.Errorf("%s: no stackTrace in %s", a.Path, a.Body)
	}
	return d
}

const echo = `
import sys
def handler(event, context):
    return {"event": event, "id": context.aws_request_id, "name": context.function_name, "memory": context.memory_limit_in_mb,
            "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn, "path": sys.path[0],
            "written": sys.dont_write_bytecode}
`

func TestInvocations(t *testing.T) {
	in := start(t, "main.handler", map[string]string{"main.py": echo})
	for i, event := range []string{`{"a":1}`, `{"a":12}`, `"ü€"`, `null`, `[1, 2]`,
		`{"big":"` + strings.Repeat("x", 1<<20) + `"}`} {
		a := in.invoke(t, event)
		id := fmt.Sprintf("request-%d", i+1)
		if want := "invocation/" + id + "/response"; a.Path != want {
			t.Fatalf("event %d: answered %s, want %s: %s", i, a.Path, want, a.Body)
		}
		var got struct {
			Event   json.RawMessage
			ID      string
			Name    string
			Memory  string
			Left    int64
			ARN     string
			Path    string
			Written bool
		}
		if err := json.Unmarshal(a.Body, &got); err != nil {
			t.Fatal(err)
		}
		var want, have any
		if err := errors.Join(json.Unmarshal([]byte(event), &want), json.Unmarshal(got.Event, &have)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(want) != fmt.Sprint(have) {
			t.Errorf("event %d changed on its way: %.80s", i, got.Event)
		}
		if got.ID != id || got.Name != "f0-0" || got.Memory != "256" || got.ARN == "" || !got.Written ||
			filepath.Base(got.Path) != "task" {
			t.Errorf("event %d: context is %+v", i, got)
		}
		if got.Left <= 0 || got.Left > patience.Milliseconds() {
			t.Errorf("event %d: %d ms left of %v", i, got.Left, patience)
		}
	}
}

func TestHandlerNames(t *testing.T) {
	files := map[string]string{
		"main.py":                         "def f(e, c): return 'main'",
		"hellopy/lambda_function.py":      "def lambda_handler(e, c): return 'slashes'",
		"pack/__init__.py":                "",
		"pack/deep.py":                    "import pack.other\ndef f(e, c): return pack.other.word",
		"pack/other.py":                   "word = 'deep'",
		"python.py":                       "def f(e, c): return 'python'",
		"bootstrap.py":                    "def f(e, c): return 'bootstrap'",
		"hellopy/with_neighbour.py":       "import neighbour\ndef f(e, c): return neighbour.word",
		"neighbour.py":                    "word = 'neighbour'",
		"hellopy/json_is_the_stdlibs.txt": "",
	}
	for handler, want := range map[string]string{
		"main.f":                                 "main",
		"hellopy/lambda_function.lambda_handler": "slashes",
		"pack.deep.f":                            "deep",
		"pack/deep.f":                            "deep",
		"./main.f":                               "main",
		"bootstrap.f":                            "bootstrap",
		"hellopy/with_neighbour.f":               "neighbour",
	} {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			a := start(t, handler, files).invoke(t, "{}")
			if got := string(a.Body); got != `"`+want+`"` {
				t.Errorf("answer %s, want %q", got, want)
			}
		})
	}
}

func TestInitErrors(t *testing.T) {
	for _, c := range []struct{ name, handler, code, kind, message string }{
		{"no module", "gone.f", "", "Runtime.ImportModuleError",
			"Unable to import module 'gone': No module named 'gone'"},
		{"import inside", "main.f", "import not_there", "Runtime.ImportModuleError", "No module named 'not_there'"},
		{"no function", "main.g", "def f(e, c): pass", "Runtime.HandlerNotFound",
			"Handler 'g' missing on module 'main'"},
		{"not a function", "main.f", "f = 1", "Runtime.HandlerNotFound", "Handler 'f' missing"},
		{"syntax", "main.f", "def f(:", "Runtime.UserCodeSyntaxError", "main.py, line 1"},
		{"malformed", "main", "", "Runtime.MalformedHandlerName", "it must be module.function"},
		{"raises", "main.f", "x = 1\nraise KeyError('dark')", "KeyError", "'dark'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := start(t, c.handler, map[string]string{"main.py": c.code})
			a, err := in.InitError(in.ctx)
			if err != nil {
				t.Fatal(err)
			}
			d := describe(t, a)
			if d.ErrorType != c.kind || a.ErrorType != c.kind || !strings.Contains(d.ErrorMessage, c.message) {
				t.Errorf("told %+v (header %q), want %s with %q", d, a.ErrorType, c.kind, c.message)
			}
			if c.name == "raises" && (len(d.StackTrace) != 1 || !strings.Contains(d.StackTrace[0], "line 2")) {
				t.Errorf("trace is %q, want the one frame of the user's own", d.StackTrace)
			}
			if code := in.ended(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
		})
	}
}

func TestInvocationErrors(t *testing.T) {
	in := start(t, "main.f", map[string]string{"main.py": `
class Own(Exception): pass
def deeper(): raise Own("of\nmine")
def f(e, c):
    if e == "raise": deeper()
    if e == "object": return object()
    if e == "nan": return float("nan")
    if e == "surrogate": return "\ud800"
    if e == "loop":
        x = []
        x.append(x)
        return x
    return "fine"
`})
	for _, c := range []struct{ event, kind, message string }{
		{`"raise"`, "Own", "of\nmine"},
		{`"object"`, "Runtime.MarshalError",
			"Unable to marshal response: Object of type object is not JSON serializable"},
		{`"nan"`, "Runtime.MarshalError", "Unable to marshal response"},
		{`"surrogate"`, "Runtime.MarshalError", "Unable to marshal response"},
		{`"loop"`, "Runtime.MarshalError", "Unable to marshal response"},
		{`{not json`, "Runtime.UnmarshalError", "Unable to unmarshal input"},
	} {
		a := in.invoke(t, c.event)
		d := describe(t, a)
		if !strings.HasSuffix(a.Path, "/error") || d.ErrorType != c.kind || a.ErrorType != c.kind ||
			!strings.Contains(d.ErrorMessage, c.message) {
			t.Errorf("%s: %s told %+v (header %q), want %s with %q", c.event, a.Path, d, a.ErrorType, c.kind, c.message)
		}
		if c.kind == "Own" && (len(d.StackTrace) != 2 || !strings.Contains(d.StackTrace[1], "in deeper")) {
			t.Errorf("trace is %q, want the two frames of the user's own", d.StackTrace)
		}
	}
	in.RefuseResponses(1)
	in.invoke(t, `"too long for the platform"`)
	if a := in.invoke(t, `"fine"`); string(a.Body) != `"fine"` {
		t.Errorf("after errors and a refused response: %s", a.Body)
	}
}

func TestEndsWithTheAPI(t *testing.T) {
	in := start(t, "main.f", map[string]string{"main.py": "def f(e, c): return 1"})
	in.invoke(t, "{}")
	in.Close()
	if code := in.ended(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if !strings.Contains(in.output.String(), "the Runtime API at "+in.Address()+" is gone") {
		t.Errorf("last words: %s", in.output)
	}
}

func TestHandlerThatExits(t *testing.T) {
	in := start(t, "main.f", map[string]string{"main.py": "import sys\ndef f(e, c): sys.exit('enough')"})
	ctx, cancel := context.WithCancel(in.ctx)
	go func() {
		_, _ = in.Invoke(ctx, "{}", patience) // there is no answer to wait for
	}()
	code := in.ended(t)
	cancel()
	if code != 1 || !strings.Contains(in.output.String(), "enough") {
		t.Errorf("exit code %d, last words %s", code, in.output)
	}
}

func TestConcurrency(t *testing.T) {
	const n = 4
	in := start(t, "main.f", map[string]string{"main.py": `
import threading
all_in = threading.Barrier(4)
def f(e, c):
    all_in.wait(50)  # passes only when four events are being handled at once
    return c.aws_request_id
`}, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
	answers := make(chan string, n)
	for range n {
		go func() {
			a, err := in.Invoke(in.ctx, "{}", patience)
			answers <- fmt.Sprintf("%s %s %v", a.Path, a.Body, err)
		}()
	}
	for range n {
		got := <-answers
		id, _, _ := strings.Cut(strings.TrimPrefix(got, "invocation/"), "/")
		if want := fmt.Sprintf("invocation/%s/response %q <nil>", id, id); got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
}
