//go:build linux

package main

import (
	"container/heap"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many answers are written before arrivals are looked at again, so that the stamps of arrivals are not
// late by a whole burst's answers.
const batch = 16

// loop serves the plain ports on one thread: every read is stamped when it returns, every answer when its write has.
type loop struct {
	book   *ledger
	delay  time.Duration
	ids    *atomic.Int32
	epoll  int
	timer  int
	armed  int64 // what the timer is set to
	ports  map[int]protocol
	conns  map[int]*conn
	due    agenda
	buffer []byte
	now    int64 // when the read in hand returned
	cur    *conn
}

func newLoop(book *ledger, delay time.Duration, ids *atomic.Int32) (*loop, error) {
	l := &loop{
		book:   book,
		delay:  delay,
		ids:    ids,
		ports:  map[int]protocol{},
		conns:  map[int]*conn{},
		buffer: make([]byte, 256<<10),
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return l, l.watch(l.timer, unix.EPOLLIN)
}

func (l *loop) watch(fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// listen opens a port on loopback and answers its number.
func (l *loop) listen(p protocol) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	// Accepted sockets inherit it.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, fmt.Errorf("nodelay: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 16384); err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("getsockname: %w", err)
	}
	l.ports[fd] = p
	return addr.(*unix.SockaddrInet4).Port, l.watch(fd, unix.EPOLLIN)
}

// run serves until epoll fails; the process ends it otherwise.
func (l *loop) run() error {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 256)
	for {
		timeout := -1
		if len(l.due) > 0 && l.due[0].due <= l.book.now() {
			timeout = 0
		} else if err := l.arm(); err != nil {
			return err
		}
		n, err := unix.EpollWait(l.epoll, events, timeout)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			l.event(int(e.Fd), e.Events)
		}
		l.pay()
	}
}

// arm sets the timer to the first answer that is due.
func (l *loop) arm() error {
	if len(l.due) == 0 || l.due[0].due == l.armed {
		return nil
	}
	l.armed = l.due[0].due
	wait := max(l.armed-l.book.now(), 1)
	return unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(wait)}, nil)
}

func (l *loop) event(fd int, events uint32) {
	if p, is := l.ports[fd]; is {
		l.accept(fd, p)
		return
	}
	if fd == l.timer {
		var ticks [8]byte
		_, _ = unix.Read(fd, ticks[:])
		return
	}
	c := l.conns[fd]
	if c == nil {
		return
	}
	if events&unix.EPOLLOUT != 0 {
		l.flush(c)
	}
	if events&^uint32(unix.EPOLLOUT) != 0 && l.conns[fd] == c {
		l.read(c)
	}
}

// accept takes what waits, a few at a time: connections that have sent already are not to wait for the whole queue.
func (l *loop) accept(fd int, p protocol) {
	for range batch {
		s, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		c := &conn{id: l.ids.Add(1), fd: s, proto: p}
		if l.watch(s, unix.EPOLLIN) != nil {
			_ = unix.Close(s)
			continue
		}
		l.conns[s] = c
		if p != http1 {
			c.out = c.greeting()
			l.flush(c)
		}
	}
}

func (l *loop) read(c *conn) {
	n, err := unix.Read(c.fd, l.buffer)
	l.now, l.cur = l.book.now(), c
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if n <= 0 || !c.consume(l.buffer[:n], l.got) {
		l.drop(c)
		return
	}
	if len(c.out) > 0 {
		l.flush(c)
	}
}

func (l *loop) got(stream uint32, delay time.Duration, last bool) {
	c := l.cur
	c.index++
	if delay < 0 {
		delay = l.delay
	}
	a := answer{due: l.now + int64(delay), seq: l.book.arrive(c.id, c.index, l.now), stream: stream, last: last, to: c}
	heap.Push(&l.due, a)
}

// pay writes answers that are due, one write a connection.
func (l *loop) pay() {
	if len(l.due) == 0 {
		return
	}
	var dirty [batch]*conn
	n := 0
	for now := l.book.now(); n < batch && len(l.due) > 0 && l.due[0].due <= now; {
		a := heap.Pop(&l.due).(answer)
		if l.conns[a.to.fd] != a.to {
			continue // gone meanwhile
		}
		a.to.reply(a)
		if !a.to.dirty {
			a.to.dirty = true
			dirty[n] = a.to
			n++
		}
	}
	for _, c := range dirty[:n] {
		c.dirty = false
		l.flush(c)
	}
}

func (l *loop) flush(c *conn) {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			l.want(c, true)
			return
		}
		if err != nil {
			l.drop(c)
			return
		}
		c.out = c.out[n:]
		if len(c.out) == 0 {
			c.out = nil
			break
		}
	}
	l.want(c, false)
	now := l.book.now()
	for _, seq := range c.owed {
		l.book.answered(seq, now)
	}
	c.owed = c.owed[:0]
	if c.closing {
		l.drop(c)
	}
}

// want asks to be told when a connection that was full can be written to again.
func (l *loop) want(c *conn, writable bool) {
	if c.full == writable {
		return
	}
	c.full = writable
	events := uint32(unix.EPOLLIN)
	if writable {
		events |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)})
}

func (l *loop) drop(c *conn) {
	delete(l.conns, c.fd)
	_ = unix.Close(c.fd) // takes it out of the epoll set too
}

// agenda is a heap of answers, the first due on top.
type agenda []answer

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due < a[j].due }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push and Pop are for container/heap.
func (a *agenda) Push(x any) { *a = append(*a, x.(answer)) }

// Pop takes the last element.
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}
