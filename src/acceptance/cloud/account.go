// Package cloud holds the accounts that stand in for vendors in tests: for each vendor the part of its API that the
// tool and the vendor's CLI use. What is deployed into an account runs on this machine.
package cloud

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Fault is a call that an account refuses, once.
type Fault struct {
	Method string // empty: any
	At     string // part of the call: host, path, a space and the action
	Code   string // the vendor's error code
}

// account is what the accounts of all vendors share: a server, what it was asked, and the faults that are to come.
type account struct {
	t      *testing.T
	server *httptest.Server
	dir    string

	mu     sync.Mutex
	calls  []string // method, host, path and action of each request
	faults []Fault
}

// serve starts the account's server. stop ends what runs in the account.
func (a *account) serve(t *testing.T, api http.Handler, stop func()) {
	a.t, a.dir, a.server = t, t.TempDir(), httptest.NewServer(api)
	t.Cleanup(func() {
		a.server.Close()
		stop()
	})
}

// Calls lists what the account was asked.
func (a *account) Calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Locked lets a test look at the account, or change it.
func (a *account) Locked(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
}

// Refuse lets the account refuse the next call that a fault describes.
func (a *account) Refuse(f Fault) { a.Locked(func() { a.faults = append(a.faults, f) }) }

// Unmet are the faults that have not come yet.
func (a *account) Unmet() (left []Fault) {
	a.Locked(func() { left = slices.Clone(a.faults) })
	return left
}

// record keeps a call and gives the error code of its fault, empty where it has none. The account is locked.
func (a *account) record(method, call string) (code string) {
	a.calls = append(a.calls, method+" "+call)
	at := slices.IndexFunc(a.faults, func(f Fault) bool {
		return (f.Method == "" || f.Method == method) && strings.Contains(call, f.At)
	})
	if at < 0 {
		return ""
	}
	code = a.faults[at].Code
	a.faults = slices.Delete(a.faults, at, at+1)
	return code
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// unzip unpacks an archive into a folder.
func unzip(dir string, archive []byte) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := extract(filepath.Join(dir, filepath.FromSlash(f.Name)), f); err != nil {
			return err
		}
	}
	return nil
}

func extract(to string, f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, body, f.Mode().Perm()|0o600))
}

// kill ends a process that was started, and waits for its end.
func kill(c *exec.Cmd) {
	if c != nil && c.Process != nil {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// redirected is the variable with which a vendor's CLI in Node.js talks to the account.
func redirected() string { return preloaded("redirect.cjs") }

// preloaded is the variable with which programs in Node.js first load a module of testdata/account, beside what the
// caller has them load.
func preloaded(name string) string {
	return "NODE_OPTIONS=" + strings.TrimSpace(os.Getenv("NODE_OPTIONS")+" --require "+testdata("account", name))
}

// testdata is a file of this package's, for programs that run in any folder.
func testdata(name ...string) string {
	return filepath.Join(append([]string{lab.Repo(), "src", "acceptance", "cloud", "testdata"}, name...)...)
}
