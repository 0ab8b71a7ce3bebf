package probe

import (
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// stampArrivals makes the kernel note when it receives what a socket is sent
// (docs.kernel.org/networking/timestamping.html), and reports whether it does.
func stampArrivals(fd int) bool {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING,
		unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE) == nil
}

// stampedReader reads from sockets of stampArrivals. Its buffers are reused: a loop has one.
type stampedReader struct {
	message unix.Msghdr
	part    unix.Iovec
	control [16]uint64 // room for one message of three times
}

// stamps are the times of a control message: by the software, unused, by the hardware.
type stamps [3]unix.Timespec

// read is readSocket. waited is how long the last of the bytes had been in the kernel, None where it does not say.
//
// The kernel has one time for segments that it has joined, that of the last one. It joins what waits to be read, so
// that a time is later than the byte's own only where more than that byte was waiting.
func (r *stampedReader) read(fd int, b []byte) (n int, waited time.Duration, err error) {
	for {
		r.part.Base = &b[0]
		r.part.SetLen(len(b))
		r.message = unix.Msghdr{Iov: &r.part, Control: (*byte)(unsafe.Pointer(&r.control[0]))}
		r.message.SetIovlen(1)
		r.message.SetControllen(int(unsafe.Sizeof(r.control)))
		got, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.message)), 0)
		switch {
		case errno == 0 && got > 0:
			return int(got), r.waited(time.Now()), nil
		case errno == 0:
			return 0, 0, io.EOF
		case errno == syscall.EAGAIN:
			return 0, 0, errAgain
		case errno != syscall.EINTR:
			return 0, 0, os.NewSyscallError("read", errno)
		}
	}
}

// waited reads the kernel's time of the last read. It is of the wall clock, as now is.
func (r *stampedReader) waited(now time.Time) time.Duration {
	head := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[0]))
	if int(r.message.Controllen) < unix.CmsgLen(int(unsafe.Sizeof(stamps{}))) || head.Level != unix.SOL_SOCKET ||
		head.Type != unix.SCM_TIMESTAMPING {
		return sample.None
	}
	at := (*stamps)(unsafe.Pointer(uintptr(unsafe.Pointer(head)) + uintptr(unix.CmsgLen(0))))[0]
	if at.Sec == 0 && at.Nsec == 0 {
		return sample.None
	}
	return max(time.Duration(now.UnixNano()-at.Nano()), 0)
}
