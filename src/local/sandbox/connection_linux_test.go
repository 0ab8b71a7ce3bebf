package sandbox

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// TestHoldsFindsEveryDescriptor opens more files than one read of the process's list gives: a connection is found
// whether it is older than all of them, or newer.
func TestHoldsFindsEveryDescriptor(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pair := func() (socket string) {
		far, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { far.Close() })
		near, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close() })
		inode, err := inodeOf(near)
		if err != nil {
			t.Fatal(err)
		}
		return "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
	}
	old := pair()
	for range 400 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	young := pair()
	for name, socket := range map[string]string{"old": old, "young": young} {
		if _, ok := holds(os.Getpid(), socket); !ok {
			t.Errorf("the %s connection %s is not found", name, socket)
		}
	}
	for _, other := range []string{"socket:[0]", old[:len(old)-1], old + "0", ""} {
		if _, ok := holds(os.Getpid(), other); ok {
			t.Errorf("%q is found, which is no file of this process", other)
		}
	}
	if _, ok := holds(1<<22+1, old); ok {
		t.Error("a process that does not exist holds a connection")
	}
}

// TestHoldsConnection: wherever the last connection was, the holder of the next one is found, and its descriptor
// noted.
func TestHoldsConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 * nearby {
		mine, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer mine.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		fd := descriptorOf(t, mine)
		for _, last := range []int32{0, fd, fd + 1, fd - 1, fd + nearby - 1, fd - nearby + 1, fd + nearby, fd - nearby,
			1 << 20} {
			var before atomic.Int32
			before.Store(last)
			if !HoldsConnection(accepted, os.Getpid(), "no marker", &before) || before.Load() != fd {
				t.Errorf("descriptor %d, the last was %d: %d is noted", fd, last, before.Load())
			}
		}
	}
}

func descriptorOf(t *testing.T, conn net.Conn) (fd int32) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(n uintptr) { fd = int32(n) }); err != nil {
		t.Fatal(err)
	}
	return fd
}
