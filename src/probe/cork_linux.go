package probe

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const canCork = true

// cork makes the kernel hold back segments that are not full, or lets them go (TCP_CORK, tcp(7)). As for writes, Go's
// scheduler is not told.
func cork(fd int, on bool) error {
	value := int32(0)
	if on {
		value = 1
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_CORK,
		uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
	if errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	return nil
}

// fitsSegment reports whether so many bytes are less than a full segment of the socket.
func fitsSegment(fd, bytes int) bool {
	const least = 536 // RFC 9293, section 3.7.1
	if bytes < least {
		return true
	}
	full, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG)
	return err == nil && bytes < full
}

// unsent is how many of the bytes that were written have not been sent (SIOCOUTQNSD of linux/sockios.h); 0 where it
// cannot be known.
func unsent(fd int) int {
	const outQueueNotSent = 0x894b
	n, err := unix.IoctlGetInt(fd, outQueueNotSent)
	if err != nil {
		return 0
	}
	return n
}

// dropUnsent makes the socket's close end the connection at once, without sending what is held back (SO_LINGER of 0).
func dropUnsent(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}
