package local

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serveAPI serves an instance's Runtime API to every process and gives its URL.
func serveAPI(t *testing.T, in *instance) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in.api = in.newAPI(l)
	in.api.identify = nil
	go in.api.serve()
	t.Cleanup(func() { _ = in.api.Close() })
	return "http://" + l.Addr().String()
}

// idleInstance is one of a function that runs nothing, and its Runtime API's address.
func idleInstance(t *testing.T, concurrency int) (in *instance, addr string) {
	t.Helper()
	p, _ := testPlatform(t, nil)
	keepAlive := 600.0
	f := newFunction(p, "s", client.FunctionSpec{Name: "f", Concurrency: concurrency, KeepAliveSeconds: &keepAlive})
	f.log = newLogFile(filepath.Join(t.TempDir(), "log"), 1<<20, p.defect)
	f.timeout = time.Minute
	in = newInstance(f)
	return in, strings.TrimPrefix(serveAPI(t, in), "http://")
}

// line is a connection of a runtime that is written by hand.
type line struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dialAPI(t *testing.T, addr string) *line {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &line{t, conn, bufio.NewReader(conn)}
}

// say writes a text, piece by piece.
func (l *line) say(pieces ...string) {
	l.t.Helper()
	for _, p := range pieces {
		if _, err := io.WriteString(l, p); err != nil {
			l.t.Fatal(err)
		}
	}
}

// hear reads an answer.
func (l *line) hear() (res *http.Response, body string) {
	l.t.Helper()
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res, string(text)
}

// give has the instance's function get a request.
func give(t *testing.T, in *instance, id, event string) *invocation {
	t.Helper()
	inv := newInvocation(id)
	inv.event, inv.given = []byte(event), time.Now()
	if !in.submit(inv) {
		t.Fatal("the instance takes no request")
	}
	return inv
}

const askNext = "GET " + runtimePrefix + "invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"

// post is the head of an answer to a request.
func post(id, headers string) string {
	return "POST " + runtimePrefix + "invocation/" + id + "/response HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n"
}

// TestRuntimeConnection speaks to a Runtime API as runtimes may: in pieces, ahead of the answer, in chunks, only when
// told to, with the old protocol, and badly.
func TestRuntimeConnection(t *testing.T) {
	in, addr := idleInstance(t, 1)
	long := strings.Repeat("x", 3*smallEvent)
	bodies := []struct{ head, body, want string }{
		{"Content-Length: 3\r\n", "one", "one"},
		{"Transfer-Encoding: chunked\r\n", "3\r\ntwo\r\n4\r\nfold\r\n0\r\n\r\n", "twofold"},
		{"Content-Length: 98304\r\nExpect: 100-continue\r\n", long, long},
	}
	l := dialAPI(t, addr)
	for i, b := range bodies {
		id := fmt.Sprint("request-", i)
		l.say(askNext[:9], askNext[9:])
		eventually(t, "it waits", func() bool { in.mu.Lock(); defer in.mu.Unlock(); return len(in.waiting) == 1 })
		inv := give(t, in, id, b.want)
		res, event := l.hear()
		if res.StatusCode != 200 || event != b.want || res.Header.Get("Lambda-Runtime-Aws-Request-Id") != id {
			t.Fatalf("request %d: %s with an event of %d bytes %v", i, res.Status, len(event), res.Header)
		}
		l.say(post(id, b.head))
		if strings.Contains(b.head, "Expect") {
			if res, _ := l.hear(); res.StatusCode != http.StatusContinue {
				t.Fatalf("request %d: %s", i, res.Status)
			}
		}
		l.say(b.body)
		if got := <-inv.result; got.kind != "" || string(got.body) != b.want {
			t.Errorf("request %d: %s %s with %d bytes", i, got.kind, got.msg, len(got.body))
		}
		if res, _ := l.hear(); res.StatusCode != http.StatusAccepted || res.Close {
			t.Fatalf("request %d: %s", i, res.Status)
		}
	}

	// A connection that ends while it waits gives its place back; one that asks ahead gets its answers in order.
	l.say(askNext)
	eventually(t, "it waits", func() bool { in.mu.Lock(); defer in.mu.Unlock(); return len(in.waiting) == 1 })
	l.Close()
	eventually(t, "its place is free", func() bool { return len(in.slots) == 0 })
	l = dialAPI(t, addr)
	l.say(askNext + post("ahead", "Content-Length: 1\r\nConnection: close\r\n") + "1")
	eventually(t, "it waits", func() bool { in.mu.Lock(); defer in.mu.Unlock(); return len(in.waiting) == 1 })
	inv := give(t, in, "ahead", "{}")
	if res, event := l.hear(); res.StatusCode != 200 || event != "{}" {
		t.Errorf("asked ahead: %s %s", res.Status, event)
	}
	if res, _ := l.hear(); res.StatusCode != http.StatusAccepted || !res.Close || string((<-inv.result).body) != "1" {
		t.Errorf("answered ahead: %s %v", res.Status, res.Close)
	}
	if _, err := l.in.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

// TestRuntimeConnectionRefuses has no request that is none hold a connection, and no answer be lost behind its body.
func TestRuntimeConnectionRefuses(t *testing.T) {
	_, addr := idleInstance(t, 1)
	unknown := runtimePrefix + "invocation/none/response HTTP/1."
	for name, c := range map[string]struct {
		say    string
		status int
		close  bool
	}{
		"no HTTP":     {"HELLO\r\n\r\n", 400, true},
		"long header": {"GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 2*apiHeaderBytes), 431, true},
		"HTTP/1.0":    {"POST " + unknown + "0\r\nContent-Length: 2\r\n\r\n{}", 400, true},
		"HTTP/1.0, kept": {"POST " + unknown + "0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
			400, false},
		"long body": {"POST " + unknown + "1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" +
			strings.Repeat("a", 8000000), 400, true},
		"method": {"PUT " + runtimePrefix + "init/error HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, false},
	} {
		l := dialAPI(t, addr)
		go func() { _, _ = io.WriteString(l, c.say) }()
		res, body := l.hear()
		if res.StatusCode != c.status || res.Close != c.close {
			t.Errorf("%s: %s, closed %v, %s", name, res.Status, res.Close, body)
		}
	}
}
