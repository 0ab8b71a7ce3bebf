// Package resident measures the memory that the processes of an instance have resident.
package resident

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// maxProcesses is how many processes of an instance are counted.
const maxProcesses = 256

// listedFor is how long a list of processes is used: looking for new ones takes longer than all else here, which is
// done for every request.
const listedFor = 100 * time.Millisecond

// Meter knows the most memory that a tree of processes had resident, as far as it was asked.
type Meter struct {
	root  int
	group string // the file that lists the processes of the instance's control group; empty: descendants are looked up

	mu     sync.Mutex
	most   int64
	pids   []string
	listed time.Time
}

// Tree measures a process and its descendants.
func Tree(pid int) *Meter { return &Meter{root: pid} }

// Group measures the processes of a control group: group is its file cgroup.procs.
func Group(group string) *Meter { return &Meter{group: group} }

// Peak is the sum of what each process that lives now had resident at its own peak (VmHWM in /proc/PID/status), and
// never less than at an earlier call. A process that began within the last 100 ms may be missing. Pages of files count,
// whoever has read them first; a control group counts them only for the first one. It is 0 where nothing could be read
// so far.
func (m *Meter) Peak() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.listed) > listedFor {
		m.pids, m.listed = m.processes(), time.Now()
	}
	var sum int64
	for _, pid := range m.pids {
		sum += peakOf(pid)
	}
	m.most = max(m.most, sum)
	return m.most
}

func (m *Meter) processes() []string {
	if m.group == "" {
		return descendants(nil, strconv.Itoa(m.root))
	}
	text, err := os.ReadFile(m.group)
	if err != nil {
		return nil
	}
	var all []string
	// With version 1 a thread of the platform is in the group, so that the instance begins there.
	own := strconv.Itoa(os.Getpid())
	for line := range bytes.Lines(text) {
		if pid := string(bytes.TrimSpace(line)); pid != own && len(all) < maxProcesses {
			all = append(all, pid)
		}
	}
	return all
}

// descendants adds a process and those below it (proc_pid_children(5)); a kernel without that file shows none of them.
func descendants(all []string, pid string) []string {
	all = append(all, pid)
	tasks, err := os.ReadDir(filepath.Join("/proc", pid, "task"))
	if err != nil {
		return all
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(filepath.Join("/proc", pid, "task", task.Name(), "children"))
		for _, child := range bytes.Fields(text) {
			if len(all) == maxProcesses {
				return all
			}
			all = descendants(all, string(child))
		}
	}
	return all
}

// peakOf is the most that a process had resident, in bytes; 0 where the kernel does not tell.
func peakOf(pid string) int64 {
	f, err := os.Open("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // only read from
	var buf [4096]byte
	n, _ := f.Read(buf[:]) // all of it: the kernel makes the text in one piece
	_, rest, _ := bytes.Cut(buf[:n], []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kB, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kB << 10
}
