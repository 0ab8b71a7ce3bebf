package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockBoottime = 7   // CLOCK_BOOTTIME of linux/time.h: what the kernel counts start times in
	ticksPerSec   = 100 // USER_HZ, fixed in the kernel's interface on amd64 and arm64
	startField    = 22  // of /proc/<pid>/stat, counted from 1 (proc(5))
)

// startTick gives the earliest instant at which the process can have begun and how much later it may have been.
func startTick() (earliest time.Time, tick time.Duration, ok bool) {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return time.Time{}, 0, false
	}
	// The second field is the program's name in parentheses and may hold anything: count from its end.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const afterName = startField - 3
	if len(fields) <= afterName {
		return time.Time{}, 0, false
	}
	ticks, err := strconv.ParseInt(string(fields[afterName]), 10, 64)
	if err != nil {
		return time.Time{}, 0, false
	}
	var ts syscall.Timespec
	now := time.Now()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)),
		0); errno != 0 {
		return time.Time{}, 0, false
	}
	tick = time.Second / ticksPerSec
	age := time.Duration(ts.Nano()) - time.Duration(ticks)*tick
	return now.Add(-age), tick, true
}
