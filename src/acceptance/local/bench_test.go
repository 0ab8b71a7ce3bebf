package local_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/machine"
)

// The measurement function in Go, built as the tool builds it.
func buildFunction(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin,
		"github.com/vhive-serverless/STeLLAR/raw-code/measure/go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the measurement function: %v\n%s", err, out)
	}
	return bin
}

// onPlatform deploys functions to a local platform in a process of its own, as a run does, with memory enough for a
// whole CPU, so that no quota is measured. It gives their URLs.
func onPlatform(b *testing.B, keepAlive float64, names ...string) (urls []string) {
	b.Helper()
	dir := b.TempDir()
	artifact := filepath.Join(dir, "function.zip")
	zipped(b, artifact, buildFunction(b))
	child, err := local.Spawn(
		b.Context(),
		local.SpawnOptions{Executable: lab.Binary(b), Options: local.Options{Dir: filepath.Join(dir, "state")}},
	)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := child.Close(); err != nil {
			b.Error(err)
		}
	})
	var functions []client.FunctionSpec
	for _, name := range names {
		functions = append(functions, client.FunctionSpec{Name: name, Runtime: "go", Handler: "bootstrap",
			MemoryMB: 2 * 1769, Artifact: artifact, KeepAliveSeconds: &keepAlive})
	}
	s, err := child.Put(b.Context(), "bench", client.ServiceSpec{Functions: functions})
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range s.Functions {
		urls = append(urls, f.URL)
	}
	return urls
}

func zipped(b *testing.B, path, program string) {
	b.Helper()
	code, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	part, err := w.CreateHeader(h)
	if err == nil {
		_, err = part.Write(code)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func drive(b *testing.B, url string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for b.Loop() {
		res, err := client.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(err, res.Status, string(text))
		}
	}
}

// BenchmarkWarmPlatform is a warm request through the platform.
func BenchmarkWarmPlatform(b *testing.B) {
	placed(b, func(b *testing.B) string { return onPlatform(b, 600, "f")[0] })
}

// BenchmarkWarmNetHTTP is the same function in a process of its own, served by net/http alone.
func BenchmarkWarmNetHTTP(b *testing.B) {
	placed(b, func(b *testing.B) string { return onNetHTTP(b, buildFunction(b)) })
}

// placed drives what serve starts: first with the client on the same cores, where the kernel decides which threads
// share one, then with core 0 for the client alone, as --client-cores 0 has it.
func placed(b *testing.B, serve func(b *testing.B) (url string)) {
	b.Run("shared", func(b *testing.B) { drive(b, serve(b)) })
	b.Run("apart", func(b *testing.B) {
		client, err := machine.ParseCores("0")
		if err != nil {
			b.Fatal(err)
		}
		others, err := client.Beside()
		if err != nil {
			b.Skip(err)
		}
		var url string
		if err := others.Run(func() error { url = serve(b); return nil }); err != nil {
			b.Fatal(err)
		}
		restore, err := client.Bind()
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := restore(); err != nil {
				b.Error(err)
			}
		}()
		drive(b, url)
	})
}

// onNetHTTP starts the function as a process that serves HTTP, and gives its URL.
func onNetHTTP(b *testing.B, program string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	ctx, cancel := context.WithCancel(b.Context())
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"PORT=" + port}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for range 500 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "http://127.0.0.1:" + port + "/"
}

// BenchmarkColdPlatform is a cold start through the platform, from the request to its answer.
func BenchmarkColdPlatform(b *testing.B) { drive(b, onPlatform(b, 0, "f")[0]) }

// BenchmarkColdExec is the same program from bare exec to its first answer, against a Runtime API that does nothing
// else.
func BenchmarkColdExec(b *testing.B) {
	program := buildFunction(b)
	answered := make(chan struct{}, 1)
	event := `{"version":"2.0","rawPath":"/",
		"requestContext":{"requestId":"r","http":{"method":"GET","path":"/"}},"headers":{}}`
	var served sync.Map // connections that have had their event: each process has one
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, again := served.LoadOrStore(r.RemoteAddr, true)
		switch {
		case strings.HasSuffix(r.URL.Path, "/next") && !again:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "r")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			fmt.Fprint(w, event)
		case strings.HasSuffix(r.URL.Path, "/response"):
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusAccepted)
			answered <- struct{}{}
		default:
			<-r.Context().Done()
		}
	}))
	defer api.Close()
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program)
		cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + api.Listener.Addr().String()}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-answered:
		case <-time.After(time.Minute):
			b.Fatal("the function did not answer")
		}
		b.StopTimer()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b.StartTimer()
	}
}
