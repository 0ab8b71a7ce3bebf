package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the group of one instance; an empty folder means that nothing is enforced.
type cgroup struct {
	parent *Groups
	memory string
	cpu    string
	folder *os.File // v2: the folder that the process is born in

	mu    sync.Mutex     // guards the files, once the instance runs
	files [fileRoles]int // are kept open: their limits are set during a cold start, the peak is read with requests
}

// Roles of a group's files; -1 stands for one that is not open.
const (
	peakFile = iota
	memoryFile
	swapFile
	quotaFile
	fileRoles
)

// make makes the group of one instance, without limits yet.
func (c *Groups) make() (*cgroup, error) {
	g := &cgroup{parent: c, files: [fileRoles]int{-1, -1, -1, -1}}
	name := strconv.FormatInt(c.next.Add(1), 10)
	if c.memory != "" {
		g.memory = filepath.Join(c.memory, name)
		if err := os.Mkdir(g.memory, 0o755); err != nil {
			return nil, fmt.Errorf("control group: %w", err)
		}
	}
	if c.cpu != "" {
		g.cpu = filepath.Join(c.cpu, name)
		if err := os.Mkdir(g.cpu, 0o755); err != nil && !(c.v2 && errors.Is(err, fs.ErrExist)) {
			return nil, errors.Join(fmt.Errorf("control group: %w", err), g.remove())
		}
	}
	err := g.open()
	if err == nil && c.v2 {
		g.folder, err = os.Open(pick(g.memory != "", g.memory, g.cpu))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control group: %w", err), g.remove())
	}
	return g, nil
}

// open opens the files, and sets the period.
func (g *cgroup) open() (err error) {
	v2 := g.parent.v2
	open := func(role int, dir, name string, mode int) {
		if err == nil {
			g.files[role], err = openControl(filepath.Join(dir, name), mode)
		}
	}
	if g.memory != "" {
		open(memoryFile, g.memory, pick(v2, "memory.max", "memory.limit_in_bytes"), unix.O_WRONLY)
		// Absent in old kernels, and where the kernel has no swap accounting.
		peak := pick(v2, "memory.peak", "memory.max_usage_in_bytes")
		g.files[peakFile], _ = openControl(filepath.Join(g.memory, peak), unix.O_RDONLY)
		swap := pick(v2, "memory.swap.max", "memory.memsw.limit_in_bytes")
		g.files[swapFile], _ = openControl(filepath.Join(g.memory, swap), unix.O_WRONLY)
	}
	if g.cpu != "" {
		open(quotaFile, g.cpu, pick(v2, "cpu.max", "cpu.cfs_quota_us"), unix.O_WRONLY)
		if err == nil && !v2 {
			err = put(g.cpu, "cpu.cfs_period_us", strconv.FormatInt(Period.Microseconds(), 10))
		}
	}
	return err
}

// set writes a limit.
func (g *cgroup) set(role int, value string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.files[role] < 0 {
		return fs.ErrClosed
	}
	return write(g.files[role], value)
}

// join moves the calling OS thread into the group, so that its child is born there; version 2 does that by itself.
func (g *cgroup) join() error {
	if g.parent.v2 {
		return nil
	}
	tid := strconv.Itoa(syscall.Gettid())
	for _, dir := range []string{g.memory, g.cpu} {
		if dir == "" {
			continue
		}
		if err := put(dir, "tasks", tid); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// setBirthplace lets the process start in a version 2 group.
func (g *cgroup) setBirthplace(sys *syscall.SysProcAttr) {
	if g.folder != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, int(g.folder.Fd())
	}
}

// limitMemory caps the memory of the group, swap included.
func (g *cgroup) limitMemory(mb int) error {
	if g.memory == "" {
		return nil
	}
	limit := strconv.FormatInt(int64(mb)<<20, 10)
	if g.parent.v2 {
		_ = g.set(swapFile, "0")
		return g.set(memoryFile, limit)
	}
	if err := g.set(memoryFile, limit); err != nil {
		return err
	}
	_ = g.set(swapFile, limit)
	return nil
}

// limitCPU allows the group the given processor time in every period; the kernel accepts no less than 1 ms of either.
func (g *cgroup) limitCPU(quota, period time.Duration) error {
	if g.cpu == "" {
		return nil
	}
	quotaText, periodText := strconv.FormatInt(quota.Microseconds(), 10), strconv.FormatInt(period.Microseconds(), 10)
	if g.parent.v2 {
		return g.set(quotaFile, quotaText+" "+periodText)
	}
	if period != Period {
		if err := put(g.cpu, "cpu.cfs_period_us", periodText); err != nil {
			return err
		}
	}
	return g.set(quotaFile, quotaText)
}

// peak gives the most memory that the group has used, in bytes, 0 where that is not known.
func (g *cgroup) peak() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.files[peakFile] < 0 {
		return 0
	}
	var buf [32]byte
	n, _ := unix.Pread(g.files[peakFile], buf[:], 0)
	v, _ := strconv.ParseInt(string(bytes.TrimSpace(buf[:max(n, 0)])), 10, 64)
	return v
}

// processes is the file that lists the group's processes, empty where there is no group.
func (g *cgroup) processes() string {
	if dir := pick(g.memory != "", g.memory, g.cpu); dir != "" {
		return filepath.Join(dir, "cgroup.procs")
	}
	return ""
}

// outOfMemory reports whether the kernel has killed in the group because of its memory limit.
func (g *cgroup) outOfMemory() bool {
	if g.memory == "" {
		return false
	}
	text, _ := os.ReadFile(filepath.Join(g.memory, pick(g.parent.v2, "memory.events", "memory.oom_control")))
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(n) != "0"
		}
	}
	return false
}

// holdsAll reports that everything that the process starts is in the group, so that remove ends it.
func (g *cgroup) holdsAll() bool { return g.memory != "" || g.cpu != "" }

// remove ends whatever is still in the group (a process may have left its process group) and removes it.
func (g *cgroup) remove() error {
	if g.folder != nil {
		_ = g.folder.Close()
	}
	g.mu.Lock()
	for role, fd := range g.files {
		if fd >= 0 {
			_ = unix.Close(fd)
			g.files[role] = -1
		}
	}
	g.mu.Unlock()
	return errors.Join(removeGroup(g.memory), removeGroup(g.cpu))
}

// removeGroup removes a group and those below it, and kills what is in them; a missing one is no error.
func removeGroup(dir string) error {
	if dir == "" || unix.Rmdir(dir) == nil { // it has no processes and no groups below it
		return nil
	}
	children, _ := os.ReadDir(dir)
	for _, child := range children {
		if child.IsDir() {
			_ = removeGroup(filepath.Join(dir, child.Name()))
		}
	}
	var err error
	for wait := time.Millisecond; wait < 2*time.Second; wait *= 2 {
		if err = os.Remove(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		killMembers(dir)
		time.Sleep(wait)
	}
	return fmt.Errorf("control group: %w", err)
}

func killMembers(dir string) {
	list, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for _, field := range strings.Fields(string(list)) {
		// The cells' own threads show as this process until they have ended.
		if pid, _ := strconv.Atoi(field); pid > 1 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
