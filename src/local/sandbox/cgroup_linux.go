package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

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
	if err = write(fd, value); err != nil {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return errors.Join(err, unix.Close(fd))
}

// write writes an open control file.
func write(fd int, value string) error {
	for {
		if _, err := unix.Write(fd, []byte(value)); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
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
