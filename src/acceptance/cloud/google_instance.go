package cloud

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// instance is the one instance of a service or function: a container, or a process with Google's framework. It starts
// when the first request comes.
type instance struct {
	t    *testing.T
	name string
	env  map[string]string

	image string // of a service

	archive                 []byte // of a function's sources
	runtime, target, source string

	once    sync.Once
	address string
	dir     string // in which a function was built
	err     error
	end     func() // ends what was started; nil: nothing was
	mu      sync.Mutex
}

func newHosted(i *instance) *googleHosted {
	if i.image == "" {
		i.build() // as the platform does when the function is deployed
	}
	return &googleHosted{instance: i, gateway: httptest.NewServer(http.HandlerFunc(i.forward))}
}

// forward sends a request to the instance, which is started where there is none.
func (i *instance) forward(w http.ResponseWriter, r *http.Request) {
	i.once.Do(i.start)
	if i.err != nil {
		i.t.Errorf("starting %s: %v", i.name, i.err)
		http.Error(w, i.err.Error(), http.StatusServiceUnavailable)
		return
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: i.address})
	proxy.ServeHTTP(w, r)
}

func (i *instance) start() {
	if i.err != nil { // it could not be built
		return
	}
	if i.image != "" {
		i.startContainer()
	} else {
		i.startProcess()
	}
	if i.err != nil {
		return
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", i.address)
		if err == nil {
			_ = c.Close()
			if i.image == "" || i.listens() {
				return
			}
		}
		if time.Now().After(deadline) {
			i.err = fmt.Errorf("%s does not answer", i.address)
			return
		}
	}
}

// listens says whether anything behind the Engine's forwarded port answers: the Engine itself takes connections at
// once.
func (i *instance) listens() bool {
	c, err := net.Dial("tcp", i.address)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err = c.Read(make([]byte, 1))
	return os.IsTimeout(err) // it waits for a request
}

func (i *instance) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.end != nil {
		i.end()
		i.end = nil
	}
	if i.dir != "" {
		_ = os.RemoveAll(i.dir)
	}
}

// restart ends the instance: the next request starts another.
func (i *instance) restart() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.end != nil {
		i.end()
	}
	i.end, i.once = nil, sync.Once{}
}

func (i *instance) startContainer() {
	// In this machine's network, so that it reaches other functions at their addresses.
	address, err := relaytest.FreeAddress()
	if err != nil {
		i.err = err
		return
	}
	i.address = address
	_, port, _ := net.SplitHostPort(address)
	args := []string{"run", "--detach", "--rm", "--network", "host", "--env", "PORT=" + port}
	for k, v := range i.env {
		args = append(args, "--env", k+"="+v)
	}
	out, err := exec.Command("docker", append(args, i.image)...).Output()
	if err != nil {
		i.err = fmt.Errorf("docker run: %w", err)
		return
	}
	id := strings.TrimSpace(string(out))
	i.end = func() { _ = exec.Command("docker", "rm", "--force", id).Run() }
}

// build unpacks the sources as Google's builder does.
func (i *instance) build() {
	dir, err := os.MkdirTemp("", "stellar-function-")
	if err != nil {
		i.err = err
		return
	}
	i.source, i.dir = filepath.Join(dir, filepath.Clean("/"+i.source)), dir
	if i.source == dir {
		i.source = ""
	}
	to := dir
	if strings.HasPrefix(i.runtime, "go") {
		to = filepath.Join(dir, "serverless_function_source_code")
	}
	if i.err = unzip(to, i.archive); i.err != nil || to == dir {
		return
	}
	i.err = buildGoFunction(dir)
}

// buildGoFunction makes the program around a function in Go, with the framework that is pinned in scripts/google/go.
func buildGoFunction(dir string) error {
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(lab.Repo(), "scripts", "google", "go", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	c := exec.Command("go", "build", "-o", "main", ".")
	c.Dir, c.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// startProcess runs the framework of the function's language, as Google's builder has it run.
func (i *instance) startProcess() {
	address, err := relaytest.FreeAddress()
	if err != nil {
		i.err = err
		return
	}
	i.address = address
	_, port, _ := net.SplitHostPort(address)
	frameworks := filepath.Join(lab.Repo(), "scripts", "google")
	command := []string{filepath.Join(i.dir, "main")}
	switch {
	case strings.HasPrefix(i.runtime, "python"):
		command = []string{filepath.Join(frameworks, "venv", "bin", "functions-framework")}
	case strings.HasPrefix(i.runtime, "nodejs"):
		command = []string{"node", filepath.Join(frameworks, "node_modules", ".bin", "functions-framework")}
	}
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.Env = i.dir, append(os.Environ(), "PORT="+port, "FUNCTION_TARGET="+i.target, "K_SERVICE="+i.name)
	if i.source != "" {
		c.Env = append(c.Env, "FUNCTION_SOURCE="+i.source)
	}
	for k, v := range i.env {
		c.Env = append(c.Env, k+"="+v)
	}
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, io.Discard
	if i.err = c.Start(); i.err != nil {
		return
	}
	i.end = func() {
		_ = c.Process.Signal(os.Interrupt)
		ended := make(chan error, 2)
		fail.Go(func(err error) { ended <- err }, func() { ended <- c.Wait() })
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
	}
}
