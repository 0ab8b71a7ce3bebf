package local

import (
	"net"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// isOwn reports whether a connection to its Runtime API comes from the instance itself. Neither an address nor a
// request id is secret on a machine: without this check, any process could answer for an instance. Containers are not
// checked.
func (in *instance) isOwn(conn net.Conn) bool {
	<-in.spawned
	return sandbox.HoldsConnection(conn, int(in.pid.Load()), in.marker(), &in.fn.holder)
}

// marker is in the environment of the instance's process and of its children.
func (in *instance) marker() string { return "]" + in.id + "\x00" }
