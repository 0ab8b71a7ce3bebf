//go:build !linux

package sandbox

import "net"

// HoldsConnection cannot be found out here: every process of this machine may speak to a Runtime API.
func HoldsConnection(net.Conn, int, string) bool { return true }
