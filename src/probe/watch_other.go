//go:build !linux

package probe

import "time"

// machine is empty: other systems tell none of it without cgo (macOS keeps its counters behind host_processor_info and sysctl
// structures that change), and what is not told is not judged.
type machine struct{}

func (*machine) open()         {}
func (*machine) close()        {}
func (*machine) read(*reading) {}

// suspended: macOS has no clock in package syscall that runs on in sleep. The wall clock's step shows it.
func suspended() time.Duration { return 0 }

// nap sleeps on one of Go's timers.
func nap(d time.Duration) { time.Sleep(d) }
