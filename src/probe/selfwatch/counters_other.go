//go:build !linux

package selfwatch

import "time"

// system is empty: other systems report none of it without cgo (macOS keeps its counters behind host_processor_info and
// sysctl structures that change), and what is not reported is not judged.
type system struct{}

func (*system) open()         {}
func (*system) close()        {}
func (*system) read(*reading) {}

// suspended: macOS has no clock in package syscall that runs on in sleep. The wall clock's step shows it.
func suspended() time.Duration { return 0 }

// nap sleeps on one of Go's timers.
func nap(d time.Duration) { time.Sleep(d) }
