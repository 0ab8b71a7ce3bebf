package local

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// testPackage is the ZIP of testdata/function, testProgram its program; TestMain builds them.
var testPackage, testProgram string

const testToken = "0123456789abcdef-test"

// TestMain is the test, or one of the programs that tests need: a platform process, its watcher, an owner.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "local" && os.Args[2] == "serve" {
		err := ServeCommand(context.Background(), ServeIO{
			Args: os.Args[3:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
			Version: "test",
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if root := os.Getenv("STELLAR_TEST_OWNER"); root != "" {
		ownPlatform(root)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if ready := os.Getenv("STELLAR_TEST_PACKAGE"); ready != "" { // started by alsoAsUser
		testPackage, testProgram = ready, filepath.Join(filepath.Dir(ready), "bootstrap")
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "stellar-local-test")
	if err == nil {
		err = os.Chmod(dir, 0o755) // tests run as another user too
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "bootstrap"), "./testdata/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // it runs in images from scratch too
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build test function: %v\n%s", err, out)
		return 1
	}
	testProgram = filepath.Join(dir, "bootstrap")
	code, err := os.ReadFile(testProgram)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	testPackage = filepath.Join(dir, "function.zip")
	if err := os.WriteFile(testPackage, zipOf(entry{name: "bootstrap", mode: 0o755, data: code}), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

type entry struct {
	name string
	mode os.FileMode
	data []byte
}

func zipOf(entries ...entry) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if len(e.data) > 1<<20 {
			h.Method = zip.Store
		}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(e.data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// testPlatform starts a platform in this process and checks, when the test ends, that nothing of it is left.
func testPlatform(t *testing.T, change func(*Options)) (*Platform, *client.Client) {
	t.Helper()
	opts := Options{
		Dir: filepath.Join(t.TempDir(), "state"), Token: testToken, Version: "test", CPU: CPUOff,
		Warnf: func(format string, args ...any) { t.Errorf("platform warns: "+format, args...) },
	}
	if change != nil {
		change(&opts)
	}
	p, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("close: %v", err)
		}
		if !absent(opts.Dir) {
			t.Errorf("state folder %s is still there", opts.Dir)
		}
		if left := groupsOf(p.id); len(left) > 0 {
			t.Errorf("control groups are left: %v", left)
		}
	})
	return p, client.New(p.ControlURL(), testToken)
}

// groupsOf finds control groups whose name starts with prefix.
func groupsOf(prefix string) (found []string) {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), prefix) {
			found = append(found, path)
		}
		return nil
	})
	return found
}

// function gives a spec of the test function.
func testSpec(change func(*client.FunctionSpec)) client.ServiceSpec {
	f := client.FunctionSpec{
		Name: "f", Runtime: "go", Handler: "bootstrap", MemoryMB: 256, TimeoutSeconds: 30, Artifact: testPackage,
	}
	if change != nil {
		change(&f)
	}
	return client.ServiceSpec{Tags: map[string]string{"stellar-run": "r"}, Functions: []client.FunctionSpec{f}}
}

func deployTo(t *testing.T, c *client.Client, change func(*client.FunctionSpec)) string {
	t.Helper()
	s, err := c.Put(t.Context(), "s", testSpec(change))
	if err != nil {
		t.Fatal(err)
	}
	return s.Functions[0].URL
}

// reply is what came back from the gateway.
type reply struct {
	status int
	header http.Header
	body   []byte
	ID     string
	PID    int
	Cold   bool
	N      int
	Env    []string
	Error  string
	Req    string `json:"request"`
	Ver    string `json:"version"`
}

func send(method, url string, body io.Reader) (reply, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return reply{}, err
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	out := reply{status: res.StatusCode, header: res.Header}
	if out.body, err = io.ReadAll(res.Body); err != nil {
		return out, err
	}
	_ = json.Unmarshal(out.body, &out) // other forms are looked at as bytes
	return out, nil
}

func get(t *testing.T, url string) reply {
	t.Helper()
	r, err := send(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// getOK gets and wants a 200.
func getOK(t *testing.T, url string) reply {
	t.Helper()
	r := get(t, url)
	if r.status != http.StatusOK {
		t.Fatalf("GET %s: status %d, %s", url, r.status, r.body)
	}
	return r
}

// wantFailure gets and wants a failure of that status and kind whose error holds text.
func wantFailure(t *testing.T, url string, status int, kind, text string) reply {
	t.Helper()
	r := get(t, url)
	if r.status != status || r.header.Get("X-Stellar-Error") != kind || !strings.Contains(r.Error, text) {
		t.Fatalf("GET %s: status %d, kind %q, %s; want %d, %q and %q", url, r.status, r.header.Get("X-Stellar-Error"),
			r.body, status, kind, text)
	}
	if r.header.Get("X-Amzn-Requestid") == "" || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("headers of a failure: %v", r.header)
	}
	return r
}

// reports reads the REPORT lines of function f.
func reports(t *testing.T, c *client.Client) []reportline.Report {
	t.Helper()
	var out []reportline.Report
	for line := range strings.Lines(logOf(t, c)) {
		if r, ok := reportline.Parse(line); ok {
			out = append(out, r)
		}
	}
	return out
}

func logOf(t *testing.T, c *client.Client) string {
	t.Helper()
	text, next, err := c.Logs(t.Context(), "s", "f", 0)
	if err != nil {
		t.Fatal(err)
	}
	if next < int64(len(text)) {
		t.Fatalf("next offset %d after %d bytes", next, len(text))
	}
	return string(text)
}

func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(err, os.ErrNotExist) && !isDirectory("/proc/self")
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") // a zombie has ended; its parent is not us
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// eventually waits for something that is under way.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if !sandbox.WaitUntil(ctx, 5*time.Millisecond, done) {
		t.Fatalf("not within 20 s: %s", what)
	}
}

func contains(list []string, want string) bool { return slices.Contains(list, want) }
