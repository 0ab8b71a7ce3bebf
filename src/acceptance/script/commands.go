package script

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// commands are what the scripts need beside testscript's own.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits":      exits,
		"glob":       func(ts *testscript.TestScript, _ bool, args []string) { globbed(ts, args[0]) },
		"noglob":     noglob,
		"rows":       rows,
		"noprocess":  noprocess,
		"server":     server,
		"fetch":      fetch,
		"published":  published,
		"contains":   contains,
		"untouched":  untouched,
		"sizes":      sizes,
		"registry":   registry,
		"ports":      ports,
		"listens":    listens,
		"chains":     chains,
		"token":      withToken,
		"containers": containers,
	}
}

// exits CODE PROGRAM ARGS… runs a program that must end with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func globbed(ts *testscript.TestScript, pattern string) []string {
	found, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("nothing matches %s", pattern)
	}
	return found
}

func noglob(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) > 0 {
		ts.Fatalf("%s is still there", strings.Join(found, " "))
	}
}

// rows FILE N: each matching latencies.csv reads well and has N rows.
func rows(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	for _, path := range globbed(ts, args[0]) {
		all, torn, err := sample.ReadFile(path)
		ts.Check(err)
		if len(all) != want || torn != 0 {
			ts.Fatalf("%s has %d rows (torn line %d), want %d", path, len(all), torn, want)
		}
	}
}

// noprocess DIR: no process has anything to do with the folder, by its arguments, environment or working directory.
func noprocess(ts *testscript.TestScript, _ bool, args []string) {
	if found := lab.Processes(args[0]); len(found) > 0 {
		ts.Fatalf("processes are left:\n%s", strings.Join(found, "\n"))
	}
}

// server starts a web server that answers plain text, and fills its address into the files that end in .tmpl.
func server(ts *testscript.TestScript, _ bool, _ []string) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/grpc" {
			call(w, r)
			return
		}
		fmt.Fprintf(w, "hello from %s\n", r.URL.Path)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	ts.Defer(srv.Close)
	fill(ts, strings.NewReplacer("$URL", srv.URL, "$HOST", strings.TrimPrefix(srv.URL, "http://")))
}

// call answers as a function on vHive does: an InvokeChainReply with one stamp.
func call(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = w.Write([]byte("\x00\x00\x00\x00\x11\x0a\x0f[1620000000000]"))
	w.Header().Set("Grpc-Status", "0")
}

// fetch URLFILE STATUS [TOKENFILE] gets the address in a file; the answer is there for stdout.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(http.MethodGet, strings.TrimSpace(ts.ReadFile(args[0])), nil)
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("X-Stellar-Token", strings.TrimSpace(ts.ReadFile(args[2])))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[1] {
		ts.Fatalf("status %s, want %s: %s", resp.Status, args[1], body.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body.Bytes(), 0o644))
	ts.Check(ts.Exec("cat", "answer"))
}

// published plans every published experiment file.
func published(ts *testscript.TestScript, _ bool, _ []string) {
	files, err := filepath.Glob(
		filepath.Join(ts.Getenv("REPO"), "src", "experiment", "testdata", "published", "*.json"),
	)
	ts.Check(err)
	if len(files) < 37 {
		ts.Fatalf("only %d published files", len(files))
	}
	for _, f := range files {
		if err := ts.Exec("stellar", "plan", "-c", f); err != nil {
			ts.Fatalf("plan %s: %v", f, err)
		}
	}
}
