package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// waitUntil waits on the poller as a loop does: again and again until an instant. It answers how often it had to ask.
func waitUntil(p *poller, until time.Time) (calls int) {
	for left := time.Until(until); left > 0; left = time.Until(until) {
		p.wait(left)
		calls++
	}
	return calls
}

// TestPollFallsBack: whatever the kernel answers to epoll_pwait2 other than EINTR, epoll_wait takes its place for good:
// events come, no wait is longer than asked for, and none spins.
func TestPollFallsBack(t *testing.T) {
	for _, refusal := range []error{unix.EPERM, unix.ENOSYS, unix.EACCES, unix.EINVAL} {
		p, err := newPoller()
		if err != nil {
			t.Fatal(err)
		}
		asked, mills := 0, []int{}
		p.sys.fine = func(int, []unix.EpollEvent, time.Duration) (int, error) { asked++; return 0, refusal }
		p.sys.mills = func(fd int, events []unix.EpollEvent, ms int) (int, error) {
			mills = append(mills, ms)
			return unix.EpollWait(fd, events, ms)
		}
		calls := waitUntil(p, time.Now().Add(3500*time.Microsecond))
		if asked != 1 || len(mills) == 0 || mills[0] != 3 || calls > 40 {
			t.Errorf("%v: epoll_pwait2 was asked %d times, epoll_wait for %v ms, in %d calls", refusal, asked, mills,
				calls)
		}
		p.wake()
		began := time.Now()
		p.wait(patience) // the wake event ends it
		if took := time.Since(began); took > patience/2 || p.err != nil {
			t.Errorf("%v: an event was seen after %s, error %v", refusal, took, p.err)
		}
		_ = p.close()
	}
}

// TestPollExpectsSoon: the brief wait comes before the other one, takes its part of the time, and no refusal of it
// shortens or ends the wait.
func TestPollExpectsSoon(t *testing.T) {
	for _, c := range []struct {
		soon   bool
		d      time.Duration
		events int
		brief  error
		want   string
	}{
		{false, 5 * time.Millisecond, 0, nil, "fine 5ms"},
		{true, 5 * time.Millisecond, 0, nil, "brief 1ms, fine 4ms"},
		{true, 5 * time.Millisecond, 1, nil, "brief 1ms"},
		{true, 200 * time.Microsecond, 0, nil, "brief 200µs"},
		{true, 0, 0, nil, ""},
		{true, 200 * time.Microsecond, 0, unix.EINTR, "brief 200µs, fine 200µs"},
		{true, 5 * time.Millisecond, 0, unix.ENOSYS, "brief 1ms, fine 5ms"},
	} {
		var asked []string
		p := &poller{wakeFD: -1, raw: make([]unix.EpollEvent, 1)}
		p.sys.now = func(int, []unix.EpollEvent) (int, error) { return 0, nil }
		p.sys.brief = func(_ int, _ []unix.EpollEvent, d time.Duration) (int, error) {
			asked = append(asked, "brief "+d.String())
			return c.events, c.brief
		}
		p.sys.fine = func(_ int, _ []unix.EpollEvent, d time.Duration) (int, error) {
			asked = append(asked, "fine "+d.String())
			return 0, nil
		}
		p.expectSoon(c.soon)
		if got := len(p.wait(c.d)); got != c.events || p.err != nil {
			t.Errorf("%+v: %d events, error %v", c, got, p.err)
		}
		if got := strings.Join(asked, ", "); got != c.want {
			t.Errorf("%+v: waited %q", c, got)
		}
	}
}

// TestPollInterrupted: a signal is no refusal and no failure.
func TestPollInterrupted(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.close() }()
	asked := 0
	p.sys.fine = func(int, []unix.EpollEvent, time.Duration) (int, error) { asked++; return 0, unix.EINTR }
	p.wait(time.Second)
	p.wait(time.Second)
	if asked != 2 || p.coarse || p.err != nil {
		t.Errorf("asked %d times, coarse %v, error %v", asked, p.coarse, p.err)
	}
}

// TestPollFails: a failure of the last resort ends the burst with an error that says so. Its requests have rows, and
// the loop does not spin.
func TestPollFails(t *testing.T) {
	asked := make(chan struct{}, 4)
	s := serveRaw(t, func(_ net.Conn, r *bufio.Reader) {
		_, _ = readRequest(r)
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, r)
	})
	var b book
	cfg := config(&b, s.url)
	cfg.Grace = 10 * time.Millisecond
	e := flight(t, cfg)
	limit, over := context.WithTimeout(t.Context(), patience)
	defer over()
	ctx, stop := context.WithCancelCause(limit)
	e.stopWith(stop)
	burst := e.newBurst(0)
	burst.start()
	go func() {
		for range 4 {
			<-asked
		}
		for _, l := range e.loops {
			on(l, func() {
				broken := func() (int, error) { return 0, unix.EBADF }
				l.poll.sys = waitCalls{
					now:   func(int, []unix.EpollEvent) (int, error) { return broken() },
					fine:  func(int, []unix.EpollEvent, time.Duration) (int, error) { return broken() },
					mills: func(int, []unix.EpollEvent, int) (int, error) { return broken() },
					nap:   func(int, time.Duration) {},
				}
			})
		}
	}()
	if e.runBurst(ctx, burst, time.Time{}, time.Time{}) {
		t.Error("the run goes on")
	}
	if err := context.Cause(ctx); !errors.Is(err, unix.EBADF) ||
		!strings.Contains(err.Error(), "cannot see its connections") {
		t.Errorf("error %v", err)
	}
	if b.classes()[sample.Timeout] != 4 {
		t.Errorf("classes %v", b.classes())
	}
	turns := func() (n int) {
		for _, l := range e.loops {
			on(l, func() { n += l.turn })
		}
		return n / 2
	}
	began, before := time.Now(), turns()
	time.Sleep(20 * time.Millisecond)
	if n, most := turns()-before, 2+len(e.loops)*int(time.Since(began)/blindBeat); n > 2*most {
		t.Errorf("the loops turned %d times in %s", n, time.Since(began))
	}
}

// refusePwait2 installs a seccomp filter that answers EPERM to epoll_pwait2, as profiles that do not know it do.
func refusePwait2(t *testing.T) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_EPOLL_PWAIT2, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		t.Fatal(errno)
	}
}

// TestSeccomp: under a profile that does not know epoll_pwait2, requests are answered, bursts keep their instants, and
// the processor is not kept busy. It runs in a process of its own, because a filter cannot be taken off again.
func TestSeccomp(t *testing.T) {
	const inside = "STELLAR_TEST_SECCOMP"
	if os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeccomp$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	refusePwait2(t)
	s := serveRaw(t, hello)
	var b book
	cfg := config(&b, s.url)
	cfg.Connections, cfg.Timeout = Reuse, 5*time.Second
	cfg.Arrivals = schedule.Arrivals{Type: schedule.Deterministic, IAT: 200 * time.Millisecond}
	before := processorTime(t)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if b.classes()[sample.OK] != 12 {
		t.Errorf("classes %v, row %+v", b.classes(), b.rows[0])
	}
	for _, r := range b.rows {
		if r.Lateness < 0 {
			t.Errorf("lateness %s", r.Lateness)
		}
	}
	if used := processorTime(t) - before; used > 200*time.Millisecond {
		t.Errorf("the run kept a processor busy for %s of its 0.4 s", used)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
