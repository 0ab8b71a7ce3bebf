package shell

import (
	"time"

	"golang.org/x/sys/unix"
)

const zombie = 5 // SZOMB is the state of a process that has ended and is not reaped.

// awaitExit waits for the process to end and does not reap it. Only a parent that reaps it could wait in the kernel.
func awaitExit(pid int) {
	for ; ; time.Sleep(5 * time.Millisecond) {
		p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
		if err != nil || p.Proc.P_stat == zombie {
			return
		}
	}
}

// hasOthers reports whether the leader's group has other live members.
func hasOthers(leader int) bool {
	all, _ := unix.SysctlKinfoProcSlice("kern.proc.pgrp", leader)
	for _, p := range all {
		if int(p.Proc.P_pid) != leader && p.Proc.P_stat != zombie {
			return true
		}
	}
	return false
}
