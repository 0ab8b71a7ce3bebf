package machine

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"time"
)

// timeWait is twice macOS's maximum segment lifetime (net.inet.tcp.msl, 15 s).
const timeWait = 30 * time.Second

func readSupply() supply {
	m := supply{
		hold: timeWait, local: timeWait, bound: "hw.memsize", widest: 65535 - 1024 + 1,
		raiseFiles: "`sudo sysctl -w kern.maxfilesperproc=%[1]d && ulimit -n %[1]d`",
		raisePorts: "`sudo sysctl -w net.inet.ip.portrange.first=1024`",
	}
	first, err1 := syscall.SysctlUint32("net.inet.ip.portrange.first")
	last, err2 := syscall.SysctlUint32("net.inet.ip.portrange.last")
	if err1 == nil && err2 == nil && first <= last && last <= 65535 {
		m.ports, m.span = int(last-first)+1, fmt.Sprintf("%d to %d", first, last)
	}
	// Sysctl takes the number for a string and its last byte, which is 0, for the string's end.
	if text, err := syscall.Sysctl("hw.memsize"); err == nil && len(text) <= 8 {
		var bytes [8]byte
		copy(bytes[:], text)
		m.memory = int64(binary.LittleEndian.Uint64(bytes[:]))
	}
	return m
}
