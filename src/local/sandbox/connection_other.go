//go:build !linux

package local

import "net"

// belongs cannot be found out here: every process of this machine may speak to a Runtime API.
func belongs(net.Conn, int, string) bool { return true }
