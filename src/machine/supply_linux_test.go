package machine

import (
	"testing"
	"testing/fstest"
	"time"
)

// kernelFiles makes a root with these files in it.
func kernelFiles(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestPortsOfLinux(t *testing.T) {
	for name, c := range map[string]struct {
		span, reserved string
		now, widest    int
		words          string
	}{
		"default": {"32768\t60999\n", "\n", 28_232, 64_512, "32768 to 60999"},
		"wide":    {"1024 65535", "", 64_512, 64_512, "1024 to 65535"},
		"reserved": {"32768\t60999\n", "8080,32760-32770,60999,61000-62000\n", 28_228, 64_512 - 1 - 11 - 1 - 1001,
			"32768 to 60999"},
		"not a range": {"32768", "", 0, 0, ""},
		"backwards":   {"60999 32768", "", 0, 0, ""},
		"no numbers":  {"a b", "", 0, 0, ""},
		"too far":     {"1 65536", "", 0, 0, ""},
	} {
		now, widest, words := portsLeft(kernelFiles(map[string]string{
			"proc/sys/net/ipv4/ip_local_port_range": c.span, "proc/sys/net/ipv4/ip_local_reserved_ports": c.reserved}))
		if now != c.now || widest != c.widest || words != c.words {
			t.Errorf("%s: %d of %d, %q", name, now, widest, words)
		}
	}
}

func TestTimeWaitOfLinux(t *testing.T) {
	for name, c := range map[string]struct {
		reuse, stamps string
		hold, local   time.Duration
	}{
		"never":         {"0\n", "1\n", timeWait, timeWait},
		"always":        {"1\n", "1\n", timeWaitReuse, timeWaitReuse},
		"loopback":      {"2\n", "1\n", timeWait, timeWaitReuse},
		"no timestamps": {"1\n", "0\n", timeWait, timeWait},
		"not known":     {"", "", timeWait, timeWait},
	} {
		m := supplyOf(kernelFiles(map[string]string{"proc/sys/net/ipv4/tcp_tw_reuse": c.reuse,
			"proc/sys/net/ipv4/tcp_timestamps": c.stamps}))
		if m.hold != c.hold || m.local != c.local {
			t.Errorf("%s: %s and %s", name, m.hold, m.local)
		}
	}
}

func TestMemoryOfLinux(t *testing.T) {
	const meminfo = "MemTotal:       8000000 kB\nMemFree:  5 kB\nMemAvailable:    4000000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		least int64
		bound string
	}{
		"nothing known": {map[string]string{}, 0, ""},
		"no groups":     {map[string]string{"proc/meminfo": meminfo}, 4_000_000 << 10, "MemAvailable"},
		"group of version 2": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user.slice/a\n",
			"sys/fs/cgroup/user.slice/a/memory.max": "max\n", "sys/fs/cgroup/user.slice/a/memory.current": "5\n",
			"sys/fs/cgroup/user.slice/memory.max": "1000000\n", "sys/fs/cgroup/user.slice/memory.current": "300000\n",
			"sys/fs/cgroup/user.slice/memory.stat": "anon 5\ninactive_file 100000\n"}, 800_000,
			"memory limit of the control group"},
		"group of version 1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "12:cpu,cpuacct:/x\n5:memory:/docker/abc\n0::/x\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "500000\n",
			"sys/fs/cgroup/memory/memory.stat":           "inactive_file 1\ntotal_inactive_file 7\n",
			"sys/fs/cgroup/x/memory.max":                 "max"}, 1_500_007, "memory limit of the control group"},
		"no limit of version 1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes": "500000\n"},
			4_000_000 << 10, "MemAvailable"},
		"limit used up": {map[string]string{
			"proc/self/cgroup":         "0::/../a\n",
			"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "2000\n"}, 1,
			"memory limit of the control group"},
		"not a number": {map[string]string{"proc/meminfo": "MemAvailable: lots kB\n", "proc/self/cgroup": "nonsense\n"},
			0, ""},
	} {
		if least, bound := memoryLeft(kernelFiles(c.files)); least != c.least || bound != c.bound {
			t.Errorf("%s: %d by %q, want %d by %q", name, least, bound, c.least, c.bound)
		}
	}
}
