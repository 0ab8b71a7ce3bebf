package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ground is the mount namespace of a cell's thread.
type ground struct {
	open  bool
	below int           // this machine's /tmp, which the cell's own hides
	stubs []shownFolder // are mounted already
}

// make gives the calling thread, and its children, a mount namespace with tmp as its /tmp, and stubs in it, so that
// only a function's own folders are left for its start.
func (g *ground) make(tmp string, stubs []shownFolder) (err error) {
	if err := leaveMounts(); err != nil {
		return err
	}
	if g.below, err = openFolder(unix.AT_FDCWD, PrivateTmp); err != nil {
		return err
	}
	g.open = true
	if err := bindMount(tmp, PrivateTmp, false); err != nil {
		return err
	}
	g.stubs = stubs
	return g.mount(stubs, nil)
}

// leave gives up what only the start of a process needs.
func (g *ground) leave() {
	if g.open {
		_ = unix.Close(g.below)
		g.open = false
	}
}

// show mounts the folders of a view.
func (g *ground) show(v *View) error {
	defer g.leave()
	missing := slices.DeleteFunc(slices.Clone(v.stubs), func(s shownFolder) bool { return slices.Contains(g.stubs, s) })
	return g.mount(missing, v.readOnly)
}

// mount shows folders read-only, those for the others to be mounted at first. All are opened before: one may hide the
// way to another.
func (g *ground) mount(stubs, others []shownFolder) error {
	all := slices.Concat(stubs, others)
	var open []int
	defer func() {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
	}()
	for _, f := range all {
		fd, err := g.source(f.source)
		if err != nil {
			return fmt.Errorf("open %s: %w", f.source, err)
		}
		open = append(open, fd)
	}
	for _, f := range stubs {
		if err := os.Mkdir(f.target, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	for i, f := range all {
		if err := bindMount("/proc/self/fd/"+strconv.Itoa(open[i]), f.target, true); err != nil {
			return err
		}
	}
	return nil
}

// source opens a folder of this machine, whose path has no symbolic links.
func (g *ground) source(path string) (fd int, err error) {
	if below, ok := strings.CutPrefix(path, PrivateTmp+"/"); ok {
		return openFolder(g.below, below)
	}
	return openFolder(unix.AT_FDCWD, path)
}

func openFolder(at int, path string) (fd int, err error) {
	return unix.Openat(at, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}
