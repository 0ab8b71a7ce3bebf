package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Groups is the platform's branch of the control groups: version 1 hierarchies, or the one of version 2.
type Groups struct {
	limits Limits
	memory string // v1: folder in the memory hierarchy; v2: the only folder; empty: not enforced
	cpu    string // v1: folder in the cpu hierarchy; v2: the same folder as memory
	v2     bool
	next   atomic.Int64
}

// cgroup is the group of one instance; an empty folder means that nothing is enforced.
type cgroup struct {
	parent *Groups
	memory string
	cpu    string
	peakAt int      // a file that is kept open, because it is read for every request; -1: not open
	folder *os.File // v2: the folder that the process is born in

	mu sync.Mutex // guards peakAt, once the instance runs
}

// OpenGroups makes the platform's branch, named by its id, in the first place where that is allowed.
func OpenGroups(id string, memory, cpu bool) *Groups {
	c := &Groups{}
	var why []error
	if !memory && !cpu { // nothing to enforce: instances need no groups
		c.limits.Why = "memory: turned off; cpu: turned off"
		return c
	}
	if dir, err := branchV2(id, memory, cpu); err == nil {
		c.v2 = true
		if memory {
			c.memory = dir
		}
		if cpu {
			c.cpu = dir
		}
	} else {
		why = append(why, c.openV1(id, memory, cpu))
	}
	c.limits.Memory, c.limits.CPU = c.memory != "", c.cpu != ""
	if !memory {
		why = append(why, errors.New("memory: turned off"))
	}
	if !cpu {
		why = append(why, errors.New("cpu: turned off"))
	}
	if err := errors.Join(why...); err != nil {
		c.limits.Why = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return c
}

func (c *Groups) openV1(id string, memory, cpu bool) error {
	var errs []error
	open := func(controller, probe string) string {
		var last error = fmt.Errorf("%s: no control group hierarchy for it is mounted", controller)
		for _, place := range ancestorsOf("cgroup", controller) {
			dir := filepath.Join(place, id)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				last = fmt.Errorf("%s: %w", controller, err)
				continue
			}
			if err := writable(dir, probe); err != nil {
				last = errors.Join(fmt.Errorf("%s: %w", controller, err), os.Remove(dir))
				continue
			}
			return dir
		}
		errs = append(errs, last)
		return ""
	}
	if memory {
		c.memory = open("memory", "memory.limit_in_bytes")
	}
	if cpu {
		c.cpu = open("cpu", "cpu.cfs_quota_us")
	}
	return errors.Join(errs...)
}

// writable reports whether a control file can be written.
func writable(dir, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// branchV2 makes the branch in the nearest group above this process whose children have the controllers.
func branchV2(id string, memory, cpu bool) (string, error) {
	var last error = errors.New("no control group version 2 is mounted")
	want := map[string]bool{"memory": memory, "cpu": cpu}
	for _, place := range ancestorsOf("cgroup2", "") {
		have, err := os.ReadFile(filepath.Join(place, "cgroup.subtree_control"))
		if err != nil {
			last = err
			continue
		}
		if missing := lacking(want, string(have)); missing != "" {
			// Only possible where the group holds no process of its own, or is the root; else the next one up.
			if err := put(place, "cgroup.subtree_control", missing); err != nil {
				last = err
				continue
			}
		}
		dir := filepath.Join(place, id)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			last = err
			continue
		}
		if err := put(dir, "cgroup.subtree_control", lacking(want, "")); err != nil {
			last = errors.Join(err, os.Remove(dir))
			continue
		}
		return dir, nil
	}
	return "", last
}

// lacking returns the wanted controllers that are not enabled, in the form of subtree_control.
func lacking(want map[string]bool, enabled string) string {
	var out []string
	for _, name := range []string{"memory", "cpu"} {
		if want[name] && !containsWord(enabled, name) {
			out = append(out, "+"+name)
		}
	}
	return strings.Join(out, " ")
}

func containsWord(list, word string) bool {
	for _, w := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
		if w == word {
			return true
		}
	}
	return false
}

// ancestorsOf lists the folders of a hierarchy from this process's own group up to the mount point.
func ancestorsOf(kind, controller string) []string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own := ownGroup(controller)
	for scan := bufio.NewScanner(bytes.NewReader(mounts)); scan.Scan(); {
		left, right, ok := strings.Cut(scan.Text(), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 || r[0] != kind || controller != "" && !containsWord(r[2], controller) {
			continue
		}
		point := l[4]
		dir := filepath.Join(point, strings.TrimPrefix(own, strings.TrimSuffix(l[3], "/")))
		if _, err := os.Stat(dir); err != nil {
			dir = point // the mount shows another part of the hierarchy than the one this process is in
		}
		var out []string
		for ; len(dir) > len(point); dir = filepath.Dir(dir) {
			out = append(out, dir)
		}
		return append(out, point)
	}
	return nil
}

// ownGroup returns this process's group in the hierarchy of a controller; the empty controller is version 2.
func ownGroup(controller string) string {
	list, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(list)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (controller == "" && parts[1] == "" || controller != "" &&
			containsWord(parts[1], controller)) {
			return parts[2]
		}
	}
	return "/"
}

// put writes a control file, by system calls alone: os.OpenFile would have Go's network poller watch the file, which
// takes four more of them and wakes the poller's thread.
func put(dir, name, value string) error {
	path := filepath.Join(dir, name)
	fd, err := openControl(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	for {
		if _, err = unix.Write(fd, []byte(value)); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return errors.Join(err, unix.Close(fd))
}

// openControl opens a control file.
func openControl(path string, mode int) (fd int, err error) {
	for {
		fd, err = unix.Open(path, mode|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return fd, nil
		case !errors.Is(err, unix.EINTR):
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// make makes the group of one instance, without limits yet.
func (c *Groups) make() (*cgroup, error) {
	g := &cgroup{parent: c, peakAt: -1}
	name := strconv.FormatInt(c.next.Add(1), 10)
	if c.memory != "" {
		g.memory = filepath.Join(c.memory, name)
		if err := os.Mkdir(g.memory, 0o755); err != nil {
			return nil, fmt.Errorf("control group: %w", err)
		}
		g.peakAt, _ = openControl(filepath.Join(g.memory, pick(c.v2, "memory.peak", "memory.max_usage_in_bytes")),
			unix.O_RDONLY)
	}
	if c.cpu != "" {
		g.cpu = filepath.Join(c.cpu, name)
		if err := os.Mkdir(g.cpu, 0o755); err != nil && !(c.v2 && errors.Is(err, fs.ErrExist)) {
			return nil, errors.Join(fmt.Errorf("control group: %w", err), g.remove())
		}
	}
	if c.v2 {
		var err error
		if g.folder, err = os.Open(pick(g.memory != "", g.memory, g.cpu)); err != nil {
			return nil, errors.Join(fmt.Errorf("control group: %w", err), g.remove())
		}
	}
	return g, nil
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// Close removes the platform's branch; its instances' groups must be gone.
func (c *Groups) Close() error {
	return errors.Join(removeGroup(c.memory), removeGroup(c.cpu))
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
	bytes := strconv.FormatInt(int64(mb)<<20, 10)
	if g.parent.v2 {
		_ = put(g.memory, "memory.swap.max", "0") // absent where the kernel has no swap accounting
		return put(g.memory, "memory.max", bytes)
	}
	if err := put(g.memory, "memory.limit_in_bytes", bytes); err != nil {
		return err
	}
	_ = put(g.memory, "memory.memsw.limit_in_bytes", bytes)
	return nil
}

// limitCPU allows the group the given processor time in every period; the kernel accepts no less than 1 ms of either.
func (g *cgroup) limitCPU(quota, period time.Duration) error {
	if g.cpu == "" {
		return nil
	}
	quotaText, periodText := strconv.FormatInt(quota.Microseconds(), 10), strconv.FormatInt(period.Microseconds(), 10)
	if g.parent.v2 {
		return put(g.cpu, "cpu.max", quotaText+" "+periodText)
	}
	if err := put(g.cpu, "cpu.cfs_period_us", periodText); err != nil {
		return err
	}
	return put(g.cpu, "cpu.cfs_quota_us", quotaText)
}

// peak gives the most memory that the group has used, in bytes, 0 where that is not known.
func (g *cgroup) peak() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.peakAt < 0 {
		return 0
	}
	var buf [32]byte
	n, _ := unix.Pread(g.peakAt, buf[:], 0)
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
	if g.peakAt >= 0 {
		_ = unix.Close(g.peakAt)
		g.peakAt = -1
	}
	g.mu.Unlock()
	return errors.Join(removeGroup(g.memory), removeGroup(g.cpu))
}

// removeGroup removes a group and those below it, and kills what is in them; a missing one is no error.
func removeGroup(dir string) error {
	if dir == "" {
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

// RemoveGroups removes what a killed platform of that id left.
func RemoveGroups(id string) error {
	var errs []error
	for _, place := range [][]string{ancestorsOf("cgroup", "memory"), ancestorsOf("cgroup", "cpu"),
		ancestorsOf("cgroup2", "")} {
		for _, dir := range place {
			branch := filepath.Join(dir, id)
			if info, err := os.Stat(branch); err == nil && info.IsDir() {
				errs = append(errs, removeGroup(branch))
			}
		}
	}
	return errors.Join(errs...)
}
