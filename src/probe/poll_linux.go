package probe

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller reports which of its sockets have become readable or writable, each change once (edge-triggered).
type poller struct {
	fd, wakeFD int
	raw        []unix.EpollEvent
	ready      []readiness
	sys        waitCalls
	coarse     bool  // epoll_pwait2 cannot be used here
	soon       bool  // see expectSoon
	err        error // the failure after which nothing is waited for any more
}

// waitCalls are the system calls that wait for events. They return the number of events. Tests replace them.
type waitCalls struct {
	now func(fd int, events []unix.EpollEvent) (int, error) // does not wait
	// as fine, for a short time at the end of which Go's scheduler need not have been told
	brief func(fd int, events []unix.EpollEvent, d time.Duration) (int, error)
	// to the nanosecond: Linux 5.11 and later
	fine  func(fd int, events []unix.EpollEvent, d time.Duration) (int, error)
	mills func(fd int, events []unix.EpollEvent, ms int) (int, error) // -1: without a limit
	nap   func(fd int, d time.Duration)                               // until there may be events, at most d
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
	p := &poller{fd: fd, wakeFD: wake, raw: make([]unix.EpollEvent, 512), ready: make([]readiness, 0, 512),
		sys: linuxWaitCalls()}
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wake,
		&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(wake)})
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

// wait returns what has changed, as soon as something has or after d; a negative d is no limit. The result is valid
// until the next call. After a failure, which err holds, it returns nothing and at once.
func (p *poller) wait(d time.Duration) []readiness {
	p.ready = p.ready[:0]
	if p.err != nil {
		return p.ready
	}
	n, err := p.epollWait(d)
	if err != nil {
		n = 0
		if err != unix.EINTR { //nolint:errorlint // a system call's own answer is never wrapped
			p.err = fmt.Errorf("wait for sockets: %w", err)
		}
	}
	for _, e := range p.raw[:n] {
		if int(e.Fd) == p.wakeFD {
			continue // edge-triggered: the counter need not be read
		}
		ended := e.Events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0
		p.ready = append(p.ready, readiness{int(e.Fd), ended, ended || e.Events&unix.EPOLLIN != 0, ended ||
			e.Events&unix.EPOLLOUT != 0})
	}
	return p.ready
}

// briefWait is how long a thread waits for events at most without the knowledge of Go's scheduler: as long a garbage
// collection may have to wait for it to stop.
const briefWait = time.Millisecond

// expectSoon says whether events are expected soon, as where all connections of a load are in use. The wait then begins
// with a brief one that Go's scheduler is not told of: see ReserveProcessors.
func (p *poller) expectSoon(soon bool) { p.soon = soon }

// epollWait waits with epoll_pwait2 where it can be used. Kernels before 5.11 answer ENOSYS, the seccomp profiles of
// older container engines EPERM: whatever the refusal is, epoll_wait takes its place. It counts in milliseconds. Whole
// ones are waited for in it, and what is left of one in ppoll, so that no wait is longer than asked for and none spins.
func (p *poller) epollWait(d time.Duration) (int, error) {
	switch {
	case d == 0:
		return p.sys.now(p.fd, p.raw)
	case d < 0:
		return p.sys.mills(p.fd, p.raw, -1)
	}
	if p.soon && !p.coarse {
		n, err := p.sys.brief(p.fd, p.raw, min(d, briefWait))
		if n > 0 || err == nil && d <= briefWait {
			return n, nil
		}
		if err == nil {
			d -= briefWait
		}
	}
	if !p.coarse {
		n, err := p.sys.fine(p.fd, p.raw, d)
		if err == nil || err == unix.EINTR { //nolint:errorlint // a system call's own answer is never wrapped
			return n, err
		}
		p.coarse = true
	}
	if d >= time.Millisecond {
		return p.sys.mills(p.fd, p.raw, int(min(d/time.Millisecond, math.MaxInt32)))
	}
	p.sys.nap(p.fd, d)
	return p.sys.now(p.fd, p.raw)
}

func linuxWaitCalls() waitCalls {
	return waitCalls{
		now: func(fd int, events []unix.EpollEvent) (int, error) {
			// Returns at once: the scheduler need not know.
			n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
				uintptr(len(events)), 0, 0, 0)
			return answerOf(n, errno)
		},
		fine: func(fd int, events []unix.EpollEvent, d time.Duration) (int, error) {
			limit := unix.NsecToTimespec(int64(d))
			n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
				uintptr(len(events)),
				uintptr(unsafe.Pointer(&limit)), 0, 0)
			return answerOf(n, errno)
		},
		brief: func(fd int, events []unix.EpollEvent, d time.Duration) (int, error) {
			limit := unix.NsecToTimespec(int64(d))
			n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
				uintptr(len(events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
			return answerOf(n, errno)
		},
		mills: unix.EpollWait,
		nap: func(fd int, d time.Duration) {
			limit := unix.NsecToTimespec(int64(d))
			// A refusal only makes the wait shorter: the events are asked for afterwards.
			_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &limit, nil)
		},
	}
}

func answerOf(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// wake makes wait return; any goroutine may call it.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.wakeFD, one[:]) // it fails where the counter is full, and then wait returns anyway
}

func (p *poller) close() error { return errors.Join(unix.Close(p.wakeFD), unix.Close(p.fd)) }

// keepAlive makes the kernel ask every 15 s whether the other side of an idle connection still exists, which also keeps
// the entries of address translators on the way.
func keepAlive(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
}

// openSocket makes a non-blocking TCP socket.
func openSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	// Without it the kernel may hold back the end of a request, which would be in its latency.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, errors.Join(fmt.Errorf("set TCP_NODELAY: %w", err), unix.Close(fd))
	}
	return fd, nil
}
