package selfwatch

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// system is the data of Linux under /proc (proc(5)). The files are kept open: every read from the beginning produces
// the content anew, and a look-up of the path costs more than that. A file that does not exist (as in some sandboxes)
// yields nothing.
type system struct {
	netstat, softnet, uptime *os.File
	buf                      []byte
	columns                  [tcpFields]int // of netstat's TcpExt; -1: this kernel has it not
	cores                    int
}

// tcpExt names the fields of TcpExt that are read, in the order of the constants.
func tcpExt() [tcpFields]string {
	return [...]string{
		"ListenDrops", "TCPBacklogDrop", "TCPRcvQDrop", "TCPDSACKRecv", "TCPOrigDataSent",
		"TCPFastRetrans", "TCPSlowStartRetrans", "TCPTimeouts", "TCPLossProbes",
	}
}

const (
	tcpListenDrops = iota
	tcpBacklogDrop
	tcpRcvQDrop
	tcpDSACKRecv
	tcpOrigDataSent
	tcpFastRetrans // from here on: ways in which a segment is sent again
	tcpSlowStartRetrans
	tcpTimeouts
	tcpLossProbes
	tcpFields
)

// procBytes is enough for any of the files on a machine of some hundred cores.
const procBytes = 64 << 10

func (m *system) open() {
	m.buf = make([]byte, procBytes)
	try := func(name string) *os.File {
		f, err := os.Open(name)
		if err != nil {
			return nil
		}
		return f
	}
	m.netstat, m.softnet, m.uptime = try("/proc/net/netstat"), try("/proc/net/softnet_stat"), try("/proc/uptime")
	m.columns = findColumns(m.content(m.netstat))
	if stat, err := os.ReadFile("/proc/stat"); err == nil {
		m.cores = countCores(stat)
	}
}

func (m *system) close() {
	for _, f := range []*os.File{m.netstat, m.softnet, m.uptime} {
		if f != nil {
			_ = f.Close() // read only
		}
	}
}

// content is the whole file, until the next call.
func (m *system) content(f *os.File) []byte {
	if f == nil {
		return nil
	}
	n, _ := f.ReadAt(m.buf, 0) // what cannot be read is empty, and that says nothing
	return m.buf[:n]
}

// read fills in what the system reports; the rest stays zero.
func (m *system) read(r *reading) {
	if idle, ok := parseUptime(m.content(m.uptime)); ok {
		r.idle, r.cores = idle, m.cores
	}
	var tcp [tcpFields]uint64
	r.net.known = parseNetstat(m.content(m.netstat), &m.columns, &tcp)
	r.net.listen = tcp[tcpListenDrops]
	r.net.socket = tcp[tcpBacklogDrop] + tcp[tcpRcvQDrop]
	r.net.vain = tcp[tcpDSACKRecv]
	r.net.payload = tcp[tcpOrigDataSent]
	for _, n := range tcp[tcpFastRetrans:] {
		r.net.again += n
	}
	r.net.host = parseSoftnet(m.content(m.softnet))
}

// tcpLine opens both lines of TcpExt in netstat: the names, and the values below them.
const tcpLine = "TcpExt: "

// findColumns finds the columns of the fields in netstat.
func findColumns(netstat []byte) (columns [tcpFields]int) {
	for i := range columns {
		columns[i] = -1
	}
	_, names, found := strings.Cut("\n"+string(netstat), "\n"+tcpLine)
	if !found {
		return columns
	}
	names, _, _ = strings.Cut(names, "\n")
	for at, name := range strings.Fields(names) {
		for i, wanted := range tcpExt() {
			if name == wanted {
				columns[i] = at
			}
		}
	}
	return columns
}

// parseNetstat reads the fields from the line of values. It reports whether there was one.
func parseNetstat(netstat []byte, columns *[tcpFields]int, out *[tcpFields]uint64) bool {
	start := bytes.Index(netstat, []byte("\n"+tcpLine)) // the names stand first, or after another table
	if !bytes.HasPrefix(netstat, []byte(tcpLine)) && start >= 0 {
		next := bytes.Index(netstat[start+1:], []byte("\n"+tcpLine))
		if next < 0 {
			return false
		}
		start += 1 + next
	}
	if start < 0 {
		return false
	}
	column, number, digits := 0, uint64(0), false
	for _, c := range netstat[start+1+len(tcpLine):] {
		switch {
		case c >= '0' && c <= '9':
			number, digits = 10*number+uint64(c-'0'), true
		case c == ' ' || c == '\n':
			for i, at := range columns {
				if at == column && digits {
					out[i] = number
				}
			}
			column, number, digits = column+1, 0, false
			if c == '\n' {
				return true
			}
		default:
			return false
		}
	}
	return false // the line has no end: the file is longer than the room for it
}

// parseSoftnet sums the second column (hexadecimal, one line a core): packets dropped because the core's input queue
// (net.core.netdev_max_backlog) was full. Loopback goes through these queues too.
func parseSoftnet(softnet []byte) (sum uint64) {
	column, number := 0, uint64(0)
	for _, c := range softnet {
		switch {
		case c >= '0' && c <= '9':
			number = number<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			number = number<<4 | uint64(c-'a'+10)
		default:
			if column == 1 {
				sum += number
			}
			column, number = column+1, 0
			if c == '\n' {
				column = 0
			}
		}
	}
	return sum
}

// parseUptime is the second number, the idle seconds of all cores with two decimals. Cores that wait for a disk are not
// idle.
func parseUptime(uptime []byte) (time.Duration, bool) {
	_, rest, found := bytes.Cut(uptime, []byte(" "))
	if !found {
		return 0, false
	}
	hundredths, digits := int64(0), 0
	for _, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			hundredths = 10*hundredths + int64(c-'0')
			digits++
		case c == '\n':
			return time.Duration(hundredths) * 10 * time.Millisecond, digits > 2
		case c != '.':
			return 0, false
		}
	}
	return 0, false
}

// countCores counts the lines of /proc/stat that are of one core ("cpu0 ...").
func countCores(stat []byte) (n int) {
	for line := range strings.Lines(string(stat)) {
		if rest, found := strings.CutPrefix(line, "cpu"); found && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			n++
		}
	}
	return n
}

// Clocks of clock_gettime(2), which package syscall does not name.
const (
	clockMonotonic = 1
	clockBoottime  = 7
)

// suspended is how long the machine has slept since it was started; 0 if the kernel does not report it.
func suspended() time.Duration {
	awake, ok := readClock(clockMonotonic)
	boot, also := readClock(clockBoottime)
	if !ok || !also {
		return 0
	}
	return boot - awake
}

func readClock(id uintptr) (time.Duration, bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}

// nap sleeps in the kernel and not on one of Go's timers. A timer is served by whichever of Go's threads looks at it
// next. If all of them are in event loops of their own, it is late without a response being late. A thread that the
// kernel wakes behaves like an event loop whose socket is ready.
func nap(d time.Duration) {
	if d > 0 {
		ts := syscall.NsecToTimespec(int64(d))
		// A signal ends it early, and the caller asks the clock. Where it is refused the caller must not spin.
		if err := syscall.Nanosleep(&ts, nil); err != nil && err != syscall.EINTR { //nolint:errorlint // never wrapped
			time.Sleep(d)
		}
	}
}
