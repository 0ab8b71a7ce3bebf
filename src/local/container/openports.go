package container

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// lookTime is how long the look for a container's open ports may take.
const lookTime = 2 * time.Second

// Missing says what was waited for when a server's instance was not ready in time, and what the server listens on.
func (c *Container) Missing() string {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	open, err := c.openPorts(ctx)
	return waitedFor(c.addr, open, err)
}

// waitedFor compares what a server should listen on with what it listens on.
func waitedFor(addr string, open []netip.AddrPort, err error) string {
	own, _, _ := net.SplitHostPort(addr)
	what := fmt.Sprintf("ready means that port %s ($PORT) takes connections at the container's own address %s; ",
		Port, own)
	if err != nil {
		return what + "which ports are open cannot be read: " + err.Error()
	}
	if len(open) == 0 {
		return what + "no port is open"
	}
	names := make([]string, 0, len(open))
	var loopback, elsewhere bool
	for _, at := range open {
		names = append(names, at.String())
		right := strconv.Itoa(int(at.Port())) == Port
		loopback = loopback || right && at.Addr().IsLoopback()
		elsewhere = elsewhere || !right
	}
	what += "open are " + strings.Join(names, ", ")
	switch {
	case loopback:
		what += ": let the server listen on 0.0.0.0, a loopback address cannot be reached from outside"
	case elsewhere:
		what += ": let the server listen on 0.0.0.0 and the port that $PORT gives"
	}
	return what
}

// openPorts lists the listening TCP ports in the container: from the container's network in /proc if the Engine is on
// this machine, else by a program in the container.
func (c *Container) openPorts(ctx context.Context) ([]netip.AddrPort, error) {
	info, err := c.client.ContainerInspect(ctx, c.id)
	if err != nil {
		return nil, err
	}
	if info.State == nil || !info.State.Running {
		return nil, errors.New("the container has ended")
	}
	table, err := c.socketsOf(info.State.Pid)
	if err != nil {
		if table, err = c.socketsInside(ctx); err != nil {
			return nil, err
		}
	}
	return listening(table), nil
}

// socketsOf reads the tables of TCP sockets of a container's first process. The process is the container's only where
// its network has the container's address: the Engine may be on another machine.
func (c *Container) socketsOf(pid int) ([]byte, error) {
	dir := fmt.Sprintf("/proc/%d/net/", pid)
	own, _, _ := net.SplitHostPort(c.addr)
	if routes, err := os.ReadFile(dir + "fib_trie"); err != nil || !bytes.Contains(routes, []byte("-- "+own+"\n")) {
		return nil, errors.Join(err, fmt.Errorf("process %d is not the container's on this machine", pid))
	}
	table, err := os.ReadFile(dir + "tcp")
	if err != nil {
		return nil, err
	}
	six, _ := os.ReadFile(dir + "tcp6") // none where IPv6 is off
	return append(table, six...), nil
}

// socketsInside makes the container print the tables, if its image has a program for that.
func (c *Container) socketsInside(ctx context.Context) ([]byte, error) {
	made, err := c.client.ContainerExecCreate(ctx, c.id, container.ExecOptions{
		Cmd:          []string{"cat", "/proc/net/tcp", "/proc/net/tcp6"},
		AttachStdout: true})
	if err != nil {
		return nil, err
	}
	attached, err := c.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, err
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, fail.Caught(c.image.engine.opts.Defect, attached.Close))()
	var table bytes.Buffer
	if _, err := stdcopy.StdCopy(&table, new(bytes.Buffer), attached.Reader); err != nil {
		return nil, err
	}
	if !bytes.Contains(table.Bytes(), []byte("local_address")) {
		return nil, errors.New("this machine's /proc does not show the container, and its image has no program cat")
	}
	return table.Bytes(), nil
}

// listening parses tables of the form of /proc/net/tcp.
func listening(table []byte) []netip.AddrPort {
	var open []netip.AddrPort
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" { // TCP_LISTEN
			continue
		}
		address, port, _ := strings.Cut(fields[1], ":")
		raw, err := hex.DecodeString(address)
		n, portErr := strconv.ParseUint(port, 16, 16)
		if err != nil || portErr != nil || len(raw) != 4 && len(raw) != 16 {
			continue
		}
		for i := 0; i < len(raw); i += 4 { // words in the order of this machine's bytes
			binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
		}
		ip, _ := netip.AddrFromSlice(raw)
		if at := netip.AddrPortFrom(ip.Unmap(), uint16(n)); !slices.Contains(open, at) {
			open = append(open, at)
		}
	}
	slices.SortFunc(open, netip.AddrPort.Compare)
	return open
}
