// Package resident measures the memory that the processes of an instance have resident.
package resident

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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
	all    []process
	listed time.Time
	closed bool
}

// process is one that is measured. Its file is kept open, because finding it takes as long as reading it; to read the
// file of a process that has ended is an error, also when another one has its number.
type process struct {
	pid  string
	file int // of /proc/PID/status; -1: not open
}

// maxKept is how many of an instance's files are kept open.
const maxKept = 4

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
	if m.closed {
		return m.most
	}
	if time.Since(m.listed) > listedFor {
		m.list()
		m.listed = time.Now()
	}
	var sum int64
	for _, p := range m.all {
		sum += p.peak()
	}
	m.most = max(m.most, sum)
	return m.most
}

// Close ends the measurement: what was seen stays.
func (m *Meter) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, p := range m.all {
		p.close()
	}
	m.all = nil
}

// list looks for the processes again, and keeps the files of those that are still there.
func (m *Meter) list() {
	var all []process
	for _, pid := range m.processes() {
		next := process{pid, -1}
		i := slices.IndexFunc(m.all, func(p process) bool { return p.pid == pid && p.peak() > 0 })
		switch {
		case i >= 0:
			next = m.all[i]
			m.all[i].file = -1
		case len(all) < maxKept:
			next.file = open(pid)
		}
		all = append(all, next)
	}
	for _, p := range m.all {
		p.close()
	}
	m.all = all
}

func (m *Meter) processes() []string {
	if m.group == "" {
		return descendants(nil, strconv.Itoa(m.root))
	}
	text := read(m.group)
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

// read reads a file of the kernel; empty: it is not there.
func read(path string) (text []byte) {
	file := openFile(path)
	if file < 0 {
		return nil
	}
	defer unix.Close(file)
	var buf [4096]byte
	for {
		n, err := unix.Read(file, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil, n <= 0:
			return text
		}
		text = append(text, buf[:n]...)
	}
}

// open opens a process's status; -1: it is not there.
func open(pid string) int { return openFile("/proc/" + pid + "/status") }

// openFile opens a file by the system call alone: os.Open makes six of it, and the first request waits for them.
func openFile(path string) int {
	for {
		file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return file
		case !errors.Is(err, unix.EINTR):
			return -1
		}
	}
}

func (p process) close() {
	if p.file >= 0 {
		_ = unix.Close(p.file)
	}
}

// peak is the most that the process had resident, in bytes; 0 where the kernel does not tell.
func (p process) peak() int64 {
	if p.file < 0 {
		return peakOf(p.pid)
	}
	var buf [4096]byte
	n, _ := unix.Pread(p.file, buf[:], 0) // all of it: the kernel makes the text in one piece
	_, rest, _ := bytes.Cut(buf[:max(n, 0)], []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kB, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kB << 10
}

// peakOf is peak for a process whose file is not kept open.
func peakOf(pid string) int64 {
	p := process{pid, open(pid)}
	if p.file < 0 {
		return 0
	}
	defer p.close()
	return p.peak()
}
