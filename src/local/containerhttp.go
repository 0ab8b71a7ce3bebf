package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// rawRequest is a request for a function that is an HTTP server.
type rawRequest struct {
	method string
	path   string // below the function's own
	query  string
	header http.Header
	body   []byte
}

// rawResponse is the answer to a request, as the gateway writes it.
type rawResponse struct {
	status int
	header http.Header
	body   []byte
}

// server is an instance's HTTP server.
type server struct {
	addr  string          // where it listens, or will
	ended <-chan struct{} // closed when its container has ended
}

// converse does for a server on $PORT what the Runtime API does for other functions: it waits until the server listens,
// then passes requests to it, as many at once as the function may have. It returns when the container has ended.
func (in *instance) converse(c server) {
	if !in.awaitListener(c) {
		return // it ended, or its init timeout will end it
	}
	// What is under way when the container ends is broken off: an address that is gone sends no reset.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: in.fn.spec.Concurrency}
	defer transport.CloseIdleConnections()
	in.noteReady()
	var workers sync.WaitGroup
	for range in.fn.spec.Concurrency {
		workers.Go(fail.Caught(in.fn.platform.defect, func() { in.work(ctx, c, transport) }))
	}
	<-c.ended
	cancel()
	workers.Wait()
}

// awaitListener tries to connect until the server listens. The address is the container's own, so a refused connection
// means that the server does not listen yet.
func (in *instance) awaitListener(c server) bool {
	if c.addr == "" {
		return false
	}
	for wait := 500 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		conn, err := net.DialTimeout("tcp", c.addr, time.Second)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-c.ended:
			return false
		case <-time.After(wait):
		}
	}
}

// work passes one request after the other until the container ends. There are as many workers as requests that the
// function may have at once, so slots are not counted.
func (in *instance) work(ctx context.Context, c server, transport *http.Transport) {
	for {
		inv := in.nextInvocation()
		for inv == nil {
			select {
			case <-in.wake:
			case <-c.ended:
				return
			}
			inv = in.nextInvocation()
		}
		in.fn.log.line(append(append(append(make([]byte, 0, 80), "START RequestId: "...), inv.id...), " Version: 1"...))
		res := in.forward(ctx, c, transport, inv)
		if ctx.Err() != nil {
			return // the container has ended: its instance gives the request its result, with the reason
		}
		if res.kind == kindCrash {
			if endsSoon(c) {
				return // likewise
			}
			in.fn.retireInstance(in) // it is ending, or cannot be trusted: it gets no further request
		}
		in.mu.Lock()
		in.deliver(inv, res) // a request that timed out has its result already
		in.mu.Unlock()
	}
}

// endTime is how long a container that aborts a request may take to end: its connections are closed before the Engine
// knows how it ended, for example out of memory.
const endTime = 2 * time.Second

// endsSoon waits for the container's end, and reports whether it came.
func endsSoon(c server) bool {
	timer := time.NewTimer(endTime)
	defer timer.Stop()
	select {
	case <-c.ended:
		return true
	case <-timer.C:
		return false
	}
}

// forward sends a request to the server and reads its whole answer.
func (in *instance) forward(ctx context.Context, c server, transport *http.Transport, inv *invocation) result {
	ctx, cancel := context.WithTimeout(ctx, in.fn.timeout+time.Second) // the invocation's own timer is first
	defer cancel()
	name := in.fn.spec.Name
	broken := func(err error) result {
		return result{kind: kindCrash, class: "Runtime.ExitError",
			msg: fmt.Sprintf("function %s: its server aborted the request: %v", name, err)}
	}
	req, err := http.NewRequestWithContext(ctx, inv.raw.method, "http://"+c.addr+"/", bytes.NewReader(inv.raw.body))
	if err != nil {
		return broken(err)
	}
	req.URL.Path, req.URL.RawQuery = inv.raw.path, inv.raw.query
	for key, values := range inv.raw.header {
		if forwarded(key) {
			req.Header[key] = values
		}
	}
	req.Header.Set("X-Request-Id", inv.id)
	req.Header.Set("X-Cloud-Trace-Context", inv.id)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return broken(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	switch {
	case err != nil:
		return broken(err)
	case len(body) > maxResponse:
		return result{kind: kindResponseTooLarge, class: classTooLarge,
			msg: fmt.Sprintf("function %s: its response is over %d bytes", name, maxResponse)}
	}
	header := make(http.Header, len(res.Header))
	for key, values := range res.Header {
		if forwarded(key) {
			header[key] = values
		}
	}
	return result{raw: &rawResponse{res.StatusCode, header, body}}
}
