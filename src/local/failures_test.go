package local

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func outputOf(err error) string {
	var e *fail.Error
	if errors.As(err, &e) {
		return e.Output
	}
	return ""
}

func TestInitFailures(t *testing.T) {
	for _, test := range []struct {
		init, kind, text string
		status           int
		within           time.Duration
	}{
		{"exit", kindInitCrash, "exit status 3; its last output: cannot find the moon", 502, time.Minute},
		{"error", kindInitError, "Moon.Missing: no moon", 502, time.Minute},
		{"hang", kindInitTimeout, "not ready 1s after its start", 504, time.Second},
	} {
		t.Run(test.init, func(t *testing.T) {
			_, c := testPlatform(t, func(o *Options) { o.InitTimeout = test.within })
			url := deployTo(t, c, func(f *client.FunctionSpec) { f.Environment = map[string]string{"INIT": test.init} })
			r := wantFailure(t, url, test.status, test.kind, test.text)
			got := reports(t, c)
			last := got[len(got)-1]
			if last.RequestID != r.header.Get("X-Amzn-Requestid") || !last.Cold || last.Init <= 0 || last.Status == "" {
				t.Errorf("report %+v", last)
			}
		})
	}
}

func TestCrashes(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	for _, test := range []struct{ query, text string }{
		{"do=exit&code=7", "Runtime exited: exit status 7"},
		{"do=exit&code=0", "Runtime exited: without providing a reason"},
		{"do=signal", "Runtime exited: signal: killed"},
	} {
		before := getOK(t, url)
		wantFailure(t, url+"?"+test.query, 502, kindCrash, test.text)
		after := getOK(t, url)
		if !after.Cold || after.ID == before.ID {
			t.Errorf("%s: the next request got %+v", test.query, after)
		}
	}
}

func TestHang(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	first := getOK(t, url)
	setTimeout(p, time.Second)
	wantFailure(t, url+"?do=hang", 504, kindTimeout, "Task timed out after 1.00 seconds")
	setTimeout(p, time.Minute)
	if r := getOK(t, url); !r.Cold {
		t.Errorf("after a timeout: %+v", r)
	}
	eventually(t, "the hanging process ends", func() bool { return !alive(first.PID) })
	if got := reports(t, c); got[1].Status != "timeout" || got[1].Duration < time.Second || got[1].Cold {
		t.Errorf("report %+v", got[1])
	}
}

// An instance that ends between two requests costs the second one nothing but a cold start.
func TestDeathWhileIdle(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	for range 5 {
		getOK(t, url+"?after=exit")
		if r := getOK(t, url+"?after=exit"); !r.Cold {
			t.Fatalf("an ended instance served again: %+v", r)
		}
	}
}

func TestOutOfMemory(t *testing.T) {
	p, c := testPlatform(t, nil)
	if !p.Limits().Memory {
		t.Skipf("memory is not enforced here: %s", p.Limits().Why)
	}
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.MemoryMB = 64 })
	getOK(t, url+"?do=alloc&mb=20")
	wantFailure(t, url+"?do=alloc&mb=200", 502, kindOutOfMemory, "Runtime exited: signal: killed (out of memory)")
	got := reports(t, c)
	if len(got) != 2 || got[0].MaxMemory < 20 || got[0].MaxMemory > 64 || got[1].MaxMemory < 60 {
		t.Errorf("reports %+v", got)
	}
}

func TestMegabytesToStdout(t *testing.T) {
	const bound = 1 << 20
	p, c := testPlatform(t, func(o *Options) { o.LogBytes = bound })
	url := deployTo(t, c, nil)
	getOK(t, url+"?do=spew&mb=20")
	eventually(t, "the last line is in the log",
		func() bool { return strings.Contains(logOf(t, c), "the last line\n") })
	var size int64
	_ = filepath.Walk(filepath.Join(p.opts.Dir, "logs"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return nil
	})
	if size == 0 || size > bound {
		t.Errorf("the log is %d bytes on disk, its bound %d", size, bound)
	}
	for line := range strings.Lines(logOf(t, c)) {
		if len(line) > maxLogLine+1 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// What a function leaves running ends with its instance, even outside its process group.
func TestStrayProcesses(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	kinds := []string{"group"}
	if p.Limits().Memory {
		kinds = append(kinds, "setsid") // only a control group finds these
	}
	for _, kind := range kinds {
		pid := getOK(t, url+"?leave="+kind).PID
		if !alive(pid) {
			t.Fatal("no stray process")
		}
		if _, err := c.Retire(t.Context(), "s", "f"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the stray process ends", func() bool { return !alive(pid) })
	}
}

// A client that goes away leaves an instance that finishes its request and is clean for the next.
func TestClientDisconnect(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	first := getOK(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	g := newGate(t)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?"+g.query(), nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		res, err := (&http.Client{}).Do(req)
		if err == nil {
			res.Body.Close()
		}
		gone <- err
	}()
	eventually(t, "the request has started", func() bool { return strings.Count(logOf(t, c), "START ") == 2 })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatalf("client: %v", err)
	}
	if other := getOK(t, url); other.ID == first.ID { // the instance is still busy
		t.Error("the busy instance got a second request")
	}
	g.open()
	eventually(t, "the first request is finished", func() bool { return len(reports(t, c)) == 3 })
	for range 2 {
		if r := getOK(t, url); r.Cold || r.Req != r.header.Get("X-Amzn-Requestid") {
			t.Errorf("after the disconnect: %+v", r)
		}
	}
}

func TestStartFailure(t *testing.T) {
	_, c := testPlatform(t, nil)
	artifact := filepath.Join(t.TempDir(), "p.zip")
	if err := os.WriteFile(artifact, zipOf(entry{"bootstrap", 0o755, []byte("not a program")}), 0o644); err != nil {
		t.Fatal(err)
	}
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Artifact = artifact })
	wantFailure(t, url, 502, kindStart, "bootstrap")
	wantFailure(t, url, 502, kindStart, "exec format error")
	eventually(t, "no instance that failed is left", func() bool {
		s, err := c.Service(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		return s.Functions[0].Instances == 0
	})
}

func TestBill(t *testing.T) {
	if b := bill(1500*time.Microsecond, 600*time.Microsecond); b != 3*time.Millisecond {
		t.Errorf("bill %v", b)
	}
}
