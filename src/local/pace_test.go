package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// slowly sends a request's header and then its body in pieces, and gives the answer with the longest time between two
// pieces.
func slowly(t *testing.T, address, header string, pieces []string, pause time.Duration) (*http.Response, string,
	time.Duration) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, header); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	last, longest := time.Now(), time.Duration(0)
	wrote := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		longest, last = max(longest, time.Since(last)), time.Now()
		return longest
	}
	go func() {
		for _, piece := range pieces {
			time.Sleep(pause)
			wrote()
			if _, err := io.WriteString(conn, piece); err != nil {
				return // it has had its answer
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer to %.60q: %v", header, err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res, string(text), wrote()
}

// A body that does not come, or only byte by byte, gets a 408, and holds neither instance nor version. One that makes
// progress may take longer than any pause.
func TestBodyThatDoesNotCome(t *testing.T) {
	const idle = 400 * time.Millisecond
	p, c := testPlatform(t, func(o *Options) { o.bodyIdle = idle })
	deployTo(t, c, nil)
	gateway, control := p.gatewayAddr.Addr().String(), p.controlAddr.Addr().String()
	drops := strings.Split(strings.Repeat("x", 60), "")
	post := func(target string, length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", target, length)
	}
	put := func(target string, length int) string {
		return fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"+
			"Content-Length: %d\r\n\r\n", target, testToken, length)
	}
	chunked := "POST /s/f HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	for _, test := range []struct {
		name, address, header string
		pieces                []string
		status                int
		text                  string
	}{
		{"silent", gateway, post("/s/f", 100), nil, 408, "did not arrive"},
		{"half", gateway, post("/s/f", 100) + "half", nil, 408, "did not arrive"},
		{"chunks", gateway, chunked, nil, 408, "did not arrive"},
		{"drops", gateway, post("/s/f", 100), drops, 408, "did not arrive"},
		{"steady", gateway, post("/s/f?do=echo", 20<<10),
			strings.SplitAfter(strings.Repeat(strings.Repeat("y", 2<<10-1)+"\n", 10), "\n"), 201, "eXl5"},
		{"nowhere", gateway, post("/s/nowhere", 100), nil, 404, "no function"},
		{"control", control, put("/v1/services/x", 100), nil, 408, "did not arrive"},
		{"control, drops", control, put("/v1/services/x", 100) + `{"`, drops, 408, "did not arrive"},
		{"control, unread", control,
			strings.Replace(put("/v1/services/s/functions/f/retire", 100), "PUT", "POST", 1), nil, 200, "retired"},
		{"control, no token", control, post("/v1/stop", 100), nil, 401, "token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := p.Status().Instances
			begun := time.Now()
			res, text, longest := slowly(t, test.address, test.header, test.pieces, 100*time.Millisecond)
			for n := 0; test.name == "steady" && longest > idle/2 && n < 20; n++ { // the machine held the pieces up
				begun = time.Now()
				res, text, longest = slowly(t, test.address, test.header, test.pieces, 100*time.Millisecond)
			}
			took := time.Since(begun)
			if res.StatusCode != test.status || !strings.Contains(text, test.text) {
				t.Errorf("answered %d %.200s; want %d and %q", res.StatusCode, text, test.status, test.text)
			}
			if test.status == 408 && (!res.Close || took < 300*time.Millisecond || p.Status().Instances != before) {
				t.Errorf("after %v: kept alive %v, %d instances", took, !res.Close, p.Status().Instances)
			}
			if test.name == "steady" && took < 900*time.Millisecond {
				t.Errorf("it took %v, it was to be longer than a pause may be", took)
			}
		})
	}
}

// The same over HTTP/2, where one stream fails and the connection stays.
func TestStreamThatDoesNotCome(t *testing.T) {
	p, c := testPlatform(t, func(o *Options) { o.bodyIdle = 300 * time.Millisecond })
	url := deployTo(t, c, nil)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	body, never := io.Pipe()
	defer never.Close()
	res, err := client.Post(url, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 408 || res.Header.Get("X-Stellar-Error") != kindRequestTimeout ||
		res.ProtoMajor != 2 || p.Status().Instances != 0 {
		t.Errorf("%s %d %v, %d instances", res.Proto, res.StatusCode, res.Header, p.Status().Instances)
	}
}

// A body that does not come does not hold up the removal of its function, however long it is waited for.
func TestSlowBodyDoesNotHoldAVersion(t *testing.T) {
	p, c := testPlatform(t, func(o *Options) { o.bodyIdle = time.Hour })
	deployTo(t, c, nil)
	conn, err := net.Dial("tcp", p.gatewayAddr.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /s/f HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the body is waited for", func() bool { return goroutinesIn("readBody") > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Delete(ctx, "s"); err != nil {
		t.Error(err)
	}
}

// A request that has been read may wait for an instance, and then take its time, for longer than any pause of its body.
func TestRequestMayTakeLongerThanAPause(t *testing.T) {
	_, c := testPlatform(t, func(o *Options) { o.bodyIdle = 300 * time.Millisecond })
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Queueing, f.MaxInstances = client.QueueingQueue, 1 })
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if r, err := send(http.MethodPost, url+"?sleep=700", strings.NewReader("body")); err != nil ||
				r.status != 200 {
				t.Errorf("%v: answered %d %s", err, r.status, r.body)
			}
		})
	}
	both.Wait()
}
