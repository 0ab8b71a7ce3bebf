package probe

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller tells which of its sockets have become readable or writable, each change once (edge-triggered).
type poller struct {
	fd, wakeFD int
	raw        []unix.EpollEvent
	ready      []readiness
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an event file: %w", err), unix.Close(fd))
	}
	p := &poller{fd: fd, wakeFD: wake, raw: make([]unix.EpollEvent, 512), ready: make([]readiness, 0, 512)}
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(wake)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch the event file: %w", err), p.close())
	}
	return p, nil
}

// add watches a socket until it is closed.
func (p *poller) add(fd int) error {
	const watched = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: watched & (1<<32 - 1), Fd: int32(fd)})
}

// wait returns what has changed, as soon as something has or after d; a negative d is no limit. The answer is valid until
// the next call.
func (p *poller) wait(d time.Duration) []readiness {
	n := p.epollWait(d)
	p.ready = p.ready[:0]
	for _, e := range p.raw[:max(n, 0)] {
		if int(e.Fd) == p.wakeFD {
			continue // edge-triggered: the counter need not be read
		}
		ended := e.Events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0
		p.ready = append(p.ready, readiness{int(e.Fd), ended, ended || e.Events&unix.EPOLLIN != 0, ended || e.Events&unix.EPOLLOUT != 0})
	}
	return p.ready
}

// epollWait waits with nanoseconds where the kernel can (epoll_pwait2, since Linux 5.11), else with milliseconds, rounded
// down so that nothing is late; the caller asks again.
func (p *poller) epollWait(d time.Duration) int {
	if d == 0 {
		// Returns at once: the scheduler need not know.
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.raw[0])), uintptr(len(p.raw)), 0, 0, 0)
		if errno != 0 {
			return 0
		}
		return int(n)
	}
	if d < 0 {
		n, _ := unix.EpollWait(p.fd, p.raw, -1)
		return n
	}
	limit := unix.NsecToTimespec(int64(d))
	n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.raw[0])), uintptr(len(p.raw)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno == unix.ENOSYS {
		n, _ := unix.EpollWait(p.fd, p.raw, int(d/time.Millisecond))
		return n
	}
	if errno != 0 {
		return 0 // EINTR
	}
	return int(n)
}

// wake makes wait return; any goroutine may call it.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.wakeFD, one[:]) // it fails where the counter is full, and then wait returns anyway
}

func (p *poller) close() error { return errors.Join(unix.Close(p.wakeFD), unix.Close(p.fd)) }

// keepAlive has the kernel ask every 15 s whether the other side of an idle connection is still there, which also keeps
// the entries of address translators on the way.
func keepAlive(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
}

// openSocket makes a TCP socket that never waits.
func openSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return fd, nil
}
