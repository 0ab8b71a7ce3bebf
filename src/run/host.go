package run

import (
	"bufio"
	"cmp"
	"os"
	"os/user"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// host describes this machine from the kernel's own data; what the kernel does not report stays empty.
func host() Host {
	h := Host{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
	h.CPU = field("/proc/cpuinfo", "model name")
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		h.Kernel = strings.TrimSpace(string(text))
	}
	kib, _ := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	h.MemMB = kib / 1024
	return h
}

// field finds "name : value" in a file of the kernel.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		k, v, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Owner names the user and the machine of the run, user@host, for other people who find the run's resources in an
// account. Unknown parts are left out.
func Owner(getenv func(string) string) string {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	who := cmp.Or(getenv("USER"), getenv("LOGNAME"))
	if u, err := user.Current(); err == nil && who == "" {
		who = u.Username
	}
	return strings.Trim(notInOwner.ReplaceAllString(who+"@"+name, "-"), "@")
}

// notInOwner matches characters that not every provider accepts in tags.
var notInOwner = regexp.MustCompile(`[^A-Za-z0-9._@-]+`)
