package rawcode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps/apitest"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// The suite runs the measurement function in each language as the platforms do: as a process behind a Runtime API, and
// as an HTTP server.

const (
	patience = 60 * time.Second
	token    = "a secret of this test"
)

// shared is a folder for what is built once for all tests; TestMain makes and removes it.
var shared string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stellar-measure-")
	if err != nil {
		panic(err)
	}
	shared = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// language is a language's way to be started.
type language struct {
	name     string
	runtime  string                         // what Instance.Runtime starts with
	lambda   func(dir string) []string      // command behind a Runtime API, dir the package's folder
	http     func(dir string) []string      // command as an HTTP server
	assemble func(t *testing.T, dir string) // puts the package into dir
}

// languages lists those whose programs are installed; the rest is told, and fails the test in CI.
func languages(t *testing.T) []language {
	t.Helper()
	bootstrap := func(dir string) []string { return []string{filepath.Join(dir, "bootstrap")} }
	all := []language{
		{name: "go", runtime: "go1.", lambda: bootstrap, http: bootstrap, assemble: linked(built(t, goProgram))},
		{name: "rust", runtime: "rust", lambda: bootstrap, http: bootstrap, assemble: linked(built(t, rustProgram))},
	}
	for _, s := range []struct {
		name, runtime, program, script, handler string
		loop                                    []byte
		flags                                   []string
	}{
		{"python", "python3.", "python3", "main.py", "main.lambda_handler", bootstraps.Python, []string{"-u"}},
		{"nodejs", "nodejs", "node", "main.js", "main.handler", bootstraps.Node, nil},
		{"ruby", "ruby", "ruby", "main.rb", "main.handler", bootstraps.Ruby, nil},
	} {
		program, err := exec.LookPath(s.program)
		if err != nil {
			t.Fatalf("%s is not installed: the measurement function in %s cannot be tested", s.program, s.name)
		}
		loop := filepath.Join(t.TempDir(), "bootstrap"+filepath.Ext(s.script))
		write(t, loop, s.loop)
		command := func(args ...string) func(string) []string {
			return func(string) []string { return append(append([]string{program}, s.flags...), args...) }
		}
		all = append(
			all,
			language{name: s.name, runtime: s.runtime, lambda: command(loop, s.handler), http: command(s.script),
				assemble: func(t *testing.T, dir string) { assemble(t, s.name, dir) }},
		)
	}
	return append(all, javaLanguage(t))
}

// The programs that all tests of this process share, each built by the first test that needs it.
var (
	goProgram = sync.OnceValues(func() (string, error) {
		program := filepath.Join(shared, "go", "bootstrap")
		return program, compile("go", "build", "-o", program, "./measure/go")
	})
	rustProgram = sync.OnceValues(func() (string, error) {
		return filepath.Join(shared, "rust", "release", "bootstrap"), compile("cargo", "build", "--release", "--locked",
			"--manifest-path", "measure/rust/Cargo.toml", "--target-dir", filepath.Join(shared, "rust"))
	})
	javaClasses = sync.OnceValues(func() (string, error) {
		sources, loop, classes := javaFolder("sources"), javaFolder("loop"), javaFolder("classes")
		for _, dir := range []string{sources, loop, classes} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return "", err
			}
		}
		if err := bootstraps.WriteJavaLoop(sources); err != nil {
			return "", err
		}
		own, err := filepath.Glob("measure/java/stellar/*.java")
		if err != nil {
			return "", err
		}
		if err := compile("javac", bootstraps.JavacArgs(sources, loop)...); err != nil {
			return "", err
		}
		flags := append(bootstraps.JavacQuick(), "--release", "11", "-XDstringConcat=inline", "-implicit:none",
			"-sourcepath", sources, "-d", classes)
		return classes, compile("javac", append(flags, own...)...)
	})
)

func javaFolder(name string) string { return filepath.Join(shared, "java", name) }

func compile(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// built returns the product of a build and fails the test if there is none.
func built(t *testing.T, build func() (string, error)) string {
	t.Helper()
	product, err := build()
	if err != nil {
		t.Fatalf("building the measurement function: %v", err)
	}
	return product
}

func javaLanguage(t *testing.T) language {
	t.Helper()
	classes, loop := built(t, javaClasses), javaFolder("loop")
	flags := bootstraps.JavaFlags()
	return language{
		name: "java", runtime: "java",
		lambda: func(string) []string {
			return append(
				append([]string{"java"}, flags...),
				"-cp",
				".:"+loop,
				bootstraps.JavaClass,
				"stellar.Measure::handle",
			)
		},
		http: func(string) []string { return append(append([]string{"java"}, flags...), "-cp", ".", "stellar.Server") },
		assemble: func(t *testing.T, dir string) {
			if err := os.CopyFS(dir, os.DirFS(classes)); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// assemble puts a scripting language's measurement function into a folder as it is.
func assemble(t *testing.T, language, dir string) {
	t.Helper()
	entries, err := rawcode.FS.ReadDir("measure/" + language)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := rawcode.FS.ReadFile("measure/" + language + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, e.Name()), text)
	}
}

// linked gives what links a program into a package.
func linked(program string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Link(program, filepath.Join(dir, "bootstrap")); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// call is a request to the function, whatever way it goes.
type call struct {
	method string
	query  url.Values
	token  string
	body   string
}

// reply is what comes back.
type reply struct {
	status int
	kind   string // Content-Type
	body   string
}

// instance is a running function.
type instance struct {
	call   func(ctx context.Context, c call) (reply, error)
	api    *apitest.API // nil behind HTTP
	url    string       // empty behind the Runtime API
	begun  time.Time
	exited chan error

	process *os.Process
}

func (in *instance) do(t *testing.T, c call) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := in.call(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs a command in the package's folder and ends it with the test.
func start(t *testing.T, dir string, command []string, env ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Env = append(
		cmd.Env,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"LAMBDA_TASK_ROOT="+dir,
		"PYTHONDONTWRITEBYTECODE=1",
	)
	cmd.Stderr = os.Stderr
	in := &instance{begun: time.Now(), exited: make(chan error, 1)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.process = cmd.Process
	go func() { in.exited <- cmd.Wait() }()
	t.Cleanup(cancel)
	return in
}

func startLambda(t *testing.T, l language, dir string, env ...string) *instance {
	t.Helper()
	api := apitest.Start()
	in := start(t, dir, l.lambda(dir), append(env, "AWS_LAMBDA_RUNTIME_API="+api.Address())...)
	t.Cleanup(api.Close)
	in.api = api
	in.call = func(ctx context.Context, c call) (reply, error) {
		query := map[string]string{}
		for name, values := range c.query {
			query[name] = strings.Join(values, ",")
		}
		event, err := json.Marshal(map[string]any{"version": "2.0", "queryStringParameters": query,
			"headers": map[string]string{"x-stellar-token": c.token}, "body": c.body,
			"requestContext": map[string]any{"http": map[string]string{"method": c.method}}})
		if err != nil {
			return reply{}, err
		}
		return unwrap(api.Invoke(ctx, string(event), patience))
	}
	return in
}

// unwrap takes the response out of the HTTP API's form.
func unwrap(a apitest.Answer, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	var r struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := json.Unmarshal(a.Body, &r); err != nil || !strings.HasSuffix(a.Path, "/response") {
		return reply{}, fmt.Errorf("%s: %s (%v)", a.Path, a.Body, err)
	}
	return reply{r.StatusCode, r.Headers["Content-Type"], r.Body}, nil
}

func startHTTP(t *testing.T, l language, dir string, env ...string) *instance {
	t.Helper()
	address, err := relaytest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	in := start(t, dir, l.http(dir), append([]string{"PORT=" + port, "STELLAR_TIMEOUT_SECONDS=60"}, env...)...)
	in.url = "http://127.0.0.1:" + port
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	in.call = func(ctx context.Context, c call) (reply, error) { return send(ctx, client, in.url, c) }
	awaitListener(t, in, "127.0.0.1:"+port)
	return in
}

func awaitListener(t *testing.T, in *instance, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-in.exited:
			t.Fatalf("the function ended: %v", err)
		default:
		}
	}
	t.Fatal("the function does not listen")
}

func send(ctx context.Context, client *http.Client, base string, c call) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, base+"/f0-0?"+c.query.Encode(), strings.NewReader(c.body))
	if err != nil {
		return reply{}, err
	}
	if c.token != "" {
		req.Header.Set("X-Stellar-Token", c.token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get("Content-Type"), string(body)}, err
}

// eachCell runs a test for every language behind both kinds of platform.
func eachCell(t *testing.T, test func(t *testing.T, l language, begin func(t *testing.T, env ...string) *instance)) {
	for _, l := range languages(t) {
		for kind, begin := range map[string]func(*testing.T, language, string, ...string) *instance{
			"runtime-api": startLambda, "http": startHTTP,
		} {
			t.Run(l.name+"/"+kind, func(t *testing.T) {
				test(t, l, func(t *testing.T, env ...string) *instance {
					dir := t.TempDir()
					l.assemble(t, dir)
					return begin(t, l, dir, env...)
				})
			})
		}
	}
}
