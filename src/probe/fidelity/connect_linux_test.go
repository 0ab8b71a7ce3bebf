package fidelity

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// systemPhaseScenes need what only this system does.
func systemPhaseScenes() []scene { return []scene{{"phases: connect, first SYN dropped", slowConnect}} }

const (
	// fullFor is how long the server's queue stays full, counted from the name's resolution.
	fullFor = 300*ms + 700*time.Microsecond
	// secondSYN is when Linux asks again for a connection that nobody has answered (RFC 6298: 1 s).
	secondSYN = time.Second
)

// kernelTimer is how much later the kernel may ask: its timers are as coarse as their level of the timer wheel, which
// begins at 63·8^(level-1) ticks and has steps of 8^level (kernel/time/timer.c); and two ticks for the process to run.
func kernelTimer(t *testing.T) time.Duration {
	t.Helper()
	var coarse unix.Timespec // the resolution of coarse clocks is a tick
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &coarse); err != nil {
		t.Fatal(err)
	}
	tick := time.Duration(coarse.Nano())
	step := tick
	for start := 63 * tick; secondSYN >= start; start *= 8 {
		step *= 8
	}
	return step + 2*tick
}

// slowConnect delays the opening of a connection alone: the kernel drops what asks for one while the listener's queue
// is full, and the client's kernel asks again a second later.
func slowConnect(t *testing.T, _ *toxiproxy) []line {
	later := kernelTimer(t)
	return retry(t, func(watched func() limits) (line, verdict) {
		listener := smallListener(t)
		filler, err := net.Dial("tcp", listener.Addr().String()) // a queue of length 0 has room for one
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = filler.Close() }()
		var resolved, emptied time.Time
		started := make(chan *server, 1)
		rows := observe(t, &server{}, listener.Addr().String(), func(c *probe.Config) {
			bursts(1, 1, probe.New)(c)
			c.Lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
				resolved = time.Now()
				time.AfterFunc(fullFor, func() {
					emptied = time.Now()
					started <- playOn(t, script{delays: steady()}, listener)
				})
				return here(ctx, name)
			}
		})
		s := <-started
		pairs, wrong := match(rows, s.requests())
		c := claim{
			requests: 1,
			fresh:    true,
			connect:  emptied.Sub(resolved),
			limits:   limits{secondSYN + later, secondSYN + later},
			machine:  watched(),
		}
		v := c.judge(pairs)
		v.wrong = append(v.wrong, wrong...)
		l := line{
			scenario: "phases: connect, first SYN dropped",
			nominal:  fmt.Sprintf("%.0f", inMs(secondSYN)),
			measured: "-",
			pass:     v.good(),
		}
		l.truth = fmt.Sprintf("%.1f or more", inMs(c.connect))
		l.bound = fmt.Sprintf("-0.2; second SYN +%g", inMs(later))
		if len(pairs) == 1 {
			connect := pairs[0].row.Connect
			l.measured = fmt.Sprintf("%.1f", inMs(connect))
			if connect > secondSYN+later+c.machine.p50 {
				v.slowf("Connect is %s, the second SYN was due at %s", connect, secondSYN)
			}
		}
		return l, v
	})
}

// smallListener listens with the shortest queue there is.
func smallListener(t *testing.T) net.Listener {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer func() { _ = file.Close() }()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
