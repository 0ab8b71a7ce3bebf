//go:build unix

package main

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// blockingConn is a connection whose reads and writes block their thread. Go's network poller lets many connections
// share few threads; a single one it costs two or three more system calls and a thread's wake-up for each wait.
type blockingConn struct {
	file *os.File // keeps the descriptor open
	fd   int
}

var _ io.ReadWriteCloser = (*blockingConn)(nil)

// blocking takes a connection from the network poller, where that is possible.
func blocking(conn net.Conn) io.ReadWriteCloser {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	file, err := tcp.File()
	if err != nil {
		return conn
	}
	fd := int(file.Fd())
	if err := syscall.SetNonblock(fd, false); err != nil {
		file.Close()
		return conn
	}
	conn.Close() // the file is a duplicate
	return &blockingConn{file, fd}
}

func (c *blockingConn) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, p)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c *blockingConn) Write(p []byte) (written int, err error) {
	for written < len(p) {
		n, err := syscall.Write(c.fd, p[written:])
		written += max(n, 0)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return written, os.NewSyscallError("write", err)
		}
	}
	return written, nil
}

func (c *blockingConn) Close() error { return c.file.Close() }
