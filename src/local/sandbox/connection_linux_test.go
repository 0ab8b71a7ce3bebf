package sandbox

import (
	"net"
	"os"
	"strconv"
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
