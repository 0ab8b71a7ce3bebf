package machine

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Layout of the kernel's answers on sockets (linux/inet_diag.h): a request has a header of netlink, 8 bytes and the
// address of a socket; an answer has 4 bytes, the address, and numbers of 4 bytes.
const (
	diagByFamily   = 20      // SOCK_DIAG_BY_FAMILY
	diagRequest    = 16 + 56 // bytes
	stateListen    = 10      // TCP_LISTEN
	answerPort     = 4       // where the port is, in network order
	answerBacklog  = 60      // of a listening socket
	answerLeast    = 64
	netlinkHeader  = 16
	netlinkAlign   = 4
	netlinkReceive = 64 << 10
)

// ListenBacklog is how many connections the sockets that listen on a TCP port of this machine queue at most until the
// server accepts them; the largest of several. It is 0 where none listens, or in another network namespace.
func ListenBacklog(port int) (int, error) {
	most := 0
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		n, err := listenBacklog(family, port)
		if err != nil {
			return 0, fmt.Errorf("ask the kernel for the sockets that listen: %w", err)
		}
		most = max(most, n)
	}
	return most, nil
}

func listenBacklog(family byte, port int) (most int, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd) //nolint:errcheck // only read from
	request := make([]byte, diagRequest)
	binary.NativeEndian.PutUint32(request, diagRequest)
	binary.NativeEndian.PutUint16(request[4:], diagByFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[netlinkHeader], request[netlinkHeader+1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[netlinkHeader+4:], 1<<stateListen)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, netlinkReceive)
	for {
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil {
			return 0, err
		}
		for rest := answer[:n]; len(rest) >= netlinkHeader; {
			length := int(binary.NativeEndian.Uint32(rest))
			kind := binary.NativeEndian.Uint16(rest[4:])
			if kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR || length < netlinkHeader || length > len(rest) {
				return most, nil
			}
			if m := rest[netlinkHeader:length]; len(m) >= answerLeast &&
				int(binary.BigEndian.Uint16(m[answerPort:])) == port {
				most = max(most, int(binary.NativeEndian.Uint32(m[answerBacklog:])))
			}
			rest = rest[min(len(rest), (length+netlinkAlign-1)/netlinkAlign*netlinkAlign):]
		}
	}
}
