// Package machine finds what load this machine can carry: open files, local ports and memory. It refuses a load that
// does not fit before anything is deployed, and raises the limit of open files as far as the system allows.
package machine

import (
	"fmt"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Need is what a load asks of this machine, at its busiest.
type Need struct {
	Connections int   // open at once
	New         int   // opened to one address within 60 s; requests that take long count for as many seconds more
	Bytes       int64 // kept in memory besides what each request in flight costs: bodies, rows
	Loopback    bool  // the address is this machine's own
}

// What a request in flight costs, in bytes: its slot's buffers, and the kernel's structures of a socket with the first
// pages of its two queues. Large bodies cost more and belong into Need.Bytes.
const (
	userBytes   = 16 << 10
	kernelBytes = 16 << 10
)

// spareFiles are open files besides connections: streams, log, rows, resolver, event queues, the runtime's own.
const spareFiles = 64

// supply is what there is here; zero where it cannot be told, and then nothing is refused for it.
type supply struct {
	files  int           // open files that a process may have
	ports  int           // local ports for connections to one address
	span   string        // those ports, as the system writes them
	hold   time.Duration // a closed connection keeps its port for so long
	local  time.Duration // likewise where both ends are this machine's
	memory int64         // available bytes
	bound  string        // what sets that bound

	raiseFiles string // the command that allows %d open files
	raisePorts string // the command that gives more ports
	widest     int    // ports that there are then
}

// Capacity says whether this machine can carry a load: open files, once the limit is raised as far as may be, local
// ports, memory. Where it cannot, the error (bad input, exit code 2) names each thing that is short and its
// hint the commands that help. What the system does not tell is not checked.
func Capacity(need Need) error {
	m := readSupply()
	m.files, _ = RaiseOpenFiles() // where raising fails the limit that holds is given all the same
	return need.check(m)
}

// check compares what is needed with what there is.
func (n Need) check(m supply) error {
	var short, hints []string
	if files := n.Connections + spareFiles; m.files > 0 && files > m.files {
		short = append(short, fmt.Sprintf("%d open files are needed (%d connections and %d others), %d are allowed",
			files, n.Connections, spareFiles, m.files))
		hints = append(hints, "allow more open files with "+fmt.Sprintf(m.raiseFiles, files))
	}
	if ports, why := n.ports(m); m.ports > 0 && ports > m.ports {
		short = append(short, fmt.Sprintf("%d local ports are needed for connections to one address (%s), "+
			"%d are there (%s)", ports, why, m.ports, m.span))
		if ports <= m.widest {
			hints = append(hints, "get more ports with "+m.raisePorts)
		} else {
			hints = append(hints, fmt.Sprintf("no setting gives more than %d ports: "+
				"set Connections to reuse or shared, or send less", m.widest))
		}
	}
	if bytes := int64(n.Connections)*(userBytes+kernelBytes) + n.Bytes; m.memory > 0 && bytes > m.memory {
		short = append(short, fmt.Sprintf("%s of memory are needed (%d KiB for each of %d connections, %s for bodies "+
			"and rows), %s are left (%s)",
			wholeMiB(bytes), (userBytes+kernelBytes)>>10, n.Connections, wholeMiB(n.Bytes), wholeMiB(m.memory),
			m.bound))
		hints = append(hints, "free memory, or set smaller bursts, payloads or MaxConnections")
	}
	if len(short) == 0 {
		return nil
	}
	return fail.Input("this machine cannot carry the load: %s", strings.Join(short, "; ")).WithHint("%s.",
		capital(strings.Join(hints, "; ")))
}

// ports is how many local ports the load takes to one address at once, and why. A connection is told apart from others
// to the same address by its port alone, and the side that closes one first keeps it for a while (TIME_WAIT, RFC
// 9293, 3.6.1), which may be this one.
func (n Need) ports(m supply) (int, string) {
	hold := m.hold
	if n.Loopback {
		hold = m.local
	}
	opened := int((int64(n.New)*int64(hold/time.Second) + 59) / 60)
	if opened <= n.Connections {
		return n.Connections, "as many are open at once"
	}
	return opened, fmt.Sprintf("%d are opened a minute, and a closed one keeps its port for %s", n.New, hold)
}

// wholeMiB formats a number of bytes in whole MiB, rounded up.
func wholeMiB(n int64) bytesize.Size { return bytesize.Size(n).RoundUp(bytesize.MiB) }

// capital begins a sentence.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
