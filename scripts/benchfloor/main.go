//go:build linux

// Benchfloor is what the kernel takes for a burst: it opens connections, and then only writes a request to each of
// them, one system call after the other on one thread, without stamps, deadlines or any other work. No client on one
// thread that writes its requests is faster on the same machine, unless the server is awake for other reasons. The
// answers are read when all requests are written.
//
//	benchfloor -n 1000 -bursts 4 http://127.0.0.1:8080/f
//
// A line of its output is a burst: how long the writes took together, in ns.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	n := flag.Int("n", 1000, "requests in a burst, each on a connection of its own")
	bursts := flag.Int("bursts", 4, "how many")
	pause := flag.Duration("pause", 300*time.Millisecond, "time between them")
	flag.Parse()
	if err := run(flag.Arg(0), *n, *bursts, *pause); err != nil {
		fmt.Fprintln(os.Stderr, "benchfloor:", err)
		os.Exit(1)
	}
}

func run(address string, n, bursts int, pause time.Duration) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	to, err := netip.ParseAddrPort(u.Host)
	if err != nil || !to.Addr().Is4() {
		return fmt.Errorf("%q is not an IPv4 address with a port", u.Host)
	}
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	fds := make([]int, n)
	for i := range fds {
		if fds[i], err = dial(to); err != nil {
			return err
		}
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: benchfloor\r\nAccept: */*\r\n\r\n",
		u.RequestURI(), u.Host)
	for range bursts {
		time.Sleep(pause)
		took, err := burst(fds, request)
		if err != nil {
			return err
		}
		fmt.Println(took.Nanoseconds())
	}
	return nil
}

func dial(to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, fmt.Errorf("nodelay: %w", err)
	}
	limit := unix.Timeval{Sec: 60} // a server that does not answer ends the bench
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return 0, fmt.Errorf("time limit: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// burst writes all requests, then reads all answers. Go's scheduler is not told of the writes.
func burst(fds []int, request []byte) (time.Duration, error) {
	at, size := uintptr(unsafe.Pointer(&request[0])), uintptr(len(request))
	began := time.Now()
	for _, fd := range fds {
		if wrote, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), at, size); wrote != size {
			return 0, fmt.Errorf("write: %w", errno)
		}
	}
	took := time.Since(began)
	runtime.KeepAlive(request)
	buffer := make([]byte, 16<<10)
	for _, fd := range fds {
		if err := readAnswer(fd, buffer); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// readAnswer reads to the end of a JSON object's answer; the bench's servers send nothing else.
func readAnswer(fd int, buffer []byte) error {
	for have := 0; ; {
		n, err := unix.Read(fd, buffer[have:])
		if n <= 0 {
			return fmt.Errorf("read of %d bytes: %w", n, err)
		}
		have += n
		if _, body, found := bytes.Cut(buffer[:have], []byte("\r\n\r\n")); found && bytes.HasSuffix(body, []byte("}")) {
			return nil
		}
	}
}
