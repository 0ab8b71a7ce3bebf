//go:build !unix

package main

import (
	"io"
	"net"
)

// blocking leaves a connection to the network poller.
func blocking(conn net.Conn) io.ReadWriteCloser { return conn }
