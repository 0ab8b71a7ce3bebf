package local

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// A request that a server works on is broken off when its container ends: the address of a container that has ended may
// send no reset, so that nothing else would end the worker before the function's timeout.
func TestEndOfTheContainerBreaksRequestsOff(t *testing.T) {
	asked := make(chan struct{})
	broken := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done() // the client has closed the connection
		close(broken)
	}))
	t.Cleanup(s.Close)
	p, _ := testPlatform(t, nil)
	keepAlive := 600.0
	f := newFunction(p, "s", client.FunctionSpec{Name: "f", Concurrency: 2, KeepAliveSeconds: &keepAlive,
		TimeoutSeconds: 60})
	f.log = newLogFile(t.TempDir()+"/f.log", 1<<20, p.defect)
	t.Cleanup(func() { _ = f.log.close() })
	in := newInstance(f)
	ended, over := make(chan struct{}), make(chan struct{})
	fail.Go(p.defect, func() { in.converse(server{strings.TrimPrefix(s.URL, "http://"), ended}) },
		func() { close(over) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	inv := &invocation{id: "r", result: make(chan result, 1), raw: &rawRequest{method: http.MethodGet}}
	if !in.submit(inv) {
		t.Fatal("the instance takes no request")
	}
	for _, step := range []struct {
		what string
		done <-chan struct{}
	}{{"the server has the request", asked}, {"the request is broken off", broken}, {"converse has returned", over}} {
		select {
		case <-step.done:
		case <-ctx.Done():
			t.Fatalf("not so: %s", step.what)
		}
		if step.done == asked {
			close(ended)
		}
	}
	select {
	case res := <-inv.result:
		t.Errorf("its worker has given it a result, which the instance knows better: %+v", res)
	default: // the instance gives it its result, with the reason
	}
}
