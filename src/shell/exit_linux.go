package shell

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitExit waits for the process to end and does not reap it.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// hasOthers reports whether the leader's group has other live members. Signal 0 to the group cannot answer this: it
// counts the leader that has ended and is not reaped.
func hasOthers(leader int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// "pid (name) state ppid pgrp …"; the name may contain any character
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 3 || string(fields[2]) != strconv.Itoa(leader) {
			continue
		}
		if state := fields[0][0]; state != 'Z' && state != 'X' &&
			!bytes.HasPrefix(text, []byte(strconv.Itoa(leader)+" ")) {
			return true
		}
	}
	return false
}
