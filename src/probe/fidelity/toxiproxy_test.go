package fidelity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The relay for TCP is Toxiproxy, the program itself (scripts/test-setup.sh installs it), driven by its HTTP interface:
// https://github.com/Shopify/toxiproxy#http-api.

// toxic is one thing that the relay does to data. Toxicity is the part of connections that it is done to, 0 to 1.
type toxic struct {
	Type       string           `json:"type"`   // latency, timeout, reset_peer, limit_data, …
	Stream     string           `json:"stream"` // upstream: requests; downstream: answers
	Toxicity   float64          `json:"toxicity"`
	Attributes map[string]int64 `json:"attributes"` // milliseconds, or bytes
}

// toxiproxy is a running relay.
type toxiproxy struct {
	api     string
	client  *http.Client
	proxies atomic.Int64
}

// startToxiproxy starts the relay, which ends with the test.
func startToxiproxy(t *testing.T) *toxiproxy {
	t.Helper()
	program, err := exec.LookPath(filepath.Join("..", "..", "..", "bin", "toxiproxy-server"))
	if err != nil {
		if program, err = exec.LookPath("toxiproxy-server"); err != nil {
			t.Fatalf("the relay is not installed, run scripts/test-setup.sh: %v", err)
		}
	}
	p := &toxiproxy{
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	for range 5 { // a free port may be taken by another before the relay has it
		if p.start(t, program) {
			return p
		}
	}
	t.Fatal("the relay does not answer")
	return nil
}

func (p *toxiproxy) start(t *testing.T, program string) bool {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	p.api = "http://127.0.0.1:" + port
	c := exec.Command(program, "-host", "127.0.0.1", "-port", port)
	c.Env = []string{"LOG_LEVEL=fatal"}
	dieWithParent(c)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The parent's death that dieWithParent means is that of this thread: it is kept for as long as the program
		// runs.
		runtime.LockOSThread()
		defer close(ended)
		err := c.Start()
		started <- err
		if err == nil {
			_ = c.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * ms) {
		if _, err := p.call(t, http.MethodGet, "/version", nil); err == nil {
			return true
		}
		select {
		case <-ended:
			return false
		default:
		}
	}
	return false
}

// call asks the relay's interface.
func (p *toxiproxy) call(t *testing.T, method, path string, body any) (string, error) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.api+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, answer)
	}
	return string(answer), err
}

// between puts the relay with these toxics in front of a server and returns the address to use instead. What was there
// ends with the scenario.
func (p *toxiproxy) between(t *testing.T, upstream string, toxics ...toxic) string {
	t.Helper()
	name := fmt.Sprintf("p%d", p.proxies.Add(1))
	answer, err := p.call(
		t,
		http.MethodPost,
		"/proxies",
		map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": true},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's context is over by now, the relay's own end closes what is open.
		req, err := http.NewRequest(http.MethodDelete, p.api+"/proxies/"+name, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := p.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	})
	for i, toxic := range toxics {
		with := struct {
			Name string `json:"name"`
			toxicFields
		}{fmt.Sprintf("t%d", i), toxicFields(toxic)}
		if _, err := p.call(t, http.MethodPost, "/proxies/"+name+"/toxics", with); err != nil {
			t.Fatal(err)
		}
	}
	var made struct{ Listen string }
	if err := json.Unmarshal([]byte(answer), &made); err != nil || strings.HasSuffix(made.Listen, ":0") {
		t.Fatalf("the relay's answer: %v, %s", err, answer)
	}
	return made.Listen
}

// toxicFields lets a toxic be embedded without lending its name.
type toxicFields toxic

// delaying is a toxic that holds data up by d, give or take the jitter, uniformly.
func delaying(stream string, d, jitter time.Duration) toxic {
	return toxic{"latency", stream, 1, map[string]int64{"latency": d.Milliseconds(), "jitter": jitter.Milliseconds()}}
}
