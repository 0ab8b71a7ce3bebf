package machine

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestListenBacklog: the kernel says what a server asked for, and nothing of a port where none listens.
func TestListenBacklog(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := at.(*unix.SockaddrInet4).Port
	if got, err := ListenBacklog(port); got != 0 || err != nil {
		t.Errorf("before it listens: %d, %v", got, err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		t.Fatal(err)
	}
	if got, err := ListenBacklog(port); got != 5 || err != nil {
		t.Errorf("%d, %v; want 5", got, err)
	}
}
