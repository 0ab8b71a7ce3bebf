package sandbox

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HoldsConnection reports whether the other end of a connection on this machine is held by a process, one of its
// descendants, or a process with the marker in its environment. If the kernel does not report the owner of a
// connection, the answer is yes. before is the descriptor that the connection of such a process had the last time: that
// of the next process is usually the same, and those of further connections of the same process are near.
func HoldsConnection(conn net.Conn, pid int, marker string, before *atomic.Int32) bool {
	if pid == 0 {
		return false
	}
	inode, err := inodeOf(conn)
	if err != nil {
		return !errors.Is(err, syscall.ENOENT) // it has ended: the answer is not needed
	}
	want := "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
	fd, ok := holdsNear(pid, want, int(before.Load()))
	if !ok {
		fd, ok = holds(pid, want)
	}
	if ok {
		before.Store(int32(fd))
		return true
	}
	table := processTable()
	for _, child := range descendants(table, pid) {
		if _, ok := holds(child, want); ok {
			return true
		}
	}
	for other := range table {
		if other == self() || !hasMarker(other, marker) {
			continue
		}
		if _, ok := holds(other, want); ok {
			return true
		}
	}
	return false
}

// nearby is how far from the last descriptor the next one is looked for at first.
const nearby = 16

// holdsNear is holds for the descriptors near one, the nearest first.
func holdsNear(pid int, file string, near int) (fd int, ok bool) {
	for i := range nearby {
		for _, fd := range []int{near + i, near - 1 - i} {
			if fd >= 0 && isFile(pid, strconv.Itoa(fd), file) {
				return fd, true
			}
		}
	}
	return 0, false
}

// holds finds the descriptor with which a process has the file open. It looks at the newest first: a new connection is
// usually the last. System calls alone do it, because os.Open and os.Readlink make three times as many of it, and every
// cold start waits for the answer.
func holds(pid int, file string) (fd int, ok bool) {
	dir, err := openControl(descriptors(pid), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, false
	}
	defer unix.Close(dir)
	for _, name := range slices.Backward(namesIn(dir)) {
		if isFile(pid, name, file) {
			fd, err := strconv.Atoi(name)
			return fd, err == nil
		}
	}
	return 0, false
}

// isFile reports whether a process's descriptor is that file.
func isFile(pid int, descriptor, file string) bool {
	target := make([]byte, len(file)+1) // a longer name is cut, and differs all the same
	n, err := readLink(descriptors(pid)+"/"+descriptor, target)
	return err == nil && string(target[:n]) == file
}

func descriptors(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/fd" }

// namesIn lists an open folder, as far as it can be read, in the order of the kernel: descriptors by their numbers.
func namesIn(dir int) (names []string) {
	var buf [4096]byte
	for {
		n, err := unix.Getdents(dir, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil, n <= 0:
			return names
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func readLink(path string, target []byte) (n int, err error) {
	for {
		if n, err = unix.Readlink(path, target); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// Sizes and numbers of linux/inet_diag.h and linux/sock_diag.h.
const (
	sockDiagByFamily = 20
	diagRequestSize  = 56 // struct inet_diag_req_v2
	diagAnswerSize   = 72 // struct inet_diag_msg
	diagInodeAt      = 68
)

// inodeOf asks the kernel for the number of the socket at the other end of a connection over loopback.
func inodeOf(conn net.Conn) (uint32, error) {
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return 0, err
	}
	to, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return 0, err
	}
	if !from.Addr().Unmap().Is4() || !to.Addr().Unmap().Is4() {
		return 0, syscall.EAFNOSUPPORT
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, diagRequest(from, to), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	var buf [512]byte
	n, _, err := unix.Recvfrom(fd, buf[:], 0)
	if err != nil {
		return 0, err
	}
	return diagInode(buf[:n])
}

// diagRequest asks for the one TCP socket that has these addresses.
func diagRequest(from, to netip.AddrPort) []byte {
	msg := make([]byte, unix.SizeofNlMsghdr+diagRequestSize)
	header := (*unix.NlMsghdr)(unsafe.Pointer(&msg[0]))
	header.Len, header.Type, header.Flags = uint32(len(msg)), sockDiagByFamily, unix.NLM_F_REQUEST
	req := msg[unix.SizeofNlMsghdr:]
	req[0], req[1] = unix.AF_INET, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0)) // in whatever state
	binary.BigEndian.PutUint16(req[8:], from.Port())
	binary.BigEndian.PutUint16(req[10:], to.Port())
	copy(req[12:], from.Addr().Unmap().AsSlice())
	copy(req[28:], to.Addr().Unmap().AsSlice())
	binary.NativeEndian.PutUint64(req[48:], ^uint64(0)) // no cookie
	return msg
}

// diagInode reads the answer.
func diagInode(answer []byte) (uint32, error) {
	if len(answer) < unix.SizeofNlMsghdr+4 {
		return 0, syscall.EPROTO
	}
	header := (*unix.NlMsghdr)(unsafe.Pointer(&answer[0]))
	body := answer[unix.SizeofNlMsghdr:]
	if header.Type == unix.NLMSG_ERROR {
		if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
			return 0, syscall.Errno(-code)
		}
		return 0, syscall.EPROTO
	}
	if header.Type != sockDiagByFamily || len(body) < diagAnswerSize {
		return 0, syscall.EPROTO
	}
	inode := binary.NativeEndian.Uint32(body[diagInodeAt:])
	if inode == 0 { // its process has closed it
		return 0, syscall.ENOENT
	}
	return inode, nil
}
