// Package functions tests the measurement function in Go against gRPC's library: as its client, and as functions of
// somebody else's in a chain. The function runs as a process, as on vHive and Knative.
package functions

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	patience = 60 * time.Second
	token    = "a secret of this test"
)

// program is the measurement function, built once for all tests.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stellar-grpc-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-C", "../../..", "-trimpath", "-o", program, "./raw-code/measure/go")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// serveGo starts functions and gives their addresses, host:port. They end with the test.
func serveGo(t *testing.T, n int, env ...string) []string {
	t.Helper()
	out := make([]string, n)
	for i := range out {
		out[i] = serve(t, env...)
	}
	return out
}

func serve(t *testing.T, env ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = listener.Close()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), env...)
	cmd.Env = append(cmd.Env, "PORT="+port, "STELLAR_TIMEOUT_SECONDS=60", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"LAMBDA_TASK_ROOT="+cmd.Dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	awaitListener(t, address, ended)
	return address
}

func awaitListener(t *testing.T, address string, ended chan error) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the function ended: %v", err)
		default:
		}
	}
	t.Fatal("the function does not listen")
}

// invocation asks a function over HTTP and gives the number of the invocation in its instance, and whether it was cold.
func invocation(t *testing.T, client *http.Client, address string) (number int64, cold bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/f0-0?IncrementLimit=5", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s, %v", resp.StatusCode, body, err)
	}
	var answer struct {
		Instance struct {
			Cold       *bool
			Invocation int64
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Instance.Cold == nil {
		t.Fatalf("%s: %v", body, err)
	}
	return answer.Instance.Invocation, *answer.Instance.Cold
}

// sink is what the function's spin loop gives: xorshift64 (13, 7, 17), the upper 53 bits.
func sink(n int) uint64 {
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x >> 11
}
