package machine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// usableCores are those that the kernel lets this thread run on.
func usableCores() (Cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for this process's cores: %w", err)
	}
	var out Cores
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			out = append(out, core)
		}
	}
	return out, nil
}

func (c Cores) set() (set unix.CPUSet) {
	for _, core := range c {
		set.Set(core)
	}
	return set
}

// Bind lets every thread of this process, and what it starts, run on these cores only. restore undoes that. GOMAXPROCS
// is lowered to the number of cores meanwhile; a lower one, such as the user's own, stays.
func (c Cores) Bind() (restore func() error, err error) {
	before, err := usableCores()
	if err != nil {
		return nil, err
	}
	procs := runtime.GOMAXPROCS(0)
	restore = func() error {
		runtime.GOMAXPROCS(procs)
		return before.bindThreads()
	}
	if err := c.bindThreads(); err != nil {
		return nil, errors.Join(err, restore())
	}
	runtime.GOMAXPROCS(min(procs, len(c))) // at once: the runtime would look for itself within a second
	return restore, nil
}

// bindThreads sets the cores of all threads. A thread that is made meanwhile has the cores of the one that made it, so
// the list is read until it names no new one.
func (c Cores) bindThreads() error {
	set, bound := c.set(), map[string]bool{}
	for fresh := true; fresh; {
		fresh = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("bind to cores %s: %w", c, err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil || bound[thread.Name()] {
				continue
			}
			err = unix.SchedSetaffinity(id, &set)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("bind to cores %s: %w", c, err)
			}
			bound[thread.Name()], fresh = true, true
		}
	}
	return nil
}

// Run calls f on a thread that has these cores: processes that f itself starts inherit them.
func (c Cores) Run(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("ask for this thread's cores: %w", err)
	}
	set := c.set()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to cores %s: %w", c, err)
	}
	err := f()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}
