package local

import (
	"context"
	"net"
	"net/http"

	"stellar/src/fail"
	"stellar/src/local/sandbox"
)

// callerKey is where a connection to a Runtime API carries who has opened it.
type callerKey struct{}

// caller is the answer to whether a connection comes from the instance that the Runtime API is for. It is looked up
// beside the connection's first request, once.
type caller struct {
	known chan struct{}
	own   bool
}

// identify looks up whose connection it is. An address is no secret on a machine, nor is the id of a request: without
// this, any process could answer for an instance.
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

// marker is in the environment of the instance's process, and of what that starts.
func (in *instance) marker() string { return "]" + in.id + "\x00" }

// isOwn says whether a request comes from the instance itself. Containers are not looked into.
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
