//go:build linux && !race

package probe

import (
	"syscall"
	"unsafe"
)

// Go's scheduler is not told of reads and writes of sockets: it would take the processor from the thread that sends.
// See ReserveProcessors.

func sysRead(fd int, b []byte) (int, error)  { return rawCall(syscall.SYS_READ, fd, b) }
func sysWrite(fd int, b []byte) (int, error) { return rawCall(syscall.SYS_WRITE, fd, b) }

func rawCall(call uintptr, fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
