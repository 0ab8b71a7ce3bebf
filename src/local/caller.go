package local

import (
	"context"
	"net"
	"net/http"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// callerKey is the context key of a connection's caller.
type callerKey struct{}

// caller answers whether a connection comes from the instance that the Runtime API is for. The look-up happens once,
// beside the connection's first request.
type caller struct {
	known chan struct{}
	own   bool
}

// identify finds the process of a connection. Neither an address nor a request id is secret on a machine: without this
// check, any process could answer for an instance.
func (in *instance) identify(ctx context.Context, conn net.Conn) context.Context {
	c := &caller{known: make(chan struct{})}
	fail.Go(in.fn.platform.defect, func() {
		select {
		case <-in.spawned:
			c.own = sandbox.HoldsConnection(conn, int(in.pid.Load()), in.marker())
		case <-ctx.Done():
		}
	}, func() { close(c.known) })
	return context.WithValue(ctx, callerKey{}, c)
}

// marker is in the environment of the instance's process and of its children.
func (in *instance) marker() string { return "]" + in.id + "\x00" }

// isOwn reports whether a request comes from the instance itself. Containers are not checked.
func isOwn(r *http.Request) bool {
	c, ok := r.Context().Value(callerKey{}).(*caller)
	if !ok {
		return true
	}
	select {
	case <-c.known:
		return c.own
	case <-r.Context().Done():
		return false
	}
}
