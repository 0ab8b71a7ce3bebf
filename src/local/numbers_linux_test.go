package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// parentOf gives the number of a process's parent, 0 where it has ended.
func parentOf(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, fields, _ := strings.Cut(string(stat), ") ") // state and parent follow the name
	var state string
	var parent int
	_, _ = fmt.Sscan(fields, &state, &parent)
	return parent
}

// isBelow says whether a process is an ancestor of another.
func isBelow(pid, ancestor int) bool {
	for pid > 0 && pid != ancestor {
		pid = parentOf(pid)
	}
	return pid == ancestor
}

// numbersOf gives a process's number in this namespace and in each one below that it is in.
func numbersOf(pid int) []string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Fields(line)
}

// outerOf gives the number, in this namespace, of a process that has that number in the platform's.
func outerOf(platform, inner int) int {
	if len(numbersOf(platform)) < 2 {
		return inner
	}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		if pid == platform || !isBelow(pid, platform) {
			continue
		}
		if numbers := numbersOf(pid); len(numbers) > 1 && numbers[1] == fmt.Sprint(inner) {
			return pid
		}
	}
	return 0
}
