package probe

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poller reports which of its sockets have become readable or writable, each change once (EV_CLEAR).
type poller struct {
	fd    int
	raw   []unix.Kevent_t
	ready []readiness
	err   error // the failure after which nothing is waited for any more
}

// wakeIdent names the user event that ends wait.
const wakeIdent = 1

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, fmt.Errorf("make a kqueue: %w", err)
	}
	unix.CloseOnExec(fd)
	p := &poller{fd: fd, raw: make([]unix.Kevent_t, 512), ready: make([]readiness, 0, 512)}
	wake := []unix.Kevent_t{{Ident: wakeIdent, Filter: unix.EVFILT_USER, Flags: unix.EV_ADD | unix.EV_CLEAR}}
	if _, err := unix.Kevent(fd, wake, nil, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the wake event: %w", err), p.close())
	}
	return p, nil
}

// add watches a socket until it is closed.
func (p *poller) add(fd int) error {
	var changes [2]unix.Kevent_t
	unix.SetKevent(&changes[0], fd, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR)
	unix.SetKevent(&changes[1], fd, unix.EVFILT_WRITE, unix.EV_ADD|unix.EV_CLEAR)
	_, err := unix.Kevent(p.fd, changes[:], nil, nil)
	return err
}

// wait returns what has changed, as soon as something has or after d; a negative d is no limit. The answer is valid
// until the next call. After a failure, which err holds, it returns nothing and at once.
func (p *poller) wait(d time.Duration) []readiness {
	p.ready = p.ready[:0]
	if p.err != nil {
		return p.ready
	}
	var limit *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		limit = &t
	}
	n, err := unix.Kevent(p.fd, nil, p.raw, limit)
	if err != nil && !errors.Is(err, unix.EINTR) {
		p.err = fmt.Errorf("wait for sockets: %w", err)
	}
	for _, e := range p.raw[:max(n, 0)] {
		if e.Filter == unix.EVFILT_USER {
			continue
		}
		ended := e.Flags&unix.EV_EOF != 0
		p.ready = append(p.ready, readiness{int(e.Ident), ended, ended || e.Filter == unix.EVFILT_READ, ended ||
			e.Filter == unix.EVFILT_WRITE})
	}
	return p.ready
}

// expectSoon changes nothing: this system's calls all go through its C library.
func (p *poller) expectSoon(bool) {}

// wake makes wait return; any goroutine may call it.
func (p *poller) wake() {
	_, _ = unix.Kevent(p.fd, []unix.Kevent_t{{Ident: wakeIdent, Filter: unix.EVFILT_USER, Fflags: unix.NOTE_TRIGGER}},
		nil, nil)
}

func (p *poller) close() error { return unix.Close(p.fd) }

// keepAlive makes the kernel ask every 15 s whether the other side of an idle connection still exists, which also keeps
// the entries of address translators on the way.
func keepAlive(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPALIVE, 15)
}

// openSocket makes a non-blocking TCP socket.
func openSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return -1, errors.Join(fmt.Errorf("open a socket: %w", err), unix.Close(fd))
	}
	// Without it the kernel may hold back the end of a request, which would be in its latency.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, errors.Join(fmt.Errorf("set TCP_NODELAY: %w", err), unix.Close(fd))
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return fd, nil
}
