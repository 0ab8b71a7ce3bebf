//go:build !unix

package main

import "time"

// cpuTime is not read on this system.
func cpuTime() time.Duration { return 0 }
