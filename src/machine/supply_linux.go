package machine

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// timeWait is how long Linux keeps the port of a connection that this side closed (TCP_TIMEWAIT_LEN). Where
// net.ipv4.tcp_tw_reuse allows it, the port is given to a new connection to the same address after a second, which is
// counted as two.
const (
	timeWait      = 60 * time.Second
	timeWaitReuse = 2 * time.Second
)

func readSupply() supply { return supplyOf(os.DirFS("/")) }

// supplyOf reads the kernel's files below a root.
func supplyOf(root fs.FS) supply {
	m := supply{
		raiseFiles: "`ulimit -n %d` as root, LimitNOFILE= of the service, " +
			"or a nofile line in /etc/security/limits.conf",
		raisePorts: "`sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`",
	}
	m.ports, m.widest, m.span = portsLeft(root)
	m.hold, m.local = timeWait, timeWait
	if kernelText(root, "proc/sys/net/ipv4/tcp_timestamps") != "0" { // reuse goes by their timestamps
		switch kernelText(root, "proc/sys/net/ipv4/tcp_tw_reuse") {
		case "1":
			m.hold, m.local = timeWaitReuse, timeWaitReuse
		case "2": // the default since Linux 4.19
			m.local = timeWaitReuse
		}
	}
	m.memory, m.bound = memoryLeft(root)
	return m
}

// kernelText is a file's text without spaces around it, empty where it cannot be read.
func kernelText(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// portsLeft counts the ports that outgoing connections get, less those that are reserved, and those that the widest
// range would have.
func portsLeft(root fs.FS) (now, widest int, span string) {
	fields := strings.Fields(kernelText(root, "proc/sys/net/ipv4/ip_local_port_range"))
	if len(fields) != 2 {
		return 0, 0, ""
	}
	first, err1 := strconv.Atoi(fields[0])
	last, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil || first < 1 || last < first || last > 65535 {
		return 0, 0, ""
	}
	now, widest = last-first+1, 65535-1024+1
	for _, part := range strings.Split(kernelText(root, "proc/sys/net/ipv4/ip_local_reserved_ports"), ",") {
		from, to, found := strings.Cut(part, "-")
		low, err := strconv.Atoi(from)
		high := low
		if found && err == nil {
			high, err = strconv.Atoi(to)
		}
		if err != nil {
			continue // none are reserved
		}
		now -= overlap(low, high, first, last)
		widest -= overlap(low, high, 1024, 65535)
	}
	return now, widest, fields[0] + " to " + fields[1]
}

// overlap is how many whole numbers two ranges have in common.
func overlap(low, high, first, last int) int { return max(0, min(high, last)-max(low, first)+1) }

// memoryLeft is what is available: of the machine's, and of the limit of each control group that the process is in,
// whichever is least. Files that the kernel keeps cached and need not keep count as free.
func memoryLeft(root fs.FS) (least int64, bound string) {
	lower := func(left int64, by string) {
		if bound == "" || left < least {
			least, bound = max(left, 1), by
		}
	}
	if kib, ok := numberAfter(root, "proc/meminfo", "MemAvailable:"); ok {
		lower(kib<<10, "MemAvailable")
	}
	for _, line := range strings.Split(kernelText(root, "proc/self/cgroup"), "\n") {
		parts := strings.SplitN(line, ":", 3) // number, controllers, path
		if len(parts) != 3 {
			continue
		}
		g := memoryGroup{root, "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			g = memoryGroup{root, "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
				"total_inactive_file"}
		}
		// Inside a container the path may be the host's, of which only the end of the walk up is there.
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			if left, ok := g.left(at); ok {
				lower(left, "memory limit of the control group")
			}
			if at == "/" {
				break
			}
		}
	}
	return least, bound
}

// memoryGroup names the files of one version of control groups.
type memoryGroup struct {
	root                      fs.FS
	mount, limit, used, cache string
}

// left is what a control group may still take, false where it has no limit.
func (g memoryGroup) left(at string) (int64, bool) {
	dir := path.Join(g.mount, at)
	limit, err1 := strconv.ParseInt(kernelText(g.root, path.Join(dir, g.limit)), 10, 64) // "max" is none
	used, err2 := strconv.ParseInt(kernelText(g.root, path.Join(dir, g.used)), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	cached, _ := numberAfter(g.root, path.Join(dir, "memory.stat"), g.cache)
	return limit - used + cached, true
}

// numberAfter is the number behind a name at the beginning of a line.
func numberAfter(root fs.FS, file, name string) (int64, bool) {
	for _, line := range strings.Split(kernelText(root, file), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
