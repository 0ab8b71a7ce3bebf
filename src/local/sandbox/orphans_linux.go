package sandbox

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// AdoptOrphans makes this process, instead of the machine's init, the parent of descendants whose own parent has ended,
// so that a function's children cannot escape from the platform by forking twice.
func AdoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// procEntry is a row of the process table.
type procEntry struct {
	parent int
	zombie bool
}

// processTable lists this machine's processes, as far as /proc shows them.
func processTable() map[int]procEntry {
	table := map[int]procEntry{}
	dir, err := os.Open("/proc")
	if err != nil {
		return table
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name stands in brackets and may hold anything; state and parent follow it.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		table[pid] = procEntry{parent: parent, zombie: fields[0] == "Z" || fields[0] == "X"}
	}
	return table
}

// self is this process's number in the /proc that it sees, which may be another namespace's.
func self() int { return OuterPID() }

// descendants lists the children of a process, their children and so on; zombies are among them.
func descendants(table map[int]procEntry, of int) []int {
	var found []int
	for pid := range table {
		seen := 0
		for at := pid; at > 0 && seen <= len(table); seen++ {
			at = table[at].parent
			if at == of {
				found = append(found, pid)
				break
			}
		}
	}
	return found
}

// EndDescendants kills and reaps all descendants of this process, and returns those that do not end in time. It may
// only be called in a process that waits for no child elsewhere at that time.
func EndDescendants(limit time.Duration) (left []int) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	WaitUntil(ctx, 5*time.Millisecond, func() bool {
		left = descendants(processTable(), self())
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 && err != syscall.EINTR {
				break
			}
		}
		return len(left) == 0
	})
	slices.Sort(left)
	return left
}

// ReapOrphans reaps adopted processes that have ended. A child that the platform has started itself is waited for at
// once by the code that started it: one that is still a zombie a while later is an orphan.
func ReapOrphans(ctx context.Context) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	before := map[int]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := map[int]bool{}
		for pid, p := range processTable() {
			if p.parent != self() || !p.zombie {
				continue
			}
			if now[pid] = true; before[pid] {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
		before = now
	}
}

// EndStrays kills every process that was started with the marker in its environment, and returns those that do not end
// in time. Processes that a function starts inherit the environment.
func EndStrays(ctx context.Context, marker string) (left []int) {
	WaitUntil(ctx, 10*time.Millisecond, func() bool {
		left = left[:0]
		for pid, p := range processTable() {
			if pid == self() || p.zombie {
				continue
			}
			if hasMarker(pid, marker) {
				left = append(left, pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return len(left) == 0
	})
	slices.Sort(left)
	return left
}

// hasMarker reports whether a process was started with the marker in its environment.
func hasMarker(pid int, marker string) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && bytes.Contains(append([]byte{0}, environ...), []byte(marker))
}
