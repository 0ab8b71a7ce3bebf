package local

import (
	"fmt"
	"os"
	"strings"
)

// parentOf gives the number of a process's parent.
func parentOf(pid int) int { return processTable()[pid].parent }

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
	for _, pid := range descendants(processTable(), platform) {
		if numbers := numbersOf(pid); len(numbers) > 1 && numbers[1] == fmt.Sprint(inner) {
			return pid
		}
	}
	return 0
}
