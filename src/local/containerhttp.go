package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// rawRequest is a request for a function that is an HTTP server.
type rawRequest struct {
	method string
	query  string
	header http.Header
	body   []byte
}

// rawResponse is what it answered.
type rawResponse struct {
	status int
	header http.Header
	body   []byte
}

// converse does for a server on $PORT what the Runtime API does for other functions: it waits until the server listens,
// then hands it requests, as many at once as the function may have.
func (in *instance) converse(c *inContainer) {
	if !in.awaitListener(c) {
		return // it ended, or its init timeout will end it
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: in.fn.spec.Concurrency, DisableKeepAlives: false}
	defer transport.CloseIdleConnections()
	in.noteReady()
	for range in.fn.spec.Concurrency - 1 {
		go in.work(c, transport)
	}
	in.work(c, transport)
}

// awaitListener tries to connect until the server does listen. Its address is the container's own: refused means not yet.
func (in *instance) awaitListener(c *inContainer) bool {
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

// work hands over one request after the other.
func (in *instance) work(c *inContainer, transport *http.Transport) {
	for {
		in.slots <- struct{}{}
		inv := in.take()
		for inv == nil {
			select {
			case <-in.wake:
			case <-c.ended:
				return
			}
			inv = in.take()
		}
		in.fn.log.line(append(append(append(make([]byte, 0, 80), "START RequestId: "...), inv.id...), " Version: 1"...))
		res := in.forward(c, transport, inv)
		if res.kind == kindCrash {
			in.fn.spoil(in) // it is ending, or cannot be trusted: nobody else is to meet it
		}
		in.settle(inv, res)
	}
}

// forward sends a request to the server and reads its whole answer.
func (in *instance) forward(c *inContainer, transport *http.Transport, inv *invocation) result {
	ctx, cancel := context.WithTimeout(context.Background(), in.fn.timeout+time.Second) // the invocation's own timer is first
	defer cancel()
	name := in.fn.spec.Name
	broken := func(err error) result {
		return result{kind: kindCrash, class: "Runtime.ExitError", msg: fmt.Sprintf("function %s: its server broke off: %v", name, err)}
	}
	req, err := http.NewRequestWithContext(ctx, inv.raw.method, "http://"+c.addr+"/", bytes.NewReader(inv.raw.body))
	if err != nil {
		return broken(err)
	}
	req.URL.RawQuery = inv.raw.query
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
		return result{kind: kindResponseTooLarge, msg: fmt.Sprintf("function %s: its response is over %d bytes", name, maxResponse)}
	}
	return result{raw: &rawResponse{res.StatusCode, res.Header, body}}
}

// writeRaw writes what a server answered.
func writeRaw(w http.ResponseWriter, res *rawResponse) error {
	if res.status < 200 {
		return errors.New("its response has an informational status")
	}
	h := w.Header()
	for key, values := range res.header {
		if forwarded(key) {
			h[key] = values
		}
	}
	writeBody(w, "", res.status, res.body)
	return nil
}
