package local

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// benchPlatform serves the test function with enough memory for a whole CPU, so that no quota is measured.
func benchPlatform(b *testing.B, keepAlive float64) string {
	b.Helper()
	p, err := New(Options{Dir: filepath.Join(b.TempDir(), "state"), Token: testToken})
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(b.Context()) }()
	b.Cleanup(func() {
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	s, err := NewClient(p.ControlURL(), testToken).Put(b.Context(), "s", testSpec(func(f *FunctionSpec) {
		f.MemoryMB, f.KeepAliveSeconds = 2*memoryPerCPU, &keepAlive
	}))
	if err != nil {
		b.Fatal(err)
	}
	return s.Functions[0].URL
}

func drive(b *testing.B, url string) {
	b.Helper()
	client := &http.Client{}
	for b.Loop() {
		res, err := client.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(err, res.StatusCode)
		}
		res.Body.Close()
	}
}

// BenchmarkWarm is a warm request through the platform; BenchmarkBare the same answer from net/http alone.
func BenchmarkWarm(b *testing.B) { drive(b, benchPlatform(b, 600)) }

func BenchmarkBare(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":"1234-1700000000000000000","pid":1234,"cold":false,"n":7,"request":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","version":""}`))
	}))
	defer server.Close()
	drive(b, server.URL)
}

// BenchmarkCold is a cold start through the platform; BenchmarkExec the same program from exec to its first request.
func BenchmarkCold(b *testing.B) { drive(b, benchPlatform(b, 0)) }

func BenchmarkExec(b *testing.B) {
	dir := b.TempDir()
	file, err := os.Open(testPackage)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := unpack(file, info.Size(), dir, unpackLimits{bytes: 1 << 30, entries: 10}); err != nil {
		b.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	for b.Loop() {
		cmd := exec.Command(filepath.Join(dir, "bootstrap"))
		cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + server.Listener.Addr().String()}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		select {
		case <-asked:
		case <-time.After(time.Minute):
			b.Fatal("the program did not ask")
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
