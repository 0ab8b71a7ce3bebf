//go:build !linux

package sandbox

import (
	"net"
	"sync/atomic"
)

// HoldsConnection cannot be found out here: every process of this machine may speak to a Runtime API.
func HoldsConnection(net.Conn, int, string, *atomic.Int32) bool { return true }
