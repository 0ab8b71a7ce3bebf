package probe

import "runtime"

// loopsFor is the number of sending threads on a machine with the given number of processors: the platform may be on
// the same machine, and a few threads are enough for any network card.
func loopsFor(processors int) int { return min(max(processors/2, 1), 4) }

// processorsBeside is how many of Go's processors are kept for what runs beside the loops: the recorder, the watch, the
// garbage collector, and one that is idle.
const processorsBeside = 4

// ReserveProcessors gives Go's scheduler more processors (GOMAXPROCS) than the machine has, where the loops of so many
// runs at a time would leave none idle, until release is called. processors is what the machine has, for
// Config.Processors.
//
// A loop keeps its processor while it waits. Where no other one is idle, the runtime's monitor thread (sysmon in Go's
// runtime/proc.go) wakes every 20 µs to take processors from threads in system calls: a tenth of a core. With an idle
// one it sleeps, and the kernel alone decides which thread runs.
func ReserveProcessors(runs int) (processors int, release func()) {
	processors = runtime.GOMAXPROCS(0)
	wanted := loopsFor(processors)*min(max(runs, 1), mostRunsReserved) + processorsBeside
	if wanted <= processors {
		return processors, func() {}
	}
	runtime.GOMAXPROCS(wanted)
	return processors, func() { runtime.GOMAXPROCS(processors) }
}

// mostRunsReserved bounds the processors of many runs at a time: each costs the garbage collector a worker.
const mostRunsReserved = 16
