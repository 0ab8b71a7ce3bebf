//go:build linux || darwin

package machine

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
)

// darwinOpenMax is what macOS allows a process where its hard limit says infinity (OPEN_MAX).
const darwinOpenMax = 10240

// RaiseOpenFiles raises the process's limit of open files to the hard limit and returns the limit that now holds: a
// burst needs one file per request, and one more per kept connection.
func RaiseOpenFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	want := limit.Max
	if runtime.GOOS == "darwin" {
		want = min(want, max(limit.Cur, darwinOpenMax))
	}
	if limit.Cur < want {
		before := limit.Cur
		limit.Cur = want
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return asInt(before), fmt.Errorf("raise the limit of open files from %d to %d: %w", before, want, err)
		}
	}
	return asInt(want), nil
}

func asInt(n uint64) int { return int(min(n, math.MaxInt)) }
