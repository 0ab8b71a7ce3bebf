package probe

import (
	"io"
	"os"
	"syscall"
)

// readSocket and writeSocket are read(2) and write(2) of a socket that never waits.

func readSocket(fd int, b []byte) (int, error) {
	for {
		n, err := sysRead(fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EAGAIN: //nolint:errorlint // a system call's own answer is never wrapped
			return 0, errAgain
		case err != syscall.EINTR: //nolint:errorlint // likewise
			return 0, os.NewSyscallError("read", err)
		}
	}
}

func writeSocket(fd int, b []byte) (int, error) {
	for {
		n, err := sysWrite(fd, b)
		switch {
		case err == nil:
			return n, nil
		case err == syscall.EAGAIN: //nolint:errorlint // a system call's own answer is never wrapped
			return 0, errAgain
		case err != syscall.EINTR: //nolint:errorlint // likewise
			return 0, os.NewSyscallError("write", err)
		}
	}
}
